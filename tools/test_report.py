"""Reads what test runners print: how many tests passed and failed, and of each failure the few lines that matter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_FAILURES = 5
MAX_LINES = 12
_MAX_WIDTH = 300


@dataclass(frozen=True)
class Outcome:
    """Counts, None where the runner does not say, and one short text a failure, at most MAX_FAILURES."""

    passed: int | None
    failed: int | None
    failures: tuple[str, ...] = ()

    @property
    def nothing_ran(self) -> bool:
        """Whether the runner said that it ran no test at all."""
        return self.passed == 0 and self.failed == 0


def parse(output: str, root: Path) -> Outcome:
    """The outcome by the runner whose summary stands in the output, which need not be the one that was started."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.replace("\r\n", "\n"))
    for parser in (_pytest, _unittest, _cargo, _go, _node):
        outcome = parser(text, root)
        if outcome is not None:
            return outcome
    trace = text.rpartition("Traceback (most recent call last):\n")[2]
    if trace != text:
        return Outcome(None, None, (_block(_traceback(trace.split("\n"), root)),))
    return Outcome(None, None, _telling_lines(text))


def _block(lines: Sequence[str]) -> str:
    kept = [line[:_MAX_WIDTH].rstrip() for line in lines if line.strip()]
    if len(kept) > MAX_LINES:
        kept = [*kept[: MAX_LINES - 1], f"[... {len(kept) - MAX_LINES + 1} more lines ...]"]
    return "\n".join(kept)


def _number(pattern: str, text: str) -> int:
    return sum(int(found) for found in re.findall(pattern, text))


# --- pytest -----------------------------------------------------------------------------------------------------------

_PYTEST_END = re.compile(
    r"^(?:=+ )?((?:\d+ (?:failed|passed|skipped|deselected|xfailed|xpassed|warnings?|errors?|rerun|subtests passed)"
    r"(?:, )?)+"
    r"|no tests ran) in [\d.]+s.*$",
    re.MULTILINE,
)


def _pytest(text: str, root: Path) -> Outcome | None:
    ends = list(_PYTEST_END.finditer(text))
    if not ends:
        return None
    summary = ends[-1][1]
    failed = _number(r"(\d+) failed", summary) + _number(r"(\d+) errors?", summary)
    failures = [_pytest_failure(name, body) for name, body in _pytest_sections(text)]
    return Outcome(_number(r"(\d+) passed", summary), failed, tuple(failures[:MAX_FAILURES]))


def _pytest_sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """The name and the lines of each failure, captured output left out."""
    name, body, failing, captured = "", list[str](), False, False
    for line in text.split("\n"):
        if re.match(r"=+ .+ =+$", line):
            if name:
                yield name, body
            name, failing = "", bool(re.match(r"=+ (FAILURES|ERRORS) =+$", line))
        elif failing and (header := re.fullmatch(r"_{2,} (.+?) _{2,}", line)):
            if name:
                yield name, body
            name, body, captured = header[1], [], False
        elif name and re.match(r"-+ Captured .+ -+$", line):
            captured = True
        elif name and not captured:
            body.append(line)
    if name:
        yield name, body


def _pytest_failure(name: str, body: Sequence[str]) -> str:
    """The frame of the test, the frame that raised, and the lines of the error."""
    places = [i for i, line in enumerate(body) if re.match(r"\S.*?:\d+: ", line)]
    errors = [line for line in body if re.match(r"E\s+\S", line)]
    shown: list[str] = []
    for place in dict.fromkeys(places[:1] + places[-1:]):
        shown.append(body[place])
        shown += [line for line in body[place + 1 : place + 2] if line.startswith("    ")]
    return _block([name, *shown, *(errors or body[-MAX_LINES:])])


def hanging_at(output: str, root: Path) -> str:
    """The frames of the repository, innermost first, in the last stack that pytest printed because a test took long."""
    stack = output.rpartition("(most recent call first):\n")[2] if "Timeout (" in output else ""
    frames = re.findall(r'^  File "(.+?)", line (\d+) in (.+)$', stack, re.MULTILINE)
    ours = [frame for frame in frames if frame[0].startswith(f"{root}/") and "/site-packages/" not in frame[0]]
    return _block([f"{file.removeprefix(f'{root}/')}:{line}: in {name}" for file, line, name in ours[:MAX_LINES]])


# --- unittest ---------------------------------------------------------------------------------------------------------

_UNITTEST_HEAD = re.compile(r"^={70}\n(FAIL|ERROR): (.+)\n(?:(?!-{70}).*\n)?-{70}\n", re.MULTILINE)


def _unittest(text: str, root: Path) -> Outcome | None:
    ran = re.findall(r"^Ran (\d+) tests? in [\d.]+s$", text, re.MULTILINE)
    if not ran:
        return None
    summary = "".join(re.findall(r"^(?:FAILED|OK)(?: \(.*\))?$", text, re.MULTILINE)[-1:])
    failed = _number(r"(?:failures|errors|unexpected successes)=(\d+)", summary)
    unproven = _number(r"(?:skipped|expected failures)=(\d+)", re.sub(r"unexpected successes=\d+", "", summary))
    heads = list(_UNITTEST_HEAD.finditer(text))
    failures: list[str] = []
    for i, head in enumerate(heads[:MAX_FAILURES]):
        end = heads[i + 1].start() if i + 1 < len(heads) else text.find(f"\n{'-' * 70}\nRan ", head.end())
        failures.append(_block([head[2], *_traceback(text[head.end() : end].split("\n"), root)]))
    # An error may stand for a whole module or class, so that more fail than ran.
    return Outcome(max(0, int(ran[-1]) - failed - unproven), failed, tuple(failures))


