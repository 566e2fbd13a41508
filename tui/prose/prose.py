"""The widget that draws Markdown, also while it is written; knows no conversation and opens no link."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.content import Content
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from codeagent.agent.text import printable
from codeagent.tui.prose.growing import GrowingMarkdown
from codeagent.tui.prose.lines import Line, Lines
from codeagent.tui.prose.pieces import LINK, Piece
from codeagent.tui.syntax import ROLES
from codeagent.tui.syntax_css import role_css

PREFIX = "prose--"
KINDS = ("text", "h1", "h2", "h3", "h4", "h5", "h6", "code", "rule", "head", "row")
MARGIN = 1
"""Cells that stay free on both sides."""
INLINE = ("em", "strong", "struck", "code-inline", "link", "mark")


class Prose(Widget):
    """Draws Markdown line by line. What is written at its end costs what is new, not what stands there already."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {PREFIX + name for name in (*KINDS, *INLINE, *ROLES)}
    DEFAULT_CSS = f"""
    Prose {{
        width: 1fr; height: auto;
        .prose--h1 {{ color: $markdown-h1-color; text-style: bold underline; }}
        .prose--h2 {{ color: $markdown-h2-color; text-style: bold underline; }}
        .prose--h3, .prose--h4, .prose--h5, .prose--h6 {{ color: $markdown-h3-color; text-style: bold; }}
        .prose--code {{ background: $foreground 6%; }}
        .prose--rule {{ color: $foreground-muted; }}
        .prose--head {{ text-style: bold underline; }}
        .prose--em {{ text-style: italic; }}
        .prose--strong {{ text-style: bold; }}
        .prose--struck {{ text-style: strike; }}
        .prose--code-inline {{ color: $text-warning; background: $warning 8%; }}
        .prose--link {{ color: $text-accent; text-style: underline; }}
        .prose--mark {{ color: $text-primary; }}
        {role_css(PREFIX)}
        &:ansi {{
            .prose--code, .prose--code-inline {{ background: transparent; }}
            .prose--code-inline {{ text-style: bold; }}
        }}
    }}
    """

    class LinkChosen(Message):
        """A link was clicked. Nothing is opened by itself: the person is shown where it leads."""

        def __init__(self, href: str) -> None:
            self.href = href
            super().__init__()

    def __init__(self, text: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        """Text from anywhere: what a terminal could obey is made visible first."""
        super().__init__(id=id, classes=classes)
        self._markdown = GrowingMarkdown(printable(text))
        self._lines: Lines | None = None
        self._width = 0
        self._strips: dict[int, Strip] = {}
        self._styles_of: dict[str, Style] = {}

    def write(self, text: str) -> None:
        """Add text at the end."""
        self._changed(self._markdown.write(printable(text)))

    def finish(self) -> None:
        """No more text comes."""
        self._changed(self._markdown.finish())

    def rewrite(self, text: str) -> None:
        """Draw another text."""
        self._markdown = GrowingMarkdown(printable(text))
        self._changed(0)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """See Widget."""
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """See Widget."""
        return self._laid_out(width).height

    def render_lines(self, crop: Region) -> list[Strip]:
        """See Widget. Textual would make every line anew each time there is one more; these stay, and keep what was
        computed for them.
        """
        if not self.is_attached:  # removed with its block, and painted once more before the screen is laid out anew
            return [Strip.blank(crop.width)] * crop.height
        self._laid_out(self.size.width)
        strips = [self.render_line(y) for y in crop.line_range]
        ground = self.background_colors[1]
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, ground) for strip in strips]
        if crop.column_span == (0, self.size.width):
            return strips
        return [strip.crop(*crop.column_span) for strip in strips]

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        width = self.size.width
        lines = self._laid_out(width)
        if y not in self._strips:
            found = lines.at(y)
            self._strips[y] = Strip.blank(width, self.rich_style) if found is None else self._strip(*found, width)
        return self._strips[y]

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """See Widget. What is copied is Markdown's text: whole lines, however they were wrapped."""
        text = "\n".join(piece.lead + piece.content.plain for piece in self._markdown.pieces)
        return selection.extract(text), "\n\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """See Widget."""
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        """See Widget."""
        super().notify_style_update()
        self._strips.clear()
        self._styles_of.clear()

    def on_click(self, event: Click) -> None:
        """Tell which link was clicked."""
        href = event.style.meta.get("href")
        if isinstance(href, str):
            event.stop()
            self.post_message(self.LinkChosen(href))

    def _laid_out(self, width: int) -> Lines:
        if self._lines is None or width != self._width:
            self._width = width
            self._lines = Lines(width - 2 * MARGIN)
            self._lines.update(self._markdown.pieces, 0)
            self._strips.clear()
        return self._lines

    def _changed(self, piece: int) -> None:
        """The pieces from this one on are others. The screen is laid out anew only where there are more lines now."""
        lines = self._lines
        if lines is None:
            self.refresh(layout=True)
            return
        before, first = lines.height, lines.start(piece)
        lines.update(self._markdown.pieces, piece)
        for line in range(first, max(before, lines.height)):
            self._strips.pop(line, None)
        if lines.height != before:
            self.refresh(layout=True)
        elif first < lines.height:
            self.refresh(Region(0, first, self._width, lines.height - first))

    def _strip(self, number: int, line: Line, width: int) -> Strip:
        piece = self._markdown.pieces[number]
        base = self._style(piece.kind)
        selected = self._selected(number)
        plain = self._style("text").rich_style
        segments: list[Segment] = [Segment(" " * MARGIN, plain)]
        for at, part in enumerate(line):
            content, under = part.content, base
            if at == 0:
                under = self._style("text")  # the ground of code begins after what stands before it
                content = content.stylize("mark")
            if selected is not None and part.offset is not None:
                start, end = (max(0, place - part.offset) for place in selected)
                content = content.stylize(self._selection_style(), start, end)
            segments += self._drawn(content, under, part.offset, number)
        ground = base.rich_style if piece.kind == "code" else plain
        return Strip(segments).adjust_cell_length(width - MARGIN, ground).adjust_cell_length(width, plain)

    def _drawn(self, content: Content, base: Style, offset: int | None, number: int) -> list[Segment]:
        segments: list[Segment] = []
        for text, style in content.render(base, end="", parse_style=self._parsed):
            drawn = style.rich_style if offset is None else style.rich_style_with_offset(offset, number)
            segments.append(Segment(text, drawn))
            if offset is not None:
                offset += len(text)
        return segments

    def _selected(self, number: int) -> tuple[int, int] | None:
        selection = self.text_selection
        span = None if selection is None else selection.get_span(number)
        if span is None:
            return None
        piece: Piece = self._markdown.pieces[number]
        return span[0], len(piece.lead) + len(piece.content.plain) if span[1] == -1 else span[1]

    def _selection_style(self) -> Style:
        return Style.from_styles(self.screen.get_component_styles("screen--selection"))

    def _style(self, name: str) -> Style:
        if name not in self._styles_of:
            self._styles_of[name] = self.get_visual_style(PREFIX + name)
        return self._styles_of[name]

    def _parsed(self, style: str | Style) -> Style:
        """The style of a span, which lies over its ground's."""
        if isinstance(style, Style):
            return style
        if style not in self._styles_of:
            name = "link" if style.startswith(LINK) else style
            part = self.get_visual_style(PREFIX + name, partial=True)
            if style.startswith(LINK):
                part += Style.from_meta({"href": style.removeprefix(LINK)})
            self._styles_of[style] = part
        return self._styles_of[style]
