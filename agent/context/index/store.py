"""The database file: its tables, and its way back from any damage; knows no query and no file of the workspace.

A content is stored once, however many files have it: `contents` says what it is, `blocks` and `details` hold its
symbols as `packing` makes them, with local numbers of names whose meaning `blocks.names` gives. `defined` and `used`
are the way from a name to contents. Names are never removed, so that their numbers can be remembered. A file whose
content could not be had has no content and a `partial`, a sentence.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from codeagent.agent.private import make_private_folder
from codeagent.tools.symbols.frames import DamagedError

SCHEMA: Final = 1
BUSY_S: Final = 30.0
_TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE files (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, mark INTEGER NOT NULL,
    content INTEGER, partial TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX files_by_content ON files (content);
CREATE TABLE contents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, language TEXT NOT NULL, lines INTEGER NOT NULL,
    partial TEXT NOT NULL, definitions INTEGER NOT NULL, uses INTEGER NOT NULL, used_names INTEGER NOT NULL
);
CREATE TABLE blocks (content INTEGER PRIMARY KEY, names BLOB NOT NULL, counts BLOB NOT NULL, definitions BLOB NOT NULL);
CREATE TABLE details (content INTEGER PRIMARY KEY, uses BLOB NOT NULL, texts BLOB NOT NULL);
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, humps TEXT);
CREATE INDEX names_in_any_case ON names (name COLLATE NOCASE) WHERE humps IS NOT NULL;
CREATE INDEX names_by_humps ON names (humps) WHERE humps IS NOT NULL;
CREATE TABLE defined (
    name INTEGER, scope INTEGER, content INTEGER, PRIMARY KEY (name, scope, content)
) WITHOUT ROWID;
CREATE INDEX defined_by_scope ON defined (scope);
CREATE TABLE used (name INTEGER, content INTEGER, PRIMARY KEY (name, content)) WITHOUT ROWID;
"""
_ENDING: Final = ".sqlite"
_FORGOTTEN_S: Final = 24 * 3600.0
_DAMAGE: Final = (
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB),
    *(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT),  # other tables than these
)


class Store:
    """The database of one workspace. What is of no use is not mended but left for a new file with a new name: another
    process may have it open, and would spoil a file that took its place under its name.
    """

    def __init__(self, path: Path) -> None:
        """`path` gives the folder and the beginning of the names; each version of codeagent has files of its own."""
        self._folder, self._stem = path.parent, path.stem
        self._path: Path | None = None
        self._damaged: Path | None = None
        self._version = ""

    @property
    def path(self) -> Path | None:
        """The file in use, None before there is one. All connections to another are to be closed."""
        if self._path is None:
            self._path = self._newest()
        return self._path

    def connect(self, busy_s: float = BUSY_S) -> sqlite3.Connection:
        """A connection for any one thread at a time, which waits so long for others that write.

        Raises sqlite3.Error, also if there is no file.
        """
        if self.path is None:
            raise sqlite3.OperationalError("there is no index yet")
        return _connect(self.path, busy_s)

    def size(self) -> int:
        """The bytes that the file in use takes, with what was not yet written into it."""
        size = 0
        if self.path is not None:
            for path in (self.path, self.path.with_name(f"{self.path.name}-wal")):
                with suppress(OSError):
                    size += path.stat().st_size
        return size

    def note(self, error: Exception) -> bool:
        """Take note of an error of the file in use; returns whether it means that the file is of no use."""
        damage = is_damage(error)
        if damage:
            self._damaged = self._path
        return damage

    def is_ready(self) -> bool:
        """Whether there is a file of use, which is then the one in use. Raises OSError or sqlite3.Error."""
        self._path = self._newest()
        return self._path is not None and self._is_sound(self._path)

    def prepare(self) -> str:
        """Make sure that there is a file of use; returns a sentence if one had to be given up, else "".

        Raises OSError or sqlite3.Error where no file can be made.
        """
        make_private_folder(self._folder)
        with _locked(self._folder / f"{self._stem}.lock"):
            if self.is_ready():
                return ""
            old, others = self._path, self._files("")
            self._path = self._make()
            for path in others:
                if path == old or time.time() - path.stat().st_mtime > _FORGOTTEN_S:
                    _remove(path)
        if old is not None:
            return "The index of this folder was damaged, so it is built again."
        return "The index of this folder is of another version of codeagent, so it is built again." if others else ""

    def _make(self) -> Path:
        """A new empty database, which has its name only when it is complete."""
        fresh = self._folder / f"{self._stem}.new"
        _remove(fresh)
        os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(_connect(fresh, BUSY_S)) as connection:
            connection.execute("PRAGMA journal_mode = wal")
            with transaction(connection):
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute("INSERT INTO meta VALUES ('generation', ?)", (time.time_ns() // 1000,))
                connection.execute(f"PRAGMA user_version = {SCHEMA}")
        return fresh.replace(self._folder / f"{self._prefix()}{time.time_ns():020}{_ENDING}")

    def _is_sound(self, path: Path) -> bool:
        if path == self._damaged:
            return False
        try:
            with closing(_connect(path, BUSY_S)) as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                row = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        except sqlite3.Error as e:
            if not is_damage(e):
                raise
            return False
        return version == SCHEMA and row is not None and isinstance(row[0], int)

    def _newest(self) -> Path | None:
        return max(self._files(self._prefix()), default=None)

    def _files(self, prefix: str) -> list[Path]:
        """The database files of this workspace whose names begin so."""
        beginning = prefix or f"{self._stem}."
        try:
            with os.scandir(self._folder) as entries:
                names = [e.name for e in entries if e.name.startswith(beginning) and e.name.endswith(_ENDING)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [self._folder / name for name in names]

    def _prefix(self) -> str:
        self._version = self._version or f"{SCHEMA}-{extractor_version()}"
        return f"{self._stem}.{self._version}."


def _remove(path: Path) -> None:
    """Remove a database with what belongs to it. Whoever has it open goes on with files that have no name any more."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path, busy_s: float) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, timeout=busy_s, isolation_level=None, check_same_thread=False, uri=True)
    try:
        for setting in ("synchronous = normal", "temp_store = memory", "secure_delete = off"):
            connection.execute(f"PRAGMA {setting}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Let one process at a time judge and make the file."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)) as file:
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_damage(error: Exception) -> bool:
    """Whether an error means that the database is of no use, and not that it cannot be reached or written just now."""
    if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.ProgrammingError):
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _DAMAGE
    return isinstance(error, DamagedError)


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Generator[None]:
    """All or nothing; what is read in it is of one moment."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # the disk may be full for this too; closing does the same
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def extractor_version() -> str:
    """What tells apart versions of the code that finds symbols, grammars included: other versions find others."""
    digest = hashlib.blake2b(digest_size=8)
    own, parser = (importlib.util.find_spec(name) for name in ("codeagent.tools.symbols", "tree_sitter"))
    if own is not None and own.origin is not None:
        folder = Path(own.origin).parent
        for path in sorted([*folder.glob("*.py"), *folder.glob("queries/*.scm")]):
            digest.update(path.read_bytes())
    if parser is not None and parser.origin is not None:
        installed = Path(parser.origin).parent.parent.glob("tree_sitter*")
        digest.update("\n".join(sorted(path.name for path in installed)).encode())
    return digest.hexdigest()
