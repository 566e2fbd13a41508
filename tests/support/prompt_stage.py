"""An app with nothing but the prompt, which writes down what the prompt says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from textual import events, on
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

from codeagent.tui.prompt.completion import SlashCommandInfo, SymbolSearch
from codeagent.tui.prompt.popup import Popup
from codeagent.tui.prompt.prompt import Prompt

COMMANDS = (
    SlashCommandInfo("help", "Show keys and commands"),
    SlashCommandInfo("rewind", "Go back to an earlier turn", "[turn]"),
    SlashCommandInfo("undo", "Take the last turn back"),
    SlashCommandInfo("model", "Choose another model", "NAME"),
)


def source(*names: str) -> Callable[[], Awaitable[Sequence[str]]]:
    """A source that lists these names."""

    async def listed() -> Sequence[str]:
        return names

    return listed


def symbols(*names: str) -> SymbolSearch:
    """Symbols of these names, all in one file."""

    def search(part: str, limit: int) -> Sequence[tuple[str, str]]:
        return [(name, "calc.py:1") for name in names if part.lower() in name.lower()][:limit]

    return search


class PromptStage(App[None]):
    """The prompt at the foot of the screen; `said` is what it sent, as tuples."""

    CSS = "Prompt { dock: bottom; }"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        folder: Path,
        *,
        files: Callable[[], Awaitable[Sequence[str]]] | None = None,
        symbols: SymbolSearch | None = None,
        vim: bool = False,
    ) -> None:
        super().__init__()
        self.said: list[tuple[object, ...]] = []
        self.noted = 0
        self.prompt = Prompt(
            history=folder / "history.jsonl",
            root=folder,
            files=files or source(),
            symbols=symbols,
            commands=COMMANDS,
            placeholder="Ask for a change",
            vim=vim,
        )

    def compose(self) -> ComposeResult:
        yield Static("\n".join(f"line {n} of the conversation" for n in range(60)))
        yield self.prompt

    def on_mount(self) -> None:
        self.prompt.focus()

    @on(Prompt.Submitted)
    def submitted(self, event: Prompt.Submitted) -> None:
        self.said.append(("steer" if isinstance(event, Prompt.Steer) else "said", event.text))

    @on(Prompt.Shell)
    def shell(self, event: Prompt.Shell) -> None:
        self.said.append(("shell", event.command, event.share))

    @on(Prompt.SlashCommand)
    def command(self, event: Prompt.SlashCommand) -> None:
        self.said.append(("command", event.name, event.argument))

    @on(Prompt.Unknown)
    def unknown(self, event: Prompt.Unknown) -> None:
        self.said.append(("unknown", event.text, event.suggestion))

    @on(Prompt.Notice)
    def notice(self, event: Prompt.Notice) -> None:
        self.said.append(("notice", event.text))

    def action_note(self) -> None:
        self.noted += 1

    @property
    def popup(self) -> Popup:
        return self.query_one(Popup)

    @property
    def shown(self) -> str:
        """What is on the screen."""
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.screen._compositor.render_strips()
        )

    @property
    def offered(self) -> list[str]:
        """The lines of the popup."""
        return [str(option.prompt).strip() for option in self.popup.options] if self.popup.display else []

    def burst(self, *keys: str) -> None:
        """Keys that arrive faster than they are handled."""
        for key in keys:
            self.post_message(events.Key(key, key if len(key) == 1 else None))


async def paste(pilot: Pilot[None], text: str) -> None:
    """What a terminal sends when the person pastes."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()
    await pilot.pause()


async def until(pilot: Pilot[None], happened: Callable[[], object]) -> None:
    """Wait until something has happened; fail if it does not."""
    for _ in range(250):
        if happened():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not happen within five seconds")
