"""Finds in a file the text that a model wants replaced: exactly, else regardless of indentation; changes no file."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from codeagent.tools.api import ToolError

_COMPARED_LINES = 12
_COMPARED_CHARACTERS = 4_000_000
_ALIKE = 0.4


@dataclass(frozen=True)
class Replacement:
    """The characters `start` to `end` of a text become `new`; `tolerant`: found regardless of spaces."""

    start: int
    end: int
    new: str
    tolerant: bool = False


def locate(text: str, old: str, new: str, shown: str) -> Replacement:
    """Where the one occurrence of `old` is, and what is to stand there. All line ends are "\\n".

    If `old` is nowhere exactly, whole lines that differ from it in indentation, trailing or repeated spaces alone are
    taken, if there is one such place, and `new` is indented as they are. Raises ToolError for none and for several.
    """
    if not old:
        raise ToolError(
            f"The text to replace in {shown} is empty. Give the lines to change as `old`, exactly as they stand."
        )
    if old == new:
        raise ToolError(f"`old` and `new` are the same, so nothing in {shown} would change.")
    exact = _occurrences(text, old)
    # What ends with a line end is meant as whole lines: "x = 1\n" is not the end of "max = 1\n".
    whole = [start for start in exact if text[start - 1 : start] in ("", "\n")] if old.endswith("\n") else exact
    if not whole and old.strip():
        found = _by_lines(text, old, new, shown)
        if found is not None:
            return found
    candidates = whole or exact
    if len(candidates) > 1:
        raise _several(text, candidates, shown)
    if candidates:
        return Replacement(candidates[0], candidates[0] + len(old), new)
    raise _miss(text, old, new, shown)


def _by_lines(text: str, old: str, new: str, shown: str) -> Replacement | None:
    lines = text.split("\n")
    wanted = _without_end(old)
    places = _tolerant_places(lines, wanted)
    if len(places) > 1:
        raise _several(text, [_offset(lines, place) for place in places], shown)
    if not places:
        return None
    found = lines[places[0] : places[0] + len(wanted)]
    indented = _reindented(found, wanted, _without_end(new))
    if indented is None:
        return None
    start = _offset(lines, places[0])
    end = start + len("\n".join(found))
    if not new and end < len(text):
        end += 1  # the lines go, and with them the line end of the last
    return Replacement(start, end, "\n".join(indented), tolerant=found != wanted)


def apply(text: str, replacements: Sequence[Replacement], shown: str) -> str:
    """The text with all replacements made. Raises ToolError if two of them touch the same characters."""
    ordered = sorted(replacements, key=lambda r: r.start)
    for before, after in pairwise(ordered):
        if after.start < before.end:
            line = text.count("\n", 0, after.start) + 1
            raise ToolError(f"Two edits of {shown} overlap at line {line}. Make them one edit. Nothing was changed.")
    for replacement in reversed(ordered):
        text = text[: replacement.start] + replacement.new + text[replacement.end :]
    return text


def _occurrences(text: str, old: str) -> list[int]:
    """Where the string begins, overlaps included: "aa" occurs twice in "aaa", so it is not unique there."""
    found: list[int] = []
    position = text.find(old)
    while position >= 0 and len(found) < 1000:
        found.append(position)
        position = text.find(old, position + 1)
    return found


def _without_end(text: str) -> list[str]:
    """The lines of a text; a final line end begins no further line, and no text has no lines."""
    return text.removesuffix("\n").split("\n") if text else []


def _tolerant_places(lines: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Indices at which the lines are the wanted ones but for spaces."""
    plain, target = [" ".join(line.split()) for line in lines], [" ".join(line.split()) for line in wanted]
    size = len(target)
    first = target[0]
    return [i for i in range(len(plain) - size + 1) if plain[i] == first and plain[i : i + size] == target]


def _offset(lines: Sequence[str], index: int) -> int:
    return sum(len(line) + 1 for line in lines[:index])


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _reindented(found: Sequence[str], wanted: Sequence[str], new: Sequence[str]) -> list[str] | None:
    """The new lines with the indentation of the found ones; None if it cannot be told from how the wanted ones map."""
    mapping: dict[str, str] = {}
    for real, given in zip(found, wanted, strict=True):
        if given.strip() and mapping.setdefault(_indent(given), _indent(real)) != _indent(real):
            return None
    result: list[str] = []
    for line in new:
        indent = _indent(line)
        if not line.strip():
            result.append("")
            continue
        known = mapping.get(indent)
        if known is None:
            known = _shifted(indent, mapping)
        if known is None:
            return None
        result.append(known + line[len(indent) :])
    return result


def _shifted(indent: str, mapping: dict[str, str]) -> str | None:
    """An indentation not among the wanted lines, moved as all of those are; None if they are not moved alike."""
    for given, real in mapping.items():
        added = real[: len(real) - len(given)] if real.endswith(given) else None
        if added is None or any(added + g != r for g, r in mapping.items()):
            continue
        return added + indent
    for given, real in mapping.items():
        removed = given[: len(given) - len(real)] if given.endswith(real) else None
        if removed is None or any(g != removed + r for g, r in mapping.items()) or not indent.startswith(removed):
            continue
        return indent[len(removed) :]
    return None


def _several(text: str, starts: Sequence[int], shown: str) -> ToolError:
    numbers = [text.count("\n", 0, start) + 1 for start in starts[:10]]
    more = ", ..." if len(starts) > 10 else ""
    places = ", ".join(map(str, numbers)) + more
    return ToolError(
        f"`old` occurs {len(starts)} times in {shown}, at lines {places}. Nothing was changed. "
        "Put more of the lines around the one you mean into `old` and `new`."
    )


def _miss(text: str, old: str, new: str, shown: str) -> ToolError:
    lines = text.split("\n")
    message = f"`old` is not in {shown}. Nothing was changed."
    if new.strip() and text.count(new) == 1:
        line = text.count("\n", 0, text.find(new)) + 1
        return ToolError(f"{message} `new` stands there already, at line {line}: this edit seems to be made.")
    near = _nearest(lines, _without_end(old))
    if near is None:
        return ToolError(f"{message} No lines in it are alike: read it, and copy `old` from there.")
    first, count = near
    excerpt = "\n".join(line[:500] for line in lines[first : first + count])
    where = f"lines {first + 1}-{first + count} are" if count > 1 else f"line {first + 1} is"
    return ToolError(f"{message} The nearest {where}:\n{excerpt}\nCopy `old` from these lines exactly.")


def _nearest(lines: Sequence[str], wanted: Sequence[str]) -> tuple[int, int] | None:
    """Index and count of the lines most like the wanted ones; None if none are alike."""
    target = [line.strip() for line in wanted if line.strip()][:_COMPARED_LINES]
    if not target:
        return None
    if sum(map(len, lines)) * len(target) > _COMPARED_CHARACTERS:
        target = target[:1]
    size = len(target)
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2("\n".join(target)[:2000])
    best, place = _ALIKE, -1
    for i in range(max(1, len(lines) - size + 1)):
        matcher.set_seq1("\n".join(line.strip() for line in lines[i : i + size])[:2000])
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, place = ratio, i
    if place < 0:
        return None
    return place, min(max(size, len(wanted)), len(lines) - place, 2 * _COMPARED_LINES)
