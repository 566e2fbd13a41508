"""What a project says to agents: AGENTS.md and its like, as plain text for the model; knows no model and no session.

Each folder from the repository's root down to the working folder may have some: AGENTS.md, or where it has none,
CLAUDE.md and Cursor's rules. Of those rules, the ones that always apply are quoted and the ones for certain files are
named, so that the model can read them when it comes to such a file; those meant to be called by name are left out.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from codeagent import prompts
from codeagent.agent.text import without_invisible
from codeagent.tools.api import ToolError
from codeagent.tools.files import NotThereError, read_bytes
from codeagent.tools.text import decode
from codeagent.tools.workspace import printable

LIMIT = 16_000
MAX_RULES = 200
RULES_DEPTH = 8
MAX_NAMED = 40
MAX_DESCRIPTION = 200
_HEADER = re.compile(r"\s*---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"(description|globs|alwaysApply)[ \t]*:(.*)")


@dataclass(frozen=True)
class Instructions:
    """The text for the model, "" where there is none; the files it comes from, relative to the working folder; and
    sentences for the person on what is odd or missing in it. `digests` tells a file as it was read from another.
    """

    text: str = ""
    sources: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class _File:
    path: str
    text: str


@dataclass(frozen=True)
class _Rule:
    path: str
    globs: str
    description: str


@dataclass
class _Collected:
    """What was found so far. `folder` is the working folder, `top` the one that no link may lead out of."""

    folder: Path
    top: Path
    files: list[_File] = field(default_factory=list[_File])
    rules: list[_Rule] = field(default_factory=list[_Rule])
    warnings: list[str] = field(default_factory=list[str])
    digests: dict[str, str] = field(default_factory=dict[str, str])

    def read(self, path: Path) -> _File | None:
        """The text of a file without invisible characters, if it is there and can be read; else perhaps a warning."""
        shown = printable(os.path.relpath(path, self.folder))
        if not os.path.lexists(path):
            return None
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self.top):
            self.warnings.append(f"{shown} is a link that leads out of the project, and was not read.")
            return None
        try:
            data = read_bytes(real, shown)
            text = decode(data, shown).shown
        except NotThereError:
            return None  # a link to nothing, or removed just now
        except ToolError as e:
            self.warnings.append(f"The project's instructions were not read: {e}")
            return None
        text, taken = without_invisible(text)
        if taken:
            kinds = ", ".join(islice(dict.fromkeys(taken), 5))
            self.warnings.append(
                f"{shown} holds {len(taken):,} invisible characters ({kinds}), which can hide words from you that a "
                "model reads. They were left out. Look at the file before you go on."
            )
        self.digests[shown] = hashlib.sha256(data).hexdigest()
        return _File(shown, text.strip())


def read_instructions(folder: Path, trusted: bool, limit: int = LIMIT) -> Instructions:
    """The instructions that hold in a folder, at most `limit` characters of them; nothing is read without trust.

    Trust in the folder covers the repository that it is a part of. Where there is too much, the files nearest to the
    folder are kept longest; the text and a warning say what is cut.
    """
    if not trusted:
        return Instructions()
    folder = Path(os.path.realpath(folder))
    top = _repository(folder)
    found = _Collected(folder, top)
    for place in reversed([p for p in (folder, *folder.parents) if p.is_relative_to(top)]):
        _collect(place, found)
    files = _bounded([file for file in found.files if file.text], limit, found.warnings)
    rules = found.rules[:MAX_NAMED]
    if len(rules) < len(found.rules):
        left = len(found.rules) - len(rules)
        found.warnings.append(f"Only {MAX_NAMED} rules in .cursor/rules are named to the model, {left} are left out.")
    text = prompts.render("context/instructions.md", files=files, rules=rules).strip() if files or rules else ""
    sources = tuple(item.path for item in (*files, *rules))
    return Instructions(text, sources, tuple(found.warnings), found.digests)


def _repository(folder: Path) -> Path:
    """The root of the repository around a folder, or the folder itself where there is none.

    One of another owner does not count, as it does not for git: anybody may put a repository into /tmp.
    """
    for place in (folder, *folder.parents):
        if os.path.lexists(place / ".git"):
            return place if place == folder or place.stat().st_uid == os.getuid() else folder
    return folder


def _collect(place: Path, found: _Collected) -> None:
    own = found.read(place / "AGENTS.md")
    if own is not None:
        found.files.append(own)
        return
    other = found.read(place / "CLAUDE.md")
    if other is not None:
        found.files.append(other)
    for path in islice(_rule_files(place), MAX_RULES):
        file = found.read(path)
        if file is not None:
            _add_rule(file, path.is_relative_to(found.folder), found)


def _rule_files(place: Path) -> Iterator[Path]:
    """The rules below .cursor/rules in order of names; links to folders, and ever deeper folders, are not entered."""
    top = place / ".cursor" / "rules"
    for folder, inner, names in os.walk(top):
        inner[:] = sorted(inner) if len(Path(folder).parts) - len(top.parts) < RULES_DEPTH else []
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".mdc"))


def _add_rule(file: _File, readable: bool, found: _Collected) -> None:
    """Sort a rule in by its header. `readable`: tools can reach the file, so that naming it helps."""
    header = _HEADER.match(f"{file.text}\n")
    if header is None:
        if file.text.startswith("---"):
            found.warnings.append(f"{file.path} has a header that does not end in a line ---, and was left out.")
        return
    fields = _fields(header[1])
    if fields["alwaysApply"].lower() == "true":
        found.files.append(replace(file, text=file.text[header.end() :].strip()))
    elif readable and (fields["globs"] or fields["description"]):
        found.rules.append(_Rule(file.path, fields["globs"], fields["description"]))


def _fields(header: str) -> dict[str, str]:
    """The three fields of a rule's header. It looks like YAML and is not: `globs: *.ts` stands there without quotes."""
    values: dict[str, list[str]] = {"description": [], "globs": [], "alwaysApply": []}
    current: list[str] = []
    for line in header.split("\n"):
        named = _FIELD.match(line)
        if named:
            current = values[named[1]]
            current.append(named[2])
        elif line.lstrip().startswith("- "):
            current.append(line.lstrip()[2:])
        elif line[:1].strip():
            current = []  # a field that is not known, with the list below it
    return {name: _plain(", ".join(filter(None, map(_plain, parts)))) for name, parts in values.items()}


def _plain(value: str) -> str:
    """A value on one line without quotes and brackets around it or its parts."""
    text = " ".join(value.split()).strip("[]")
    text = re.sub(r"""(?:^|(?<=, )|(?<=,))(["'])(.*?)\1(?=,|$)""", r"\2", text.strip())
    return text if len(text) <= MAX_DESCRIPTION else text[:MAX_DESCRIPTION] + "…"


def _bounded(files: list[_File], limit: int, warnings: list[str]) -> list[_File]:
    """The files with at most `limit` characters in all, the last ones kept first."""
    kept: list[_File] = []
    left = limit
    for file in reversed(files):
        text = file.text
        if len(text) > left:
            text = text[:left].rpartition("\n")[0] or text[:left]
            cut = len(file.text) - len(text)
            warnings.append(
                f"{file.path} is too long for the model: the last {cut:,} of its {len(file.text):,} characters are "
                "left out. Shorten it, or move parts into files that it names."
            )
            text = f"{text}\n[... {cut:,} more characters of {file.path} ...]"
        left = max(0, left - len(text))
        kept.append(replace(file, text=text))
    return kept[::-1]
