"""Finds the candidates for what is being typed, from files, symbols and commands; knows no widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codeagent.tui.prompt.completion import (
    Candidate,
    SlashCommandInfo,
    Source,
    SymbolSearch,
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

    def __init__(self, commands: Sequence[SlashCommandInfo], files: Source, symbols: SymbolSearch | None) -> None:
        self._commands = commands
        self._files = Listing(files)
        self._symbols = symbols

    def outdated(self, trigger: Trigger) -> list[Listing]:
        """The lists that should be fetched again to complete this."""
        if trigger.kind == "command":
            return []
        return [self._files] if self._files.wants_fetching else []

    def candidates(self, trigger: Trigger, stopped: Callable[[], bool] = lambda: False) -> list[Candidate]:
        """What fits, of files from the list fetched last. That may take a while and belongs in a thread."""
        if trigger.kind == "command":
            return command_candidates(trigger.query, self._commands)
        files = [file_candidate(match) for match in self._files.index.best(trigger.query, OFFERED, stopped)]
        if self._symbols is None or not trigger.query:
            return files
        if stopped():
            return files
        found = self._symbols(trigger.query, SYMBOLS_OFFERED)
        return merge(files, [symbol_candidate(name, place, trigger.query) for name, place in found])


def merge(files: list[Candidate], symbols: list[Candidate]) -> list[Candidate]:
    """Both in turn, so that neither hides the other."""
    mixed: list[Candidate] = []
    for i in range(max(len(files), len(symbols))):
        mixed += files[i : i + 1] + symbols[i : i + 1]
    return mixed[:OFFERED]
