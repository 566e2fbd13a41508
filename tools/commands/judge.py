"""Decides whether a shell command only looks at the workspace, and then what to run instead of a shell; starts
nothing.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from codeagent.tools.commands import special
from codeagent.tools.commands.git_readers import GIT_READERS, GUARDS
from codeagent.tools.commands.options import Sorted, names, sort_arguments
from codeagent.tools.commands.programs import WRAPPERS, Find, bare_name, resolved
from codeagent.tools.commands.reach import Reach, is_secret
from codeagent.tools.commands.readers import READERS, Reader
from codeagent.tools.commands.repository import check_repository
from codeagent.tools.commands.script import Operator, Redirect, Simple, simple_commands
from codeagent.tools.commands.words import NotUnderstoodError, Word

_MAX_EXPANDED = 1_000
_MAX_WILD_FOLDERS = 2
_VERSIONED = names("git python python3 node gcc g++ clang make cmake bash jq rg")


@dataclass(frozen=True)
class Step:
    """One program to run, tied by `operator` to the one before. `words` are the arguments as they were written;
    `arguments` begin with the program's path and may hold guards beside them.
    """

    operator: Operator
    words: tuple[str, ...]
    arguments: tuple[str, ...]
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class Look:
    """A command that only looks: what to run in which folder, and which files it names. `searches` says that files
    which look like secrets are left out of a search.
    """

    steps: tuple[Step, ...]
    folder: Path
    reads: tuple[Path, ...]
    searches: bool = False


@dataclass(frozen=True)
class _Looked:
    """One program's arguments as they are to be run, and the files that they name."""

    arguments: tuple[str, ...]
    files: list[Path]
    searches: bool = False


def judge(command: str, reach: Reach, find: Find) -> Look:
    """What to run for a command that only looks. Raises NotUnderstoodError, whose text says why it is not one."""
    commands = simple_commands(command)
    if len(commands) > 1 and _name(commands[0]) == "cd":
        reach = _entered(commands, reach)
        commands = commands[1:]
    searches = False
    steps: list[Step] = []
    reads: list[Path] = []
    for simple in commands:
        name = _name(simple)
        words = expanded(simple.words, reach)
        looked = _look(name, words[1:], reach)
        program = resolved(name, find, reach.roots)
        steps.append(Step(simple.operator, words, (program, *looked.arguments), simple.redirects))
        reads += looked.files
        searches = searches or looked.searches
    return Look(tuple(steps), reach.folder, tuple(dict.fromkeys(reads)), searches)


def acting_parts(command: str, reach: Reach, find: Find) -> tuple[str, ...]:
    """The parts of a command, as they are written, that do more than look; nothing where one part could change what
    another does, or is not understood: then only the whole can be judged.
    """
    try:
        parts = simple_commands(command)
        if any(word.pattern is not None for part in parts for word in part.words):
            return ()
    except NotUnderstoodError:
        return ()
    return tuple(part.raw for part in parts if not _only_looks(part, reach, find))


def _only_looks(part: Simple, reach: Reach, find: Find) -> bool:
    try:
        name = _name(part)
        _look(name, expanded(part.words, reach)[1:], reach)
        resolved(name, find, reach.roots)
    except NotUnderstoodError:
        return False
    return True


def _name(simple: Simple) -> str:
    return bare_name(simple.words[0])


def _entered(commands: Sequence[Simple], reach: Reach) -> Reach:
    """The reach after a `cd` at the beginning, which all that follows depends on."""
    words = expanded(commands[0].words, reach)
    if len(words) != 2 or words[1].startswith("-") or commands[0].redirects or commands[1].operator != "&&":
        raise NotUnderstoodError("changes the folder for what follows")
    return reach.within(words[1])


def expanded(words: Sequence[Word], reach: Reach) -> tuple[str, ...]:
    """The words with * and ? replaced by the names they match, as bash does. Raises NotUnderstoodError."""
    found: list[str] = []
    for word in words:
        found += [word.text] if word.pattern is None else _matches(word, reach)
    if len(found) > _MAX_EXPANDED:
        raise NotUnderstoodError(f"names more than {_MAX_EXPANDED:,} files")
    return tuple(found)


