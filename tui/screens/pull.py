"""A download in progress: bar, speed, time left, and a way to stop it; knows no list of models."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import ProgressBar, Static

from codeagent.agent.text import printable
from codeagent.inference import download
from codeagent.inference.catalog import Entry
from codeagent.inference.client import ModelError
from codeagent.inference.partial import Partial
from codeagent.tui.screens.figures import duration, size

_REDRAW_SECONDS = 0.2
_WINDOW_SECONDS = 10.0
_LINES = 3


class _StoppedPull(BaseException):
    """Ends a download from within. No Exception: each of those means that a source failed and the next begins."""


class Transfer:
    """One download in a thread: what the thread reports, and the wish to stop it."""

    def __init__(self, entry: Entry, folder: Path) -> None:
        """Nothing happens before `run`."""
        self.entry = entry
        self.done = 0
        self.total = entry.size
        self.lines: deque[str] = deque(maxlen=_LINES)
        self._folder = folder
        self._stop = threading.Event()

    def stop(self) -> None:
        """End it soon. What has come is kept."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether it is to end."""
        return self._stop.is_set()

    def run(self) -> bool:
        """Download to the end: True when the model is there and checked, False when stopped. Raises ModelError."""
        try:
            download.pull(self.entry, self._folder, self.lines.append, self._progress)
        except _StoppedPull:
            return False
        return True

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self._stop.is_set():
            raise _StoppedPull


class Pull(Vertical):
    """Shows one download and owns its thread; leaving the screen stops it."""

    DEFAULT_CSS = """
    Pull { height: auto; padding: 0 1; margin: 0 0 1 0; display: none; }
    Pull.-running { display: block; }
    Pull Horizontal { height: 1; }
    Pull ProgressBar { width: 30; margin: 0 2 0 0; }
    Pull Bar { width: 1fr; }
    Pull Bar > .bar--bar { background: $panel; }
    Pull .figures { width: 1fr; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Pull .sources { height: auto; color: $text-muted; }
    """

    class Ended(Message):
        """The download is over: `outcome` is done, stopped or failed, and `text` a sentence about it."""

        def __init__(self, entry: Entry, outcome: str, text: str) -> None:
            super().__init__()
            self.entry = entry
            self.outcome = outcome
            self.text = text

    def __init__(self, folder: Path) -> None:
        """Models go to this folder."""
        super().__init__()
        self._folder = folder
        self._transfer: Transfer | None = None
        self._marks: deque[tuple[float, int]] = deque()
        self._redraws: Timer | None = None

    @property
    def running(self) -> bool:
        """Whether something is being downloaded."""
        return self._transfer is not None

    def compose(self) -> ComposeResult:
        """What comes, the bar with its figures, and what the sources say."""
        yield Static(classes="what")
        with Horizontal():
            yield ProgressBar(show_eta=False)
            yield Static(classes="figures")
        yield Static(classes="sources")

    def on_mount(self) -> None:
        """Redraw a few times a second while something comes; the thread itself draws nothing."""
        self._redraws = self.set_interval(_REDRAW_SECONDS, self._draw, pause=True)

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        self.stop()

    def begin(self, entry: Entry) -> None:
        """Download a model; does nothing while another one comes."""
        if self._transfer is not None:
            return
        self._transfer = transfer = Transfer(entry, self._folder)
        self._marks.clear()
        self.add_class("-running")
        self.query_one(".what", Static).update(Content(f"Downloading {entry.name}"))
        self._draw()
        if self._redraws is not None:
            self._redraws.resume()
        # Not a worker of Textual: quitting waits for those, and this thread may hang on a slow line for a while.
        threading.Thread(target=self._work, args=(transfer,), name="pull", daemon=True).start()

    def stop(self) -> None:
        """Stop the download; what has come is kept."""
        if self._transfer is not None:
            self._transfer.stop()

    def _work(self, transfer: Transfer) -> None:
        name = transfer.entry.name
        try:
            if transfer.run():
                outcome, text = "done", f"{name} is here, and its checksum is right."
            else:
                kept = size(Partial(self._folder / f"{name}.gguf").size)
                outcome, text = "stopped", f"Stopped. {kept} of {name} are kept: pull it again to go on."
        except ModelError as e:
            outcome, text = "failed", " ".join([*transfer.lines, str(e)])
        self.post_message(self.Ended(transfer.entry, outcome, text))

    def on_pull_ended(self) -> None:
        """Go out of sight; the message goes on to the screen."""
        self._transfer = None
        self.remove_class("-running")
        if self._redraws is not None:
            self._redraws.pause()

    def _draw(self) -> None:
        transfer = self._transfer
        if transfer is None:
            return
        done, total, now = transfer.done, transfer.total, time.monotonic()
        self._marks.append((now, done))
        while self._marks[0][0] < now - _WINDOW_SECONDS:
            self._marks.popleft()
        self.query_one(ProgressBar).update(total=total, progress=done)
        self.query_one(".figures", Static).update(Content(self._figures(transfer)))
        self.query_one(".sources", Static).update(Content(printable("\n".join(transfer.lines))))

    def _figures(self, transfer: Transfer) -> str:
        if transfer.stopping:
            return "Stopping …"
        if not transfer.done:
            return "Asking for it …"
        if transfer.done >= transfer.total:
            return "All is here; checking it …"
        facts = [f"{size(transfer.done)} of {size(transfer.total)}"]
        (start, before), (end, done) = self._marks[0], self._marks[-1]
        if end > start and done > before:
            rate = (done - before) / (end - start)
            facts += [f"{size(int(rate))}/s", f"{duration((transfer.total - done) / rate)} left"]
        return "  ".join(facts)
