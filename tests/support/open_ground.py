"""A folder that a sandbox shows as it is: not below /tmp and its like, which are a command's own in there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_REPLACED = tuple(map(Path, ("/tmp", "/var/tmp", "/run")))
_OTHERS = tuple(map(Path, ("/srv", "/opt", "/home")))


@contextmanager
def open_ground() -> Iterator[Path]:
    """An empty folder in the person's home, or, where a test machine's home is below /tmp, in a place of the system's.

    Gone in the end. Skips the test, by name, where there is no such place.
    """
    places = (Path.home().resolve(), *_OTHERS)
    fit = (p for p in places if os.access(p, os.W_OK) and not any(p.is_relative_to(r) for r in _REPLACED))
    place = next(fit, None)
    if place is None:
        pytest.skip("NOT TESTED: home is below /tmp, and there is no other place to write that a sandbox shows")
    base = Path(tempfile.mkdtemp(prefix=".codeagent-tests-", dir=place))
    try:
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)
