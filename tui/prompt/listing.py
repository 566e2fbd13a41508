"""A list of files or symbols fetched from its source when it is needed and old; knows no widget."""

from __future__ import annotations

import asyncio
import time

from codeagent.tui.prompt.completion import Source
from codeagent.tui.prompt.fuzzy import Index

FRESH_SECONDS = 5.0


class Listing:
    """One source with the index of its last answer, good for a few seconds."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._fetched = float("-inf")
        self._fetching = False
        self.index = Index(())

    @property
    def wants_fetching(self) -> bool:
        """Whether the answer is old and none is on its way."""
        return not self._fetching and time.monotonic() - self._fetched > FRESH_SECONDS

    async def fetch(self) -> None:
        """Ask the source; what it raises is raised, and the last answer stays."""
        self._fetching = True
        try:
            items = tuple(await self._source())
            if items != self.index.items:
                self.index = await asyncio.to_thread(Index, items)
        finally:
            self._fetching = False
            self._fetched = time.monotonic()
