"""The scrolling conversation: items in order, of which only the latest are widgets; knows no session."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from codeagent.tui.conversation.blocks import AnswerBlock, AsideBlock, Folding, widget_for
from codeagent.tui.conversation.items import Answered, Aside, Item

# Textual lays out every widget of the view for each frame, so few of them keep the keys quick while text streams in.
KEPT = 40
PAGE = 20


class ConversationView(VerticalScroll):
    """Draws items; old ones leave the widget tree and come back when scrolled to, so that a long session stays fast."""

    DEFAULT_CSS = """
    ConversationView { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    ConversationView > .earlier { color: $text-muted; text-align: center; width: 1fr; display: none; }
    ConversationView > .earlier.-some { display: block; }
    """

    def __init__(self, kept: int = KEPT) -> None:
        """`kept` is how many blocks stay widgets."""
        super().__init__(can_focus=False)
        self._items: list[Item] = []
        self._first = 0
        self._widgets: dict[Item, Widget] = {}
        self._kept = kept
        self._earlier = Static(classes="earlier")

    @property
    def items(self) -> tuple[Item, ...]:
        """All items, oldest first, drawn or not."""
        return tuple(self._items)

    def compose(self) -> ComposeResult:
        """The line that stands for what is not drawn."""
        yield self._earlier

    def on_mount(self) -> None:
        """Stay at the end until the person scrolls."""
        self.anchor()
        self.watch(self, "scroll_y", self._scrolled, init=False)

    async def add(self, *items: Item) -> None:
        """Append items and draw them."""
        self._items += items
        for item in items:
            self._widgets[item] = widget_for(item)
        await self.mount_all([self._widgets[item] for item in items])
        await self._prune()

    async def changed(self, item: Item) -> None:
        """Draw an item anew, if it is drawn at all. Prose grows by `write` instead."""
        widget = self._widgets.get(item)
        if isinstance(widget, Folding):
            await widget.redraw()

    async def write(self, item: Answered | Aside, text: str) -> None:
        """More prose for an item."""
        item.text += text
        if block := self._prose(item):
            block.write(text)

    async def finish(self, item: Answered | Aside) -> None:
        """No more prose comes for an item."""
        if block := self._prose(item):
            block.finish()

    async def rewrite(self, item: Answered, text: str) -> None:
        """Finished prose becomes another; an item without any goes."""
        item.text = text
        if not text:
            await self.drop(item)
        elif block := self._prose(item):
            block.rewrite(text)

    async def drop(self, item: Item) -> None:
        """Take an item away."""
        if item in self._items:
            at = self._items.index(item)
            del self._items[at]
            self._first -= at < self._first
        if widget := self._widgets.pop(item, None):
            await widget.remove()

    async def replace(self, items: list[Item]) -> None:
        """Draw these items instead of all that stand here."""
        widgets, self._widgets, self._items = list(self._widgets.values()), {}, list(items)
        await self.remove_children(widgets)
        self._first = max(0, len(items) - self._kept)
        for item in items[self._first :]:
            self._widgets[item] = widget_for(item)
        await self.mount_all(list(self._widgets.values()))
        self._tell_earlier()
        self.anchor()

    def _prose(self, item: Answered | Aside) -> AnswerBlock | None:
        widget = self._widgets.get(item)
        if isinstance(widget, AsideBlock):
            return widget.answer
        return widget if isinstance(widget, AnswerBlock) else None

    async def _prune(self) -> None:
        """Let the oldest widgets go, unless the person has scrolled up to read them."""
        if len(self._widgets) <= self._kept + PAGE or self.scroll_y < self.max_scroll_y - self.size.height:
            return
        gone: list[Widget] = []
        while len(self._widgets) > self._kept:
            if widget := self._widgets.pop(self._items[self._first], None):
                gone.append(widget)
            self._first += 1
        await self.remove_children(gone)
        self._tell_earlier()

    def _tell_earlier(self) -> None:
        self._earlier.set_class(self._first > 0, "-some")
        self._earlier.update(Content(f"── {self._first:,} earlier ──"))

    async def _scrolled(self, old: float, new: float) -> None:
        """Bring earlier items back when the person reaches the top."""
        if new > 0 or old <= 0 or self._first == 0:
            return
        begin = max(0, self._first - PAGE)
        back = self._items[begin : self._first]
        self._first = begin
        fresh = {item: widget_for(item) for item in back}
        self._widgets = fresh | self._widgets
        height = self.virtual_size.height
        await self.mount_all(list(fresh.values()), after=self._earlier)
        self._tell_earlier()
        self.call_after_refresh(lambda: self.scroll_to(y=self.virtual_size.height - height, animate=False))
