"""What can be completed where the cursor stands, and what is put there; knows no widget and no file system."""

from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from codeagent.agent.text import printable
from codeagent.tui.prompt.fuzzy import Match

Source = Callable[[], Awaitable[Sequence[str]]]
"""Lists paths relative to the root, the most recently changed first."""
SymbolSearch = Callable[[str, int], Sequence[tuple[str, str]]]
"""Finds the symbols that a begun name may be, at most so many: their qualified names, and where each stands. Called in
any thread."""

REFERENCE = re.compile(r'(?<![^\s(\[{\'"])@(?:"(?:[^"\\\n]|\\.)+"|[^\s"@]*[^\s"@.,;:!?)\]}\'])')
"""A reference in a prompt: `@path` or `@"path with spaces"`, in which a backslash goes before a quote or backslash."""

_BEGUN = re.compile(r'(?<![^\s(\[{\'"])@(?:"(?P<quoted>(?:[^"\\]|\\.)*)|(?P<plain>[^\s"@]*))$')
_COMMAND = re.compile(r"/(?P<name>[\w:-]*)$")
_NEEDS_QUOTES = re.compile(r'[\s"\\@]|[.,;:!?)\]}\']$')


@dataclass(frozen=True)
class SlashCommandInfo:
    """A command as the prompt offers it: its name without the slash, a sentence, and what may follow it."""

    name: str
    description: str
    argument_hint: str = ""


@dataclass(frozen=True)
class Trigger:
    """A begun reference or command: what was typed so far, and the columns of its line it takes up."""

    kind: Literal["reference", "command"]
    query: str
    row: int
    start: int
    end: int


@dataclass(frozen=True)
class Candidate:
    """One line of the completion popup: the main part, a quieter part, which of their characters match, and the text
    that replaces what was typed.
    """

    main: str
    detail: str
    insert: str
    kind: Literal["file", "symbol", "command", "prompt"]
    main_hits: tuple[int, ...] = ()
    detail_hits: tuple[int, ...] = ()


def find_trigger(line: str, row: int, column: int) -> Trigger | None:
    """What is being completed with the cursor at this column of the line."""
    before = line[:column]
    if row == 0 and (match := _COMMAND.match(before)):
        rest = re.match(r"[\w:-]*", line[column:])
        return Trigger("command", match["name"], row, 0, column + (rest.end() if rest else 0))
    if match := _BEGUN.search(before):
        quoted = match["quoted"] is not None
        query = re.sub(r"\\(.)", r"\1", match["quoted"]) if quoted else match["plain"]
        rest = re.match(r'[^"]*"' if quoted else r'[^\s"]*', line[column:])
        return Trigger("reference", query, row, match.start(), column + (rest.end() if rest else 0))
    return None


def reference(path: str) -> str:
    """The path as it is written in a prompt, quoted where its end would not be clear."""
    path = one_line(path, hidden=False)
    if not _NEEDS_QUOTES.search(path):
        return f"@{path}"
    return '@"' + re.sub(r'(["\\])', r"\\\1", path) + '"'


def file_candidate(match: Match) -> Candidate:
    """A file, its name before its folder so that a narrow screen shows what matters."""
    at = match.text.rfind("/") + 1
    folder, name = match.text[:at].rstrip("/"), match.text[at:]
    return Candidate(
        one_line(name),
        one_line(folder),
        reference(match.text),
        "file",
        tuple(p - at for p in match.positions if p >= at) if _is_plain(name) else (),
        tuple(p for p in match.positions if p < len(folder)) if _is_plain(folder) else (),
    )


def symbol_candidate(name: str, place: str, query: str) -> Candidate:
    """A symbol, with where it stands."""
    at = name.lower().find(query.lower())
    hits = tuple(range(at, at + len(query))) if at >= 0 and _is_plain(name) else ()
    return Candidate(one_line(name), one_line(place), reference(name), "symbol", hits)


def command_candidates(query: str, commands: Sequence[SlashCommandInfo]) -> list[Candidate]:
    """The commands that fit: those that begin with the letters, then those that hold them."""
    query = query.lower()
    begins = [c for c in commands if c.name.lower().startswith(query)]
    holds = [c for c in commands if c not in begins and query in c.name.lower()]
    return [_command_candidate(c, c.name.lower().find(query), len(query)) for c in begins + holds]


def nearest_command(name: str, commands: Sequence[SlashCommandInfo]) -> str | None:
    """The command that was probably meant."""
    return next(iter(difflib.get_close_matches(name, [c.name for c in commands], 1, 0.5)), None)


def one_line(text: str, *, hidden: bool = True) -> str:
    """Text from outside for one line of the screen; with `hidden=False` characters that are only invisible stay."""
    text = "".join(f"<U+{ord(c):04X}>" if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text)
    shown = printable(text)
    return shown if hidden else text.encode("utf-8", "replace").decode("utf-8")


def _command_candidate(command: SlashCommandInfo, at: int, length: int) -> Candidate:
    insert = f"/{command.name} " if command.argument_hint else f"/{command.name}"
    main = one_line(f"{insert}{command.argument_hint}")
    hits = tuple(range(1 + at, 1 + at + length))
    return Candidate(main, one_line(command.description), insert, "command", hits)


def _is_plain(text: str) -> bool:
    return one_line(text) == text
