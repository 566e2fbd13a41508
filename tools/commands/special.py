"""Readers whose arguments are no plain options and operands: find, sed, jq, echo, printf; knows no other program."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from codeagent.tools.commands.options import Options, names, sort_arguments
from codeagent.tools.commands.reach import Reach
from codeagent.tools.commands.words import NotUnderstoodError

_ABOUT_FILES = names("-e -f -d -r -w -x -s -L -h")
_COMPARISONS = names("= == != -eq -ne -lt -le -gt -ge")
Check = Callable[[Sequence[str], Reach], list[Path]]

_ALONE = names("-empty -not ! -o -or -a -and ( ) -print -print0 -prune -ls -readable -writable -executable")
_WITH_VALUE = names(
    "-name -iname -path -ipath -wholename -type -maxdepth -mindepth -size -mtime -mmin -ctime -cmin -atime -amin "
    "-regex -iregex -regextype -perm -user -group -links -printf"
)
_WITH_FILE = frozenset({"-newer", "-anewer", "-cnewer", "-samefile"})
_BEFORE = frozenset({"-H", "-P", "-L"})
_SED = re.compile(r"(?:[0-9]+|\$)(?:,(?:[0-9]+|\$))?p(?:;(?:[0-9]+|\$)(?:,(?:[0-9]+|\$))?p)*")
_JQ = Options(
    "rcsnMSeaRj",
    long="raw-output compact-output slurp null-input sort-keys exit-status tab raw-input join-output monochrome-output",
)
_JQ_FILES = re.compile(r"\b(?:import|include|modulemeta|input_filename|env)\b|\$ENV")


def find(arguments: Sequence[str], reach: Reach) -> list[Path]:
    """Tests and -print only: what could run, write or delete is not among them."""
    rest = list(arguments)
    while rest and rest[0] in _BEFORE:
        rest.pop(0)
    paths: list[Path] = []
    while rest and not rest[0].startswith(("-", "!", "(")):
        paths.append(reach.look(rest.pop(0)))
    while rest:
        word = rest.pop(0)
        if word in _WITH_VALUE | _WITH_FILE:
            if not rest:
                raise NotUnderstoodError(f"gives `find` {word} without a value")
            value = rest.pop(0)
            if word in _WITH_FILE:
                paths.append(reach.look(value))
            if value.startswith("-") and not re.fullmatch(r"-[0-9]+[A-Za-z]?", value):
                raise NotUnderstoodError(f"gives `find` {value} where that may not be an option")
        elif word not in _ALONE:
            raise NotUnderstoodError(f"gives `find` {word}")
    return paths


def sed(arguments: Sequence[str], reach: Reach) -> list[Path]:
    """Printing lines by their number."""
    if len(arguments) < 2 or arguments[0] != "-n" or not _SED.fullmatch(arguments[1]):
        raise NotUnderstoodError("uses `sed` for more than printing lines by their number")
    if any(word.startswith("-") for word in arguments[2:]):
        raise NotUnderstoodError("gives `sed` an option")
    return [reach.look(word) for word in arguments[2:]]


def jq(arguments: Sequence[str], reach: Reach) -> list[Path]:
    """One filter that loads nothing, over files."""
    words = sort_arguments("jq", arguments, _JQ)
    operands = [*words.operands, *words.after_dashes]
    if not operands:
        raise NotUnderstoodError("gives `jq` no filter")
    if _JQ_FILES.search(operands[0]):
        raise NotUnderstoodError("has a `jq` filter that reads more than its files")
    return [reach.look(word) for word in operands[1:]]


def printf(arguments: Sequence[str], reach: Reach) -> list[Path]:
    """Any text; the program, unlike bash's own, has no options."""
    if arguments and arguments[0].startswith("-"):
        raise NotUnderstoodError(f"gives `printf` the option {arguments[0]}")
    return []


def test(arguments: Sequence[str], reach: Reach) -> list[Path]:
    """One question about a file or two texts; the program, unlike bash's own, evaluates nothing."""
    match list(arguments):
        case [question, name] if question in _ABOUT_FILES:
            return [reach.look(name)]
        case ["-n" | "-z", _]:
            return []
        case [_, comparison, _] if comparison in _COMPARISONS:
            return []
        case _:
            raise NotUnderstoodError("asks `test` for more than one thing")


def echo(arguments: Sequence[str], reach: Reach) -> list[Path]:
    """Any text."""
    return []


SPECIAL: dict[str, Check] = {"find": find, "test": test, "sed": sed, "jq": jq, "printf": printf, "echo": echo}
