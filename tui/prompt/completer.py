"""Finds the candidates for what is being typed, from files, symbols and commands; knows no widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codeagent.tui.prompt.completion import (
    Candidate,
    SlashCommandInfo,
    Source,
    Trigger,
    command_candidates,
    file_candidate,
    symbol_candidate,
)
from codeagent.tui.prompt.listing import Listing

OFFERED = 50
SYMBOLS_OFFERED = 15


class Completer:
    """The candidates of one prompt."""

    def __init__(self, commands: Sequence[SlashCommandInfo], files: Source, symbols: Source | None) -> None:
        self._commands = commands
        self._files = Listing(files)
        self._symbols = None if symbols is None else Listing(symbols)

    def outdated(self, trigger: Trigger) -> list[Listing]:
        """The lists that should be fetched again to complete this."""
        if trigger.kind == "command":
            return []
        listings = [self._files] if self._symbols is None else [self._files, self._symbols]
        return [listing for listing in listings if listing.wants_fetching]

    def candidates(self, trigger: Trigger, stopped: Callable[[], bool] = lambda: False) -> list[Candidate]:
        """What fits, from the lists fetched so far. For large lists it takes a while and belongs in a thread."""
        if trigger.kind == "command":
            return command_candidates(trigger.query, self._commands)
        files = [file_candidate(match) for match in self._files.index.best(trigger.query, OFFERED, stopped)]
        if self._symbols is None or not trigger.query:
            return files
        symbols = [symbol_candidate(m) for m in self._symbols.index.best(trigger.query, SYMBOLS_OFFERED, stopped)]
        return merge(files, symbols)


def merge(files: list[Candidate], symbols: list[Candidate]) -> list[Candidate]:
    """Both in turn, so that neither hides the other."""
    mixed: list[Candidate] = []
    for i in range(max(len(files), len(symbols))):
        mixed += files[i : i + 1] + symbols[i : i + 1]
    return mixed[:OFFERED]
