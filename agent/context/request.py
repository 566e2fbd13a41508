"""What the model is shown with a request: files and symbols it names, their tests, what else may matter, and how the
tests fail now; knows no model.

Whole files are chosen by what is certain: a path, a file name, a module or a symbol that stands in the request, then
tests of such files. Of a file that is too long the symbol alone is quoted. What is shown is noted in the ledger, so
that it can be edited without reading it again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from codeagent import prompts
from codeagent.agent.checks import CheckReport
from codeagent.agent.context.code import CodeContext
from codeagent.agent.context.editable import Editable, editable
from codeagent.agent.text import printable
from codeagent.tools.api import ToolError, relative
from codeagent.tools.files import digest, read_bytes
from codeagent.tools.ledger import FileLedger
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.sensitive import holds_secrets
from codeagent.tools.symbols.reader import Found
from codeagent.tools.text import decode
from codeagent.tools.workspace import Workspace

FILES_CHARS = 14_000
SMALL_REPOSITORY = 4
LISTED = 60
TELLING = 12
RELATED = 6
FEW = 20
"""In a repository of so few files, hints beside the files that are shown lead astray."""
LONGEST_LINE = 160
EXCERPT_LINES = 120
PATIENCE_S = 3.0
_LANGUAGES = {"py": "python", "js": "javascript", "ts": "typescript", "rs": "rust", "rb": "ruby", "sh": "bash"}
_FENCE = re.compile(r"^```[^\n`]*\n(.*?)^```\s*$", re.DOTALL | re.MULTILINE)
_UNADDRESSED = re.compile(r"^```(?:old|new)\s*$", re.MULTILINE)  # an edit whose head is missing
_TEST = re.compile(r"^tests?_|_tests?$|\.test$|_spec$|\.spec$|^tests?$")


class RequestComposer:
    """Writes the user message of a turn."""

    def __init__(
        self,
        workspace: Workspace,
        ledger: FileLedger,
        ripgrep: Ripgrep,
        code: CodeContext | None = None,
        on_secret: Callable[[Path], None] | None = None,
    ) -> None:
        """Files come from the workspace only, less what the ignore rules exclude. Without `code` symbols are not
        known. `on_secret` hears of each file that the person opened.
        """
        self._workspace = workspace
        self._code = code
        self._ledger = ledger
        self._ripgrep = ripgrep
        self._on_secret = on_secret
        self._shown: list[str] = []
        self._lines: dict[str, set[str]] = {}
        self._all_shown = False
        self._count = 0
        self._names_then: tuple[str, ...] = ()
        self._named_first: str | None = None
        self._listed = ""

    @property
    def shown(self) -> tuple[str, ...]:
        """The files shown so far in the session, tests aside: those that the model may want to rewrite."""
        return tuple(self._shown)

    @property
    def all_shown(self) -> bool:
        """Whether every file of the repository that is not a test has been shown."""
        return self._all_shown

    @property
    def map_helps(self) -> bool:
        """Whether there is more than what has been shown and a short listing tells."""
        return not self._all_shown and self._count > SMALL_REPOSITORY

    def editable(self) -> Editable:
        """What the model may edit now, by the files there were when the turn began and those it has seen."""
        return editable(self._workspace, self._ledger, self._names_then)

    def subject(self, answer: str) -> str | None:
        """The shown file, tests aside, whose code the fences of an answer repeat; where they repeat none, but replace
        something, the first that the request named; else None.
        """
        code = {line.strip() for fence in _FENCE.findall(answer) for line in fence.splitlines()}
        repeated = {name: len(_telling(lines & code)) for name, lines in self._lines.items()}
        best = max(repeated, key=lambda name: repeated[name], default=None)
        if best is not None and repeated[best]:
            return best
        return self._named_first if _UNADDRESSED.search(answer) else None

    async def compose(self, request: str, report: CheckReport | None, opened: Collection[str] = ()) -> str:
        """The request with the files it speaks of, a listing, and the failing check if there is one. A file that may
        hold secrets is shown only if it is one of those `opened`, at which the person, and no text that came, pointed.
        """
        names = await self._names()
        self._count, self._names_then = len(names), tuple(names)
        root = self._workspace.root
        secret = {name for name in names if holds_secrets(root / name, root) and name not in opened}
        chosen = choose(request, names, secret)
        self._named_first = next((name for name in chosen if not is_test(name)), None)
        symbols = await self._named(request, chosen, names)
        for name in set(opened).intersection(chosen):
            if self._on_secret is not None:
                self._on_secret(self._workspace.resolve(name))
        shown = self._read(list(dict.fromkeys([*chosen, *(found.path for found in symbols)])))
        whole = {file["path"] for file in shown}
        excerpts = self._excerpts([found for found in symbols if found.path not in whole])
        self._all_shown = {name for name in names if not is_test(name) and name not in secret} <= set(self._shown)
        failing = report.text if report is not None and report.passed is False else ""
        known = {*whole, *(excerpt["path"] for excerpt in excerpts)}
        return prompts.render(
            "context/request.md",
            request=request.strip(),
            listing=self._listing(names),
            files=[*shown, *excerpts],
            related=await self._related(request, failing, known) if not known or len(names) > FEW else [],
            report=failing,
        )

    def _listing(self, names: Sequence[str]) -> str:
        """The files there are, or of many their folders; nothing where that was said before."""
        if len(names) <= LISTED:
            text = "\n".join(names)
        else:
            folders = Counter(f"{name.partition('/')[0]}/" if "/" in name else name for name in names)
            lines = [f"{name} ({count} files)" if name.endswith("/") else name for name, count in folders.items()]
            text = "\n".join(lines[:LISTED]) + ("\n…" if len(lines) > LISTED else "")
        told, self._listed = self._listed, text
        return "" if text == told else text

    async def _named(self, request: str, chosen: Sequence[str], names: Sequence[str]) -> list[Found]:
        """The symbols that the request names; none where all is shown anyway, or the index is not there in time."""
        if self._code is None or len(chosen) == len(names) or not await self._code.ready(PATIENCE_S):
            return []
        return [found for found in await self._code.named(request) if found.path in set(names)]

    async def _related(self, request: str, failing: str, known: set[str]) -> list[str]:
        """Lines that name what else the request may be about, in files that are not shown."""
        if self._code is None or not await self._code.ready(0):
            return []
        hits = await self._code.hits(request, failing, self._shown, RELATED + len(known))
        lines = [
            f"{hit.path}:{hit.symbol.start} {hit.symbol.signature}" if hit.symbol is not None else hit.path
            for hit in hits
            if hit.path not in known
        ]
        return [printable(line)[:LONGEST_LINE] for line in lines[:RELATED]]

    def _excerpts(self, symbols: Sequence[Found]) -> list[dict[str, Any]]:
        """The source of symbols in files that are too long to be shown whole, as far as they are where they were."""
        shown: list[dict[str, Any]] = []
        for found in symbols:
            try:
                path = self._workspace.resolve(found.path)
                data = read_bytes(path, found.path)
                lines = decode(data, found.path).shown.split("\n")
            except ToolError:
                continue
            start, end = found.symbol.start, min(found.symbol.end, found.symbol.start + EXCERPT_LINES - 1)
            part = "\n".join(lines[start - 1 : end])
            if found.symbol.name not in part:
                continue  # the file has changed since it was indexed
            self._ledger.note(path, digest(data), False)
            shown.append(_quoted(found.path, part, f", lines {start} to {end} of {len(lines)}"))
        return shown

    async def _names(self) -> list[str]:
        try:
            paths = await self._ripgrep.files(self._workspace.root)
        except ToolError:
            return []  # without ripgrep the model lists and reads for itself
        names = [relative(path, self._workspace.root) for path in paths]
        return [name for name in names if name.isprintable()]

    def _read(self, names: Sequence[str]) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = []
        left = FILES_CHARS
        for name in names:
            try:
                path = self._workspace.resolve(name)
                data = read_bytes(path, name)
                text = decode(data, name).shown
            except ToolError:
                continue  # binary, unreadable or too large: the listing still names it
            if len(text) > left:
                continue
            left -= len(text)
            self._ledger.note(path, digest(data))
            if name not in self._shown and not is_test(name):
                self._shown.append(name)
            if not is_test(name):
                self._lines[name] = {line.strip() for line in text.splitlines()}
            shown.append(_quoted(name, text))
        return shown


def _quoted(path: str, text: str, where: str = "") -> dict[str, Any]:
    """What the template shows of a file, or of a part of it, in a fence that the text does not end."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`{3,}", text)), default=2))
    return {"path": path, "where": where, "language": language(path), "text": text.rstrip("\n"), "fence": fence}


