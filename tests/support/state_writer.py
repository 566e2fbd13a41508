"""Saves and loads states in a folder without end, or for a number of turns, as a model process does; for tests that run
several at once or kill one.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from codeagent.inference.warm_folder import Part, StateFolder

KEY = "a key"


def tokens_of(number: int) -> list[int]:
    """The tokens of the state with this number."""
    return [number, *range(100)]


def content_of(number: int, size: int) -> bytearray:
    """The bytes of the state with this number."""
    return bytearray(random.Random(number).randbytes(size))


def main() -> None:
    """Arguments: folder, limit, size of a state, turns (0: until killed), seed. Ends with 1 when a state is not as it
    was saved.
    """
    folder, limit, size, turns, seed = Path(sys.argv[1]), *map(int, sys.argv[2:])
    states, chance = StateFolder(folder, limit), random.Random(seed)
    turn = 0
    while not turns or turn < turns:
        turn += 1
        number = chance.randrange(8)
        states.save(KEY, tokens_of(number), [Part(101, False, content_of(number, size))])
        for stored in states.stored(KEY):
            parts = states.load(stored)
            if parts is not None and bytes(parts[0].data) != content_of(int(stored.tokens[0]), size):
                sys.exit(1)
        sys.stdout.write(f"{turn}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