def _traceback(body: Sequence[str], root: Path) -> list[str]:
    """The first and the last frame that are the repository's own, and the error, of a traceback Python printed."""
    frames = [i for i, line in enumerate(body) if re.match(r'  File ".+", line \d+', line)]
    ours = [i for i in frames if f'"{root}/' in body[i] and "/site-packages/" not in body[i]] or frames
    shown: list[str] = []
    for i in dict.fromkeys(ours[:1] + ours[-1:]):
        match = re.match(r'  File "(.+)", line (\d+)(?:, in (.+))?', body[i])
        assert match is not None
        shown.append(f"{match[1].removeprefix(f'{root}/')}:{match[2]}" + (f": in {match[3]}" if match[3] else ""))
        shown += [line for line in body[i + 1 : i + 2] if line.startswith("    ")]
    after = frames[-1] + 1 if frames else 0
    error = [line for line in body[after:] if not line.startswith("    ") or not frames]
    return [*shown, *(line for line in error if not re.fullmatch(r"Traceback.*|\s*", line))]


# --- others -----------------------------------------------------------------------------------------------------------


def _cargo(text: str, root: Path) -> Outcome | None:
    results = re.findall(r"^test result: .*?(\d+) passed; (\d+) failed;", text, re.MULTILINE)
    if not results:
        return None
    blocks = re.findall(r"^---- (.+?) stdout ----\n(.*?)(?=^----|^failures:|\Z)", text, re.MULTILINE | re.DOTALL)
    failures = [_block([name, *body.split("\n")]) for name, body in blocks[:MAX_FAILURES]]
    return Outcome(sum(int(p) for p, _ in results), sum(int(f) for _, f in results), tuple(failures))


def _go(text: str, root: Path) -> Outcome | None:
    if not re.search(r"^(?:(?:ok  |FAIL|\?   )\t\S+|--- (?:PASS|FAIL): \S+)", text, re.MULTILINE):
        return None
    passed = len(re.findall(r"^--- PASS:", text, re.MULTILINE))
    failed = len(re.findall(r"^--- FAIL:", text, re.MULTILINE))
    broken = re.findall(r"^FAIL\s+\S+ \[(?:build|setup) failed\]", text, re.MULTILINE)
    failures: list[str] = []
    for match in re.finditer(
        r"^=== RUN\s+(\S+)\n(.*?)^(?=\s*--- (FAIL|PASS|SKIP): \1 )", text, re.MULTILINE | re.DOTALL
    ):
        if match[3] == "FAIL":
            failures.append(_block([match[1], *(x for x in match[2].split("\n") if not x.startswith("==="))]))
    if broken or (failed and not failures):
        failures = [*_telling_lines(text), *failures]
    return Outcome(passed, failed + len(broken), tuple(failures[:MAX_FAILURES]))


_NODE_COUNTS = (
    # node --test, then jest and vitest, then mocha
    (r"^(?:#|\u2139) pass (\d+)$", r"^(?:#|\u2139) fail (\d+)$"),
    (r"^\s*Tests:?\s.*?(\d+) passed", r"^\s*Tests:?\s.*?(\d+) failed"),
    (r"^\s*(\d+) passing\b", r"^\s*(\d+) failing\b"),
)


def _node(text: str, root: Path) -> Outcome | None:
    for passed, failed in _NODE_COUNTS:
        good = re.findall(passed, text, re.MULTILINE)
        bad = re.findall(failed, text, re.MULTILINE)
        if good or bad:
            count = sum(map(int, bad))
            return Outcome(sum(map(int, good)), count, _telling_lines(text) if count else ())
    return None


_TELLING = re.compile(
    r"\bfail(?:ed|ure|ures|ing)?\b|\berror\b|\w(?:Error|Exception)\b|\bpanic|\bassert|\bexpected\b|\bactual\b|\breceived\b"
    r"|\bundefined\b|^not ok|[\u2715\u2716\u2717\u00d7]",
    re.IGNORECASE,
)


def _telling_lines(text: str) -> tuple[str, ...]:
    """The lines that speak of failure, each with the next; or else the last lines: as one text."""
    lines = text.rstrip().split("\n")
    wanted = {j for i, line in enumerate(lines) if _TELLING.search(line) for j in (i, i + 1) if j < len(lines)}
    chosen = [lines[i] for i in sorted(wanted)] or lines[-2 * MAX_LINES :]
    kept = [line[:_MAX_WIDTH].rstrip() for line in chosen if line.strip()]
    if len(kept) > 4 * MAX_LINES:
        kept = [*kept[: 4 * MAX_LINES], f"[... {len(kept) - 4 * MAX_LINES} more lines ...]"]
    return ("\n".join(kept),) if kept else ()
