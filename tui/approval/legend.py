"""The keys of a panel as a line that can be clicked; knows what they are called and not what they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget


@dataclass(frozen=True)
class Key:
    """What keys do. `label` is a word or two for the line, "" where it is told only in full; `sentence` tells all."""

    action: str
    keys: tuple[str, ...]
    label: str
    sentence: str


class Legend(Widget):
    """Draws keys in as few lines as they fit."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"legend--key"}
    DEFAULT_CSS = """
    Legend {
        height: auto; color: $foreground-muted;
        .legend--key { color: $accent; text-style: bold; }
        &.-closed { text-style: dim; .legend--key { color: $foreground-muted; text-style: dim; } }
    }
    """

    keys: reactive[tuple[Key, ...]] = reactive((), layout=True)
    """What is told."""
    whole: reactive[bool] = reactive(False, layout=True)
    """Whether every key is told in a sentence, one in a line."""

    class Chosen(Message):
        """The person clicked on a key; `clicked` is when."""

        def __init__(self, action: str, clicked: float) -> None:
            super().__init__()
            self.action = action
            self.clicked = clicked

    def on_click(self, event: events.Click) -> None:
        """Tell which key was clicked."""
        if action := event.style.meta.get("legend"):
            self.post_message(self.Chosen(action, event.time))

    def render(self) -> Content:
        """See Widget."""
        return Content("\n").join(self._lines(self.size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """See Widget."""
        return len(self._lines(width))

    def _lines(self, width: int) -> list[Content]:
        if self.whole:
            return [_item(key, f"{'/'.join(key.keys):<12}", key.sentence) for key in self.keys]
        lines: list[list[Content]] = []
        left = 0
        for item in (_item(key, key.keys[0], key.label) for key in self.keys if key.label):
            needed = cell_len(item.plain) + 2
            if needed - 2 > left:
                lines.append([])
                left = width
            lines[-1].append(item)
            left -= needed
        return [Content("  ").join(line) for line in lines]


def _item(key: Key, name: str, words: str) -> Content:
    item = Content.assemble((name, ".legend--key"), " ", words)
    return item.stylize(Style.from_meta({"legend": key.action}))


def keys_of(bindings: Sequence[tuple[str, str, str]], labels: dict[str, str]) -> tuple[Key, ...]:
    """Keys from bindings, each a key's name, its action and the sentence; those of one action are told together."""
    names: dict[tuple[str, str], list[str]] = {}
    for name, action, sentence in bindings:
        names.setdefault((action, sentence), []).append(name)
    return tuple(Key(a, tuple(keys), labels.get(a, ""), sentence) for (a, sentence), keys in names.items())
