"""Sorts a program's arguments into options, their values and operands by a closed list of options; knows no program."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeagent.tools.commands.words import NotUnderstoodError

_NUMBER = re.compile(r"-[0-9]+")


def names(text: str) -> frozenset[str]:
    """Words separated by blanks."""
    return frozenset(text.split())


@dataclass(frozen=True)
class Options:
    """The options that a program may be given: letters, and names of long ones separated by blanks.

    `valued` letters take the rest of their word or the next word, `optional` ones the rest of their word. `long` names
    stand alone or with `=`, `attached` ones with `=` only, `long_valued` ones with `=` or before the next word.
    `numbers` says that -5 is an option. Letters may stand together.
    """

    flags: str = ""
    valued: str = ""
    optional: str = ""
    long: str = ""
    attached: str = ""
    long_valued: str = ""
    numbers: bool = False


@dataclass(frozen=True)
class Sorted:
    """Arguments by their role. `given` holds each option as "-x" or "--name"; `options_end` is the place of `--`, or
    behind the last word: further options can stand there.
    """

    given: frozenset[str]
    values: tuple[tuple[str, str], ...]
    operands: tuple[str, ...]
    after_dashes: tuple[str, ...]
    options_end: int


def sort_arguments(program: str, arguments: Sequence[str], options: Options) -> Sorted:
    """The arguments by their role. Raises NotUnderstoodError for an option that is not on the list.

    No word that begins with a dash ever counts as anything but an option, so that a program which sees a value where
    this does not, or the other way round, cannot be given an option unseen.
    """
    given: set[str] = set()
    values: list[tuple[str, str]] = []
    operands: list[str] = []
    after: list[str] = []
    dashes = None
    waiting: str | None = None
    for at, word in enumerate(arguments):
        dashed = word.startswith("-") and word != "-"
        if dashes is not None or waiting is not None or not dashed:
            if dashed:
                raise NotUnderstoodError(f"gives `{program}` {word} where that may not be an option")
            if waiting is not None:
                values.append((waiting, word))
            else:
                (operands if dashes is None else after).append(word)
            waiting = None
        elif word == "--":
            dashes = at
        elif word.startswith("--"):
            name, waiting = _long(program, word, options, values)
            given.add(name)
        else:
            letters, waiting = _short(program, word, options, values)
            given |= letters
    if waiting is not None:
        raise NotUnderstoodError(f"gives `{program}` {waiting} without a value")
    end = len(arguments) if dashes is None else dashes
    return Sorted(frozenset(given), tuple(values), tuple(operands), tuple(after), end)


def _long(program: str, word: str, options: Options, values: list[tuple[str, str]]) -> tuple[str, str | None]:
    name, equals, value = word[2:].partition("=")
    if name in names(options.long_valued) | names(options.attached):
        if equals:
            values.append((f"--{name}", value))
            return f"--{name}", None
        if name in names(options.long_valued):
            return f"--{name}", f"--{name}"
    elif name in names(options.long):
        if equals:
            values.append((f"--{name}", value))
        return f"--{name}", None
    raise NotUnderstoodError(f"gives `{program}` the option --{name}")


def _short(program: str, word: str, options: Options, values: list[tuple[str, str]]) -> tuple[set[str], str | None]:
    if options.numbers and _NUMBER.fullmatch(word):
        return set(), None
    found: set[str] = set()
    for at, letter in enumerate(word[1:], 1):
        name = f"-{letter}"
        if letter in options.flags:
            found.add(name)
            continue
        if letter in options.optional or (letter in options.valued and word[at + 1 :]):
            found.add(name)
            values.append((name, word[at + 1 :]))
            return found, None
        if letter in options.valued:
            found.add(name)
            return found, name
        raise NotUnderstoodError(f"gives `{program}` the option {name if len(word) == 2 else word}")
    return found, None
