"""Messages the person typed while the agent works, shown until their turn comes; knows no session."""

from __future__ import annotations

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from codeagent.agent.text import printable


class Waiting(Static):
    """The queue above the prompt. A click takes the last message back into the prompt."""

    DEFAULT_CSS = """
    Waiting { display: none; padding: 0 2; color: $text-muted; height: auto; max-height: 6; }
    Waiting.-some { display: block; }
    """

    class TakeBack(Message):
        """The person wants the last waiting message back."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []

    def __len__(self) -> int:
        return len(self._texts)

    def put(self, text: str) -> None:
        """Wait at the end."""
        self._texts.append(text)
        self._draw()

    def next(self) -> str | None:
        """The message whose turn it is; None when nothing waits."""
        text = self._texts.pop(0) if self._texts else None
        self._draw()
        return text

    def take_back(self) -> str | None:
        """The message that was typed last; None when nothing waits."""
        text = self._texts.pop() if self._texts else None
        self._draw()
        return text

    def on_click(self) -> None:
        """Ask for the last message back."""
        self.post_message(self.TakeBack())

    def _draw(self) -> None:
        self.set_class(bool(self._texts), "-some")
        lines = [printable(text).splitlines()[0][:200] for text in self._texts if text.strip()]
        self.update(Content("\n".join(f"waits: {line}" for line in lines)))
