"""The app: puts the parts on the screen and wires them to a session; decides nothing about edits, tools or models."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Coroutine, Iterable
from typing import Any, ClassVar, TypeVar, cast

from rich.text import Text
from textual import on
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.screen import Screen
from textual.signal import Signal

from codeagent.agent.bootstrap import Opened, SessionOptions, SetupError
from codeagent.agent.config import Config, process_environment
from codeagent.agent.events import Event
from codeagent.agent.text import printable
from codeagent.inference.client import ModelClient, ModelError
from codeagent.tui import pauses, themes
from codeagent.tui.app_screens import AppScreens
from codeagent.tui.approval.approver import PanelApprover
from codeagent.tui.approval.call_panel import CallApproval
from codeagent.tui.approval.edit_panel import EditApproval
from codeagent.tui.approval.guard import GUARD_SECONDS
from codeagent.tui.approval.panel import ApprovalPanel
from codeagent.tui.commands import COMMANDS
from codeagent.tui.conversation.blocks import AnswerBlock
from codeagent.tui.conversation.feed import Feed
from codeagent.tui.conversation.items import Told
from codeagent.tui.conversation.view import ConversationView
from codeagent.tui.opening import open_asking
from codeagent.tui.paste_guard import guarded
from codeagent.tui.prompt.prompt import Prompt
from codeagent.tui.screens.keys import KeyRow, key_rows
from codeagent.tui.session_commands import SessionCommands
from codeagent.tui.status import StatusLine
from codeagent.tui.turns import Turns
from codeagent.tui.waiting import Waiting

T = TypeVar("T")
FRAME = 1 / 20
DOUBLE = 0.8


class CodeAgentApp(App[int]):
    """The terminal app over one folder; returns the exit code."""

    TITLE = "codeagent"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "pause", "Pause the agent; twice: go back to a turn", id="app.pause", show=False),
        Binding("tab", "to_question", "To the open question", id="app.question", show=False),
        Binding("shift+tab", "mode", "Next permission mode", id="app.mode", priority=True),
        Binding("ctrl+c", "interrupt", "Copy, pause, or twice: end", id="app.interrupt", priority=True),
        Binding("ctrl+q", "quit", "End", id="app.quit", priority=True),
        Binding("ctrl+z", "suspend_process", "To the background", id="app.suspend", priority=True),
        Binding("f1", "command('help')", "Help", id="app.help"),
        Binding("f2", "command('review')", "Review changes", id="app.review"),
        Binding("f3", "command('sessions')", "Sessions", id="app.sessions"),
        Binding("f4", "command('model')", "Models", id="app.models"),
        Binding("pageup", "page(-1)", "Scroll up", id="app.page_up", show=False),
        Binding("pagedown", "page(1)", "Scroll down", id="app.page_down", show=False),
    ]
    CSS = "Screen { layout: vertical; }" + themes.THEME_CSS

    def __init__(
        self,
        options: SessionOptions,
        interface: Config,
        first: str | None = None,
        guard_seconds: float = GUARD_SECONDS,
    ) -> None:
        """`interface` holds the looks and keys; `first` is a request to begin with. For `guard_seconds` after a
        question appears no key answers it.
        """
        super().__init__(ansi_color=themes.ansi_color(process_environment()))
        self._options = options
        self._interface = interface
        self._first = first
        self._opened: Opened | None = None
        self._events: deque[Event] = deque()
        self._flushing = False
        self._flush_lock = asyncio.Lock()
        self._panel: ApprovalPanel | None = None
        self._escaped = self._interrupted = 0.0
        self._approver = PanelApprover(self._show_panel, self._hide_panel, options.root, guard_seconds=guard_seconds)
        self.view = ConversationView()
        self._feed = Feed(self.view)
        self._status = StatusLine()
        self._waiting = Waiting()
        self._prompt = Prompt(
            history=options.paths.prompt_history,
            root=options.root,
            files=self._files,
            symbols=self._symbols,
            commands=COMMANDS,
            placeholder="Ask for a change, or type / for commands",
            vim=interface.vim,
            drafting=lambda text: self._turns.drafting(text),
        )
        self._turns = Turns(self, self._waiting, self._status)
        self._session_commands = SessionCommands(self)
        self._screens = AppScreens(self)

    def get_driver_class(self) -> type[Driver]:
        """See App: the driver that lets no paste press keys."""
        return guarded(super().get_driver_class())

    def compose(self) -> ComposeResult:
        """Conversation, queue, prompt, status."""
        yield self.view
        yield self._waiting
        yield self._prompt
        yield self._status

    def on_mount(self) -> None:
        """Draw at once, then open the session."""
        themes.register(self)
        resumed = cast("Signal[object]", self.app_resume_signal)  # pyright: ignore[reportUnknownMemberType]  # open there
        resumed.subscribe(self, lambda _: self.refresh(layout=True))  # fg: Textual by itself draws nothing
        self.use_interface(self._interface)
        self._prompt.focus()
        self.run_worker(self._begin(), exit_on_error=True)

    async def _begin(self) -> None:
        if await self._open(self._options):
            self._turns.submit_waiting(self._first)

    async def _open(self, options: SessionOptions, loaded: tuple[ModelClient, str] | None = None) -> bool:
        try:
            opened = await open_asking(options, self._emit, self._approver, self.ask, loaded)
        except SetupError as e:
            self.exit(e.exit_code, message=Text(f"codeagent: {printable(str(e))}", overflow="fold"))
            return False
        if opened is None:
            self.exit(0)
            return False
        self._opened, self._options = opened, options
        opened.code.start(watch=True)
        self._feed = Feed(self.view)
        await self._feed.show_past(opened.past)
        pauses.settle()
        self._greet(opened)
        self._turns.opened()
        self.run_worker(self._load_model(opened), group="model", exclusive=True)
        return True

    def _greet(self, opened: Opened) -> None:
        where = printable(opened.root.name or str(opened.root))
        if not opened.past:
            text = f"codeagent in {where} · type a request, @ for a file, / for commands, ! for the shell · F1 help"
            self.call_later(self.view.add, Told(0, text, "quiet"))
        self.title = f"codeagent · {where}"

    async def _load_model(self, opened: Opened) -> None:
        """Load the model while the person types."""
        try:
            info = await opened.client.info()
        except ModelError as e:
            await self.view.add(Told(0, str(e), "error"))
            self._status.standing.state = "failed"
        else:
            self._status.standing.window = info.context_length
            self._status.standing.state = "ready" if not opened.session.working else self._status.standing.state
            for notice in info.notices:
                await self.view.add(Told(0, notice, "info"))
        self._status.redraw()

    def _emit(self, event: Event) -> None:
        """Take an event, at any rate; what came within one frame is drawn together."""
        self._events.append(event)
        if not self._flushing:
            self._flushing = True
            # Not a timer of Textual: an event may come from a task that knows of no app.
            asyncio.get_running_loop().call_later(FRAME, self.call_later, self.flush)

    async def flush(self) -> None:
        """Draw all events that came."""
        async with self._flush_lock:
            self._flushing = False
            batch, self._events = list(self._events), deque[Event]()
            for event in batch:
                self._status.feed(event)
            await self._feed.feed(batch)

    async def _show_panel(self, panel: ApprovalPanel) -> None:
        """A question: drawn where the edit happens, after all that led to it."""
        await self.flush()
        await self.view.mount(panel)
        self.view.anchor()
        writing = bool(self._prompt.text.strip())
        if not writing:
            panel.focus()
        self._panel = panel
        # Who is writing keeps the keyboard.
        self._status.standing.asking = "waits for your answer: Tab" if writing else "waits for your answer"
        self._status.redraw()
        if self._turns.long:
            self.bell()

    async def _hide_panel(self, panel: ApprovalPanel) -> None:
        self._panel = None
        await panel.remove()
        self._prompt.focus()
        self._status.standing.asking = ""
        self._status.redraw()

    @on(Prompt.Submitted)
    def submitted(self, event: Prompt.Submitted) -> None:
        """A request: begun at once, or waiting its turn, or said into the turn under way."""
        if isinstance(event, Prompt.Steer):
            self._turns.steer(event.text)
        else:
            self._turns.submit(event.text)

    @on(Prompt.Shell)
    def shell(self, event: Prompt.Shell) -> None:
        """A command for the shell."""
        if self._opened is None:
            self.say("The session is not open yet.", "warning")
        else:
            self._turns.shell(event.command, event.share)

    @on(Prompt.SlashCommand)
    def slash(self, event: Prompt.SlashCommand) -> None:
        """A command of ours."""
        self.action_command(event.name, event.argument)

    @on(Prompt.Notice)
    def prompt_notice(self, event: Prompt.Notice) -> None:
        """Something the prompt could not do."""
        self.say(event.text, "warning")

    @on(Waiting.TakeBack)
    def take_back(self) -> None:
        """The last waiting message goes back into the prompt."""
        if (text := self._waiting.take_back()) is not None:
            self.propose(text)

    @on(StatusLine.ModeClicked)
    def mode_clicked(self) -> None:
        """As the key."""
        self.action_mode()

    @on(AnswerBlock.LinkChosen)
    def link_chosen(self, event: AnswerBlock.LinkChosen) -> None:
        """Nothing that a model wrote is opened; it can be copied."""
        self.run_worker(self._screens.link(event.href), group="link", exclusive=True)

    def action_command(self, name: str, argument: str = "") -> None:
        """Run a slash command."""
        if name == "quit":
            self.exit(0)
        elif self._opened is None:
            self.say("The session is not open yet.", "warning")
        else:
            self.run_worker(self._command(name, argument), group="command")

    async def _command(self, name: str, argument: str) -> None:
        if not await self._session_commands.run(name, argument):
            await self._screens.show(name)

    def action_pause(self) -> None:
        """Pause the agent; twice in a row, between turns, choose a turn to go back to."""
        now = time.monotonic()
        if not self._turns.pause() and now - self._escaped < DOUBLE:
            self.action_command("rewind")
        self._escaped = now

    def action_interrupt(self) -> None:
        """Copy what is selected; else pause; else, pressed twice, end."""
        now = time.monotonic()
        if self._prompt.copy_selection():
            return
        if selected := self.screen.get_selected_text():
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            return
        if self._turns.pause():
            pass
        elif now - self._interrupted < 2 * DOUBLE:
            self.exit(0)
        else:
            self.say("Press Ctrl+C again to end.")
        self._interrupted = now

    def action_to_question(self) -> None:
        """Give the keyboard to the open question; without one, to what follows."""
        if self._panel is not None and not self._panel.has_focus:
            self._panel.focus()
        else:
            self.screen.focus_next()

    def action_mode(self) -> None:
        """Next permission mode."""
        if self._opened is not None:
            self._session_commands.set_mode("")

    def action_page(self, direction: int) -> None:
        """Scroll the conversation by a page."""
        (self.view.scroll_page_up if direction < 0 else self.view.scroll_page_down)(animate=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette offers every slash command that needs nothing more."""
        for each in COMMANDS:
            if not each.argument_hint or each.argument_hint.startswith("["):
                yield SystemCommand(each.name, each.description, lambda name=each.name: self.action_command(name))

    @property
    def opened(self) -> Opened:
        """The open session."""
        if self._opened is None:
            raise RuntimeError("no session is open")
        return self._opened

    @property
    def options(self) -> SessionOptions:
        """How the session was opened."""
        return self._options

    @property
    def is_open(self) -> bool:
        """Whether a session is open yet."""
        return self._opened is not None

    @property
    def interface(self) -> Config:
        """Looks and keys."""
        return self._interface

    def begin(self, work: Coroutine[Any, Any, None], group: str) -> None:
        """Run beside the app, until it ends."""
        self.run_worker(work, group=group)

    def say(self, text: str, level: str = "info") -> None:
        """A short notice that goes away; errors stay longer."""
        severity = {"warning": "warning", "error": "error"}.get(level, "information")
        self.notify(printable(text), severity=severity, markup=False, timeout=12 if level == "error" else 5)  # pyright: ignore[reportArgumentType]  # a literal type

    async def ask(self, screen: Screen[T]) -> T:
        """Show a screen and wait for its result."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: T | None) -> None:
            if not answer.done():
                answer.set_result(result)  # pyright: ignore[reportArgumentType]  # a dismissed screen gives its type

        await self.push_screen(screen, done)
        return await answer

    def propose(self, text: str) -> None:
        """Put text into the prompt, in front of what is being typed."""
        self._prompt.set_text(f"{text}\n{self._prompt.text}" if self._prompt.text.strip() else text)
        self._prompt.focus()

    def copy(self, text: str) -> None:
        """Put text on the clipboard, over SSH too."""
        self.copy_to_clipboard(text)

    def use_interface(self, interface: Config) -> None:
        """Take other looks and keys at once."""
        self._interface = interface
        self.theme = themes.chosen(interface.theme, self.available_themes, process_environment())
        self.set_keymap(interface.keys)

    def key_rows(self) -> list[KeyRow]:
        """All actions with their keys, by place."""
        places = [("everywhere", self), ("prompt", Prompt), ("edits", EditApproval), ("questions", CallApproval)]
        return [row for name, place in places for row in key_rows(name, place.BINDINGS)]

    async def reopen(self, options: SessionOptions, new_model: bool = False) -> None:
        """Close this session and open another, with the same model unless there is a new one."""
        if self.opened.session.working:
            self.say("The agent is at work. Pause it with Esc first.", "warning")
            return
        await self.flush()
        await self.opened.session.close(keep_model=not new_model)
        loaded = None if new_model else (self.opened.client, self.opened.model_name)
        self._opened = None
        if not await self._open(options, loaded):
            self.exit(1)

    async def _files(self) -> list[str]:
        return await self.opened.files() if self._opened is not None else []

    def _symbols(self, part: str, limit: int) -> list[tuple[str, str]]:
        return self._opened.code.complete(part, limit) if self._opened is not None else []

    async def on_unmount(self) -> None:
        """End the model before the terminal is given back."""
        await self._turns.finish()
        if self._opened is not None:
            with contextlib.suppress(ModelError):
                await self._opened.session.close()
