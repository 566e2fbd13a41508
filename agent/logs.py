"""The log file of what went wrong inside codeagent: 0600, bounded, without secrets; knows nothing of what is logged."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from codeagent.agent.private import make_private_folder

MAX_BYTES = 1024 * 1024


class LogFile(logging.Handler):
    """Appends each record, with its traceback; made at the first one. A log that cannot be written is given up."""

    def __init__(self, path: Path, mask: Callable[[str], str]) -> None:
        """`mask` takes secrets out of a text. Beyond MAX_BYTES the file becomes `<name>.1` and a new one begins."""
        super().__init__(logging.WARNING)
        self._path = path
        self._mask = mask
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        with suppress(OSError):
            make_private_folder(self._path.parent)
            if self._path.exists() and self._path.stat().st_size > MAX_BYTES:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(self._path, flags, 0o600), "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(self._mask(self.format(record)) + "\n")


def log_to(path: Path, mask: Callable[[str], str]) -> None:
    """Write what this program logs from now on to this file, and to no other and no terminal."""
    logger = logging.getLogger("codeagent")
    for handler in [handler for handler in logger.handlers if isinstance(handler, LogFile)]:
        logger.removeHandler(handler)
    logger.addHandler(LogFile(path, mask))
    logger.propagate = False