def _telling(lines: set[str]) -> set[str]:
    """Lines that hardly stand in two files by chance."""
    return {line for line in lines if len(line) >= TELLING and re.search(r"\w\W+\w", line)}


def is_test(name: str) -> bool:
    """Whether a file's name or folder says that it holds tests."""
    path = PurePosixPath(name)
    return bool(_TEST.search(path.stem)) or any(part in ("test", "tests", "__tests__") for part in path.parent.parts)


def language(name: str) -> str:
    """The label of a code fence for a file, as models have seen it most; "" for a name without suffix."""
    suffix = PurePosixPath(name).suffix[1:]
    return _LANGUAGES.get(suffix, suffix)


def choose(request: str, names: Sequence[str], secret: Collection[str] = ()) -> list[str]:
    """Files worth showing, best first: named by path, by file name, by module name, then tests of those; all of a
    tiny repository. A `secret` one is never chosen.
    """
    words = set(re.findall(r"[\w./-]+", request)) | set(re.findall(r"\w+", request))
    words |= {word.rstrip(".") for word in words}
    scored: list[tuple[int, str]] = []
    for name in names:
        path = PurePosixPath(name)
        if name in secret:
            continue
        if name in words:
            scored.append((0, name))
        elif path.name in words:
            scored.append((1, name))
        elif path.stem in words and (len(path.stem) > 4 or "_" in path.stem) and path.suffix:
            scored.append((2, name))
    stems = {PurePosixPath(name).stem for _, name in scored}
    for name in names:
        stem = PurePosixPath(name).stem
        subject = _TEST.sub("", stem)
        if subject != stem and subject in stems and not any(name == other for _, other in scored):
            scored.append((3, name))
    if not scored and len(names) <= SMALL_REPOSITORY:
        return [name for name in names if name not in secret]
    return [name for _, name in sorted(scored, key=lambda item: item[0])]
