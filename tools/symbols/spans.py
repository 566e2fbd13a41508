"""Sets how far definitions reach that no single node of a tree spans: those in clauses, sections; knows no language."""

from __future__ import annotations

from collections.abc import Iterable

from codeagent.tools.symbols.captures import Draft, Found

# So much white space and so many comments at the end of a definition are looked for.
_MAX_SPACE = 4096
_MAX_COMMENTS = 20


def trim(drafts: Iterable[Draft], found: Found, source: bytes) -> None:
    """Ends definitions before the white space that some grammars add to them, and before comments that begin no further
    to the right than they do: those belong to what follows."""
    for draft in drafts:
        for _ in range(_MAX_COMMENTS):
            tail = source[max(draft.start, draft.end - _MAX_SPACE) : draft.end]
            draft.end -= len(tail) - len(tail.rstrip())
            comment = found.comments.get(draft.end, -1)
            if comment <= draft.start or not _is_left_of(comment, draft.start, source):
                break
            draft.end = comment


def _is_left_of(comment: int, start: int, source: bytes) -> bool:
    """Whether the comment begins a line no further to the right than the definition begins one."""
    indent = source[source.rfind(b"\n", 0, comment) + 1 : comment]
    return not indent.strip() and len(indent) <= start - source.rfind(b"\n", 0, start) - 1


def end_sections(drafts: Iterable[Draft], source: bytes) -> None:
    """Lets headings, of which the grammar gives only their own line, reach to the next of their level or above."""
    outer: list[Draft] = []
    for draft in sorted((draft for draft in drafts if draft.level), key=lambda draft: draft.start):
        draft.end = len(source)
        while outer and outer[-1].level >= draft.level:
            outer.pop().end = draft.start
        outer.append(draft)


def joined(drafts: Iterable[Draft], source: bytes) -> list[Draft]:
    """The same definitions with the clauses of each as one, from drafts in the order in which they begin.

    Clauses belong together where they have the same name and kind and no other definition of their scope between them.
    """
    result: list[Draft] = []
    chain: list[Draft] = []  # the last definition at each depth
    for draft in drafts:
        before = None
        while chain and chain[-1].end <= draft.start:
            before = chain.pop()
        if before and draft.clause and before.clause and _same(before, draft, source):
            before.body = before.end if before.body is None else before.body
            before.end = draft.end
            before.doc = before.doc or draft.doc
            chain.append(before)
        else:
            result.append(draft)
            chain.append(draft)
    return result


def _same(one: Draft, other: Draft, source: bytes) -> bool:
    names = source[one.name_start : one.name_end], source[other.name_start : other.name_end]
    return one.kind == other.kind and names[0] == names[1]
