"""Holds what a call says of files to the files there are: their names, and what it quotes of them; knows no model.

Beside a grammar, which sees to the form. It is asked about one token at a time, as the grammar is; a copy costs
nothing, so that tokens may be tried ahead of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codeagent.inference.client import ChatRequest, ToolSpec
from codeagent.inference.dialects.base import Dialect
from codeagent.inference.dialects.slots import Slot
from codeagent.inference.engine.quotes import Source, Span, one_of_names, quoted_file

_OPENING = frozenset(b'"\n>')  # the last byte before a value, in every dialect

_State = tuple[bytes, Span | None]


class Anchors:
    """Where an answer stands as to the files its calls name and quote. Anything may be written outside such values."""

    def __init__(
        self, dialect: Dialect, tools: Sequence[ToolSpec], paths: Sequence[str], texts: Mapping[str, str]
    ) -> None:
        """`paths` are the files there are, none meaning any; `texts` those that may only be quoted as they are."""
        self._dialect = dialect
        self._tools = tools
        self._paths = paths
        self._texts = texts
        self._sources: dict[Slot, Source | None] = {}
        self._state: _State = (b"", None)
        self._asked: tuple[bytes, _State | None] = (b"", self._state)

    @property
    def holding(self) -> bool:
        """Whether the next byte belongs to a value that is held to what there is."""
        return self._state[1] is not None

    def allows(self, piece: bytes) -> bool:
        """Whether these bytes may come next."""
        return self._after(piece) is not None

    def advance(self, piece: bytes) -> bool:
        """Step over these bytes if they may come next."""
        after = self._after(piece)
        if after is None:
            return False
        self._state, self._asked = after, (b"", after)
        return True

    def next_bytes(self) -> set[int]:
        """While holding: the bytes with which what comes next may begin, and perhaps some more."""
        span = self._state[1]
        return span.next_bytes() if span is not None else set(range(256))

    def copy(self) -> Anchors:
        """Another one at the same place."""
        twin = Anchors(self._dialect, self._tools, self._paths, self._texts)
        twin._sources, twin._state, twin._asked = self._sources, self._state, self._asked
        return twin

    def _after(self, piece: bytes) -> _State | None:
        if piece != self._asked[0]:
            self._asked = (piece, self._stepped(piece))
        return self._asked[1]

    def _stepped(self, piece: bytes) -> _State | None:
        written, span = self._state
        for number, byte in enumerate(piece, start=1):
            if span is not None:
                stepped = span.step(byte)
                if stepped is False:
                    return None
                span = None if stepped is True else stepped
            elif byte in _OPENING:
                text = (written + piece[:number]).decode(errors="replace")
                slot = self._dialect.slot(text, self._tools)
                span = self._span(slot) if slot else None
        return written + piece, span

    def _span(self, slot: Slot) -> Span | None:
        if slot not in self._sources:
            self._sources[slot] = self._source(slot)
        source = self._sources[slot]
        return None if source is None else Span(source, slot.closer.encode(), source.starts)

    def _source(self, slot: Slot) -> Source | None:
        if slot.parameter in {tool.existing for tool in self._tools}:
            return one_of_names(self._paths, slot)
        text = self._texts.get(slot.path or "")
        return quoted_file(text, slot) if text is not None else None


def anchors_for(request: ChatRequest, dialect: Dialect) -> Anchors | None:
    """What holds this request's calls; None where it holds nothing."""
    tools = [tool for tool in request.tools if tool.existing or tool.anchors]
    if not tools or not (request.paths or request.texts) or request.tool_choice == "none":
        return None
    return Anchors(dialect, request.tools, request.paths, request.texts)
