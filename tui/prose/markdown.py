"""Turns Markdown into pieces, block by block; knows no width, no colours and nothing of text that is still to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from textual.content import Content, Span

from codeagent.tui.prose.code import code_pieces
from codeagent.tui.prose.pieces import BULLET, LINK, QUOTE, Piece, row_of, table_of

_STYLES = {"em_open": "em", "strong_open": "strong", "s_open": "struck"}
_RULE = "─"


@dataclass
class Block:
    """A top-level block: its first line in the source, its pieces, and its token's type."""

    line: int
    pieces: list[Piece]
    type: str


@dataclass
class _Level:
    """A list item or quote that encloses: what stands before its first line, until it did, and before the others."""

    first: str
    rest: str
    tight: bool = False
    begun: bool = False


@dataclass
class _List:
    """A list that is open: whether its items follow one another closely, and the next one's number."""

    tight: bool
    number: int | None
    begun: bool = False


@dataclass
class _Table:
    rows: list[list[Content]] = field(default_factory=list[list[Content]])
    aligned: list[str] = field(default_factory=list[str])


@cache
def _parser() -> MarkdownIt:
    """Entities stay as they were written: `&#8238;` would come through as the character that was just taken out."""
    return MarkdownIt("gfm-like").disable("entity")


def blocks_of(source: str) -> list[Block]:
    """The top-level blocks of Markdown in order. Never fails: what is no Markdown is text."""
    blocks: list[Block] = []
    tokens = _parser().parse(source)
    begin = 0
    for at, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            opening = tokens[begin]
            if pieces := _Writer().write(tokens[begin : at + 1]):
                blocks.append(Block((opening.map or [0])[0], pieces, opening.type))
            begin = at + 1
    return blocks


class _Writer:
    """Writes the pieces of one top-level block."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._levels: list[_Level] = []
        self._lists: list[_List] = []
        self._table: _Table | None = None
        self._kind = "text"

    def write(self, tokens: Sequence[Token]) -> list[Piece]:
        for at, token in enumerate(tokens):
            match token.type:
                case "heading_open":
                    self._kind = token.tag
                case "heading_close":
                    self._kind = "text"
                case "bullet_list_open" | "ordered_list_open":
                    self._separate()
                    number = int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None
                    self._lists.append(_List(_is_tight(tokens, at), number))
                case "bullet_list_close" | "ordered_list_close":
                    self._lists.pop()
                case "list_item_open":
                    self._open_item(self._lists[-1])
                case "blockquote_open":
                    self._separate()
                    self._levels.append(_Level(f"{QUOTE} ", f"{QUOTE} "))
                case "list_item_close" | "blockquote_close":
                    self._close_level()
                case _:
                    self._leaf(token)
        return self._pieces

    def _leaf(self, token: Token) -> None:
        match token.type:
            case "inline" if self._table is not None:
                lines = _inline(token.children or ())
                self._table.rows[-1].append(Content(" ").join(lines))
            case "inline":
                self._separate()
                for line in _inline(token.children or ()):
                    self._add(line, self._kind)
            case "fence" | "code_block":
                self._separate()
                first, rest = self._before()
                self._pieces += code_pieces(token.content, token.info, first, rest)
            case "html_block":
                self._separate()
                for line in token.content.rstrip("\n").split("\n"):
                    self._add(Content(line.expandtabs(4)), "text")
            case "hr":
                self._separate()
                self._add(Content(_RULE), "rule")
            case "table_open":
                self._table = _Table()
            case "tr_open" if self._table is not None:
                self._table.rows.append([])
            case "th_open" if self._table is not None:
                self._table.aligned.append(str(token.attrs.get("style", "")).removeprefix("text-align:") or "left")
            case "table_close" if self._table is not None:
                self._close_table(self._table)
            case _:
                pass

    def _open_item(self, list_: _List) -> None:
        if list_.begun and not list_.tight:
            self._blank()
        mark = f"{BULLET} " if list_.number is None else f"{list_.number}. "
        self._levels.append(_Level(mark, " " * len(mark), list_.tight))
        list_.begun = True
        if list_.number is not None:
            list_.number += 1

    def _close_level(self) -> None:
        if not self._levels[-1].begun:
            self._add(Content(""), "text")  # an empty item is still an item
        self._levels.pop()

    def _close_table(self, table: _Table) -> None:
        self._table = None
        self._separate()
        shared = table_of(table.rows, table.aligned)
        for number, cells in enumerate(table.rows):
            first, rest = self._before()
            self._pieces.append(row_of(cells, shared, "row" if number else "head", first, rest))

    def _separate(self) -> None:
        """An empty line before what follows in an item or quote, unless it is the first there or the list is tight."""
        level = self._levels[-1] if self._levels else None
        if level is not None and level.begun and not level.tight:
            self._blank()

    def _blank(self) -> None:
        rest = "".join(level.rest for level in self._levels).rstrip()
        self._pieces.append(Piece(Content(""), "text", rest, rest))

    def _add(self, content: Content, kind: str) -> None:
        first, rest = self._before()
        self._pieces.append(Piece(content, kind, first, rest))

    def _before(self) -> tuple[str, str]:
        """What stands before the next line and those it is wrapped to."""
        first = "".join(level.rest if level.begun else level.first for level in self._levels)
        for level in self._levels:
            level.begun = True
        return first, "".join(level.rest for level in self._levels)


def _is_tight(tokens: Sequence[Token], at: int) -> bool:
    """Whether the items of the list that opens here follow one another without empty lines."""
    for token in tokens[at + 1 :]:
        if token.level == tokens[at].level and token.nesting < 0:
            return True
        if token.type == "paragraph_open" and token.level == tokens[at].level + 2:
            return token.hidden
    return True


def _inline(tokens: Sequence[Token]) -> list[Content]:
    """A paragraph's text, split where it breaks a line."""
    texts: list[str] = [""]
    spans: list[list[Span]] = [[]]
    opened: list[tuple[int, int, str]] = []

    def put(text: str, style: str = "") -> None:
        text = text.replace("\n", " ").replace("\t", " ")
        if style and text:
            spans[-1].append(Span(len(texts[-1]), len(texts[-1]) + len(text), style))
        texts[-1] += text

    def close() -> None:
        line, start, style = opened.pop()
        for number in range(line, len(texts)):
            begin = start if number == line else 0
            if begin < len(texts[number]):
                spans[number].append(Span(begin, len(texts[number]), style))

    for token in tokens:
        match token.type:
            case "softbreak":
                put(" ")
            case "hardbreak":
                texts.append("")
                spans.append([])
            case "code_inline":
                put(token.content, "code-inline")
            case "image":
                put(token.content or "image", f"{LINK}{token.attrs.get('src', '')}")
            case "link_open":
                opened.append((len(texts) - 1, len(texts[-1]), f"{LINK}{token.attrs.get('href', '')}"))
            case "em_open" | "strong_open" | "s_open":
                opened.append((len(texts) - 1, len(texts[-1]), _STYLES[token.type]))
            case "em_close" | "strong_close" | "s_close" | "link_close" if opened:
                close()
            case _:
                put(token.content)
    return [Content(text, marks) for text, marks in zip(texts, spans, strict=True)]
