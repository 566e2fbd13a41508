"""Loads the cache of earlier sessions from the disk instead of reading their tokens again, and keeps that of this one
there; knows no requests.

It helps or it does nothing: nothing here raises, and what cannot be loaded is read.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread

import numpy as np

from codeagent.inference.engine.lineage import Line, Lineages
from codeagent.inference.frames import WarmPlace
from codeagent.inference.host import host_memory
from codeagent.inference.warm_folder import Part, StateFolder, Stored, Tokens
from codeagent.inference.warm_place import Measured, measured, model_key, note

LEAST = 32
"""Tokens that are sooner read than looked for."""
WORTH_S = 1.0
"""A state is saved between two requests when reading what it adds would take so long."""
_UNKNOWN_RATE = 200.0
_MEMORY_SHARE = 4  # a state is for a while in memory twice: it may take this part of what is available


class WarmStart:
    """The states of one model on the disk, for the lines of its cache. Used by the thread that owns the context."""

    def __init__(
        self,
        place: WarmPlace,
        model: Path,
        lineages: Lineages,
        parameters: Mapping[str, object],
    ) -> None:
        """`parameters` is all that a state depends on beside the model's file and the tokens: the library's version and
        how the cache is kept. Raises OSError.
        """
        self._place = Path(place.folder)
        self._folder = StateFolder(self._place, place.limit)
        self._lineages = lineages
        told = json.dumps({"model": model_key(model), **parameters}, sort_keys=True)
        self._key = hashlib.sha256(told.encode()).hexdigest()
        self._only_whole = lineages.only_to_states
        self._unsaved: Line | None = None
        self.restless = False
        """Whether rest() may have something to do."""
        self._writer: Thread | None = None
        self._rate: float | None = None  # tokens a second: read here, and
        self._loaded: float | None = None
        self._folder.prune()

    def prepare(self, tokens: Sequence[int], rate: float | None) -> None:
        """Bring a state that has much more of these tokens than any line into one that is idle, if that is quicker than
        reading them at `rate` tokens a second.
        """
        self._rate = rate or self._rate
        wanted = np.asarray(tokens, np.int32)
        held = self._lineages.held(tokens)
        if len(tokens) - held < LEAST:
            return
        found = [(self._usable(stored, wanted), stored) for stored in self._folder.stored(self._key)]
        usable, best = max(found, key=lambda pair: (pair[0], -len(pair[1].tokens)), default=(0, None))
        if best is None or usable - held < LEAST or not self._pays(usable - held, len(best.tokens)):
            return
        if best.size > host_memory().available // _MEMORY_SHARE:
            return
        started = time.perf_counter()
        parts = self._folder.load(best)
        if parts and self._lineages.restore(best.tokens.tolist(), parts):
            self._loaded = len(best.tokens) / (time.perf_counter() - started)

    def shared(self, line: Line) -> None:
        """A line holds exactly what other sessions begin with, too: keep that, unless it is there."""
        if len(line.tokens) >= LEAST and self._new(line.tokens) > 0:
            self._save(line, shared=True)

    def ended(self, line: Line, rate: float | None) -> None:
        """A request has been answered in this line; it is saved when there is time. Tokens are read at this `rate`."""
        self._rate = rate or self._rate
        self._unsaved, self.restless = line, True

    def rest(self) -> None:
        """Nothing is asked for at the moment: save what is worth it."""
        if self._writing:
            return
        self.restless = False
        self._note()
        line = self._unsaved
        if line and not line.taken and self._new(line.tokens) >= WORTH_S * (self._rate or _UNKNOWN_RATE):
            self._save(line)

    def close(self) -> None:
        """Save the last line. That takes the time of writing it; killed meanwhile it leaves nothing that counts."""
        self._note()
        self._wait()
        if self._unsaved and self._new(self._unsaved.tokens) >= LEAST:
            self._save(self._unsaved)
            self._wait()

    @property
    def _writing(self) -> bool:
        return self._writer is not None and self._writer.is_alive()

    def _wait(self) -> None:
        if self._writer:
            self._writer.join()

    def _usable(self, stored: Stored, wanted: Tokens) -> int:
        """How many of these tokens the cache would hold after loading this and cutting what differs."""
        length = min(_common(stored.tokens, wanted), len(wanted) - 1)
        if not self._only_whole or length == len(stored.tokens):
            return length
        return max((known for known in stored.lengths if known <= length), default=0)

    def _pays(self, gained: int, loaded: int) -> bool:
        known = measured(self._place)
        if known is None or not known.recent or not known.read or not known.loaded:
            return True  # try it, and know
        return loaded / known.loaded < gained / known.read

    def _note(self) -> None:
        if self._rate or self._loaded:
            before = measured(self._place) or Measured(at=0)
            read, loaded = self._rate or before.read, self._loaded or before.loaded
            note(self._place, Measured(read=read, loaded=loaded, at=time.time() if self._loaded else before.at))
            self._loaded = None

    def _new(self, tokens: Sequence[int]) -> int:
        """How many of these tokens, at the end, no file holds."""
        held = np.asarray(tokens, np.int32)
        known = max((_common(stored.tokens, held) for stored in self._folder.stored(self._key)), default=0)
        return len(tokens) - known

    def _save(self, line: Line, shared: bool = False) -> None:
        if self._writing:
            return  # the disk is slower than the conversation
        parts = self._lineages.snapshot(line, host_memory().available // _MEMORY_SHARE)
        if parts:
            self._writer = Thread(target=self._write, args=(line.tokens[:], parts, shared), name="states", daemon=True)
            self._writer.start()

    def _write(self, tokens: list[int], parts: list[Part], shared: bool) -> None:
        """In a thread of its own. What this one continues is not needed any more."""
        now = np.asarray(tokens, np.int32)
        before = [
            stored
            for stored in self._folder.stored(self._key)
            if not stored.shared and len(stored.tokens) < len(now) and _common(stored.tokens, now) == len(stored.tokens)
        ]
        if not self._folder.save(self._key, tokens, parts, shared):
            for stored in before:
                self._folder.remove(stored)


def open_warm(place: WarmPlace, model: Path, lineages: Lineages, parameters: Mapping[str, object]) -> WarmStart | None:
    """As WarmStart takes them; None when the model's file cannot be read again."""
    try:
        return WarmStart(place, model, lineages, parameters)
    except OSError:
        return None


def _common(some: Tokens, others: Tokens) -> int:
    """The length of the longest common beginning."""
    length = min(len(some), len(others))
    different = np.flatnonzero(some[:length] != others[:length])
    return int(different[0]) if len(different) else length