def _matches(word: Word, reach: Reach) -> list[str]:
    pattern = word.pattern or ""
    parts = pattern.split("/")
    wild = sum(bool(re.search(r"[*?](?!\])", part)) for part in parts)
    if pattern.startswith("/") or ".." in parts or wild > _MAX_WILD_FOLDERS:
        raise NotUnderstoodError(f"has the pattern {word.text}, which may match far too much")
    # glob and not Path.glob: as for bash, * matches no hidden file, and the names are as they were written.
    matching = glob.iglob(pattern, root_dir=reach.folder)  # noqa: PTH207  # see above
    return sorted(islice(matching, _MAX_EXPANDED + 1)) or [word.text]


def _look(name: str, arguments: Sequence[str], reach: Reach) -> _Looked:
    if list(arguments) == ["--version"] and name in _VERSIONED:
        return _Looked(tuple(arguments), [])
    if name in special.SPECIAL:
        return _Looked(tuple(arguments), special.SPECIAL[name](arguments, reach))
    if name == "git":
        return _git(arguments, reach)
    reader = READERS.get(name)
    if reader is None and name in WRAPPERS:
        raise NotUnderstoodError(f"starts other programs with `{name}`")
    if reader is None:
        raise NotUnderstoodError(f"runs `{name}`, which may do more than look")
    words = sort_arguments(name, arguments, reader.options)
    files = _files(name, words, reader, reach)
    if name == "date" and not all(operand.startswith("+") for operand in words.operands):
        raise NotUnderstoodError("may set the clock")
    if name == "diff" and any(path.is_dir() for path in files):
        raise NotUnderstoodError("compares whole folders")
    searches = "" in reader.recursive or bool(words.given & set(reader.recursive))
    added = reader.added if searches else ()
    end = words.options_end
    return _Looked((*arguments[:end], *added, *arguments[end:]), files, searches)


def _files(name: str, words: Sorted, reader: Reader, reach: Reach) -> list[Path]:
    operands = [*words.operands, *words.after_dashes]
    if len(operands) > reader.most or (operands and reader.operands == "none"):
        raise NotUnderstoodError(f"gives `{name}` more than it needs to look")
    for _, value in words.values:
        reach.check_value(value)
    if reader.operands == "text":
        return []
    if reader.operands == "pattern and paths" and not words.given & set(reader.pattern_options):
        operands = operands[1:]
    return [reach.look(operand) for operand in operands if operand != "-"]


def _git(arguments: Sequence[str], reach: Reach) -> _Looked:
    rest = list(arguments)
    while rest and rest[0] in ("--no-pager", "--no-optional-locks"):
        rest.pop(0)
    if not rest or rest[0] not in GIT_READERS:
        raise NotUnderstoodError(f"runs `git {rest[0]}`, which may do more than look" if rest else "runs git alone")
    command = rest.pop(0)
    reader = GIT_READERS[command]
    words = sort_arguments(f"git {command}", rest, reader.options)
    operands = [*words.operands, *words.after_dashes]
    _check_git(command, words, operands, reader)
    for _, value in words.values:
        reach.check_value(value)
    if reader.operands == "pattern and paths" and not words.given & set(reader.pattern_options):
        operands = operands[1:]
    files = [path for operand in operands if (path := _revision(operand, reach)) is not None]
    check_repository(reach)
    return _Looked((*GUARDS, command, *reader.added, *rest), files)


def _check_git(command: str, words: Sorted, operands: Sequence[str], reader: Reader) -> None:
    """What makes a git command that usually looks do something else."""
    listing = words.given & {"--list", "-l"} if command == "tag" else words.given & {"--list"}
    allowed = {
        "branch": not operands or bool(listing),
        "tag": not operands or bool(listing),
        "stash": list(operands) == ["list"],
        "worktree": list(operands) == ["list"],
        "reflog": not operands or operands[0] == "show",
        "remote": not operands or (operands[0] == "get-url" and len(operands) == 2),
    }.get(command, True)
    if not allowed or len(operands) > reader.most:
        raise NotUnderstoodError(f"does more than look with `git {command}`")
    if any("%G" in value or "signature" in value for _, value in words.values):
        raise NotUnderstoodError("checks signatures, for which git starts another program")


def _revision(operand: str, reach: Reach) -> Path | None:
    """The file that an operand of git names, if it is no revision."""
    path = operand.partition(":")[2] or operand
    if operand.startswith(("/", "~")) or ".." in operand.split("/"):
        raise NotUnderstoodError(f"gives git {operand}, which may be outside the workspace")
    if any(is_secret(part) for part in path.split("/")):
        raise NotUnderstoodError(f"looks at {operand}, which may hold secrets")
    try:
        there = (reach.folder / operand).exists() or (reach.folder / operand).is_symlink()
    except OSError:
        there = False
    return reach.look(operand) if there else None
