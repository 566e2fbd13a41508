"""A git folder of our own that tells what a command changed in the workspace; touches nothing of the person's git."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pwd
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from codeagent.agent.checkpoints.blobs import Blobs
from codeagent.agent.checkpoints.inventory import (
    Inventory,
    doubted,
    entries,
    keep_objects,
    looked_at,
    state_of,
    take_stock,
)
from codeagent.agent.checkpoints.record import Change
from codeagent.agent.checkpoints.states import ABSENT, UNKNOWN, State
from codeagent.agent.git.neutral import discover
from codeagent.agent.git.program import Git, GitError
from codeagent.agent.private import make_private_folder

MAX_FILES = 20_000
SECONDS = 10.0
# No attribute of a file in the workspace holds: bytes are kept as they are.
_ATTRIBUTES = b"* -text -crlf -filter -ident -working-tree-encoding\n"
# What programs make again by themselves.
_EXCLUDED = b"__pycache__/\n*.py[co]\nnode_modules/\n.venv/\n.DS_Store\n.codeagent-*.new\n"
_MAX_EXCLUDES = 1024 * 1024
_MANY = 200
# Git then writes one pack and not a file for each: four times as fast, and a tenth of the space.
_PACKED = {"core.bigFileThreshold": "1", "core.compression": "1"}


class NotCoveredError(Exception):
    """What commands change cannot be told; the text is a clause that says why. `lasting`: it will not be otherwise."""

    def __init__(self, why: str, lasting: bool = True) -> None:
        super().__init__(why)
        self.lasting = lasting


class Shadow:
    """The workspace as it was when it was last settled. Each call takes at most SECONDS."""

    def __init__(self, git: Git, folder: Path, root: Path) -> None:
        """`folder` is made when it is needed, and is shared by all sessions in the workspace, one at a time."""
        self._git = git
        self._folder = folder
        self._git_dir = folder / "git"
        self._root = root
        self._lock = -1
        self._ready = False
        self._until = self._began = 0.0
        self.skipped = Inventory()
        """What the last listing held that is not looked into."""
        self.added = 0
        """Bytes of the files that were taken in, which is more than they came to."""

    async def settle(self) -> None:
        """Take the workspace as it is now; nobody else may from here on until `release`. Raises NotCoveredError."""
        self._until = time.monotonic() + SECONDS
        self._take_lock()
        try:
            await self._prepare()
            await self._absorb(await self._listing())
            self._began = time.time()
        except (GitError, OSError) as e:
            self.release()
            raise _not_covered(e) from e
        except BaseException:
            self.release()
            raise

    async def changes(self, blobs: Blobs) -> list[Change]:
        """What differs from when it was settled; the bytes of both states are kept. Raises NotCoveredError."""
        self._until = time.monotonic() + SECONDS
        try:
            names = await self._listing()
            if not names:
                return []
            before = await self._before(set(names))
            names = list(dict.fromkeys((*names, *before)))
            was = await self._kept(set(before.values()), blobs)
            stock = await asyncio.to_thread(take_stock, self._root, names)
            changes = [
                Change(self._root / name, was.get(before[name], UNKNOWN) if name in before else ABSENT, ABSENT)
                for name in sorted(stock.known | before.keys())
            ]
            changes = await asyncio.to_thread(looked_at, changes, blobs)
            changes = await asyncio.to_thread(doubted, changes, self._root, self.skipped, self._began, blobs)
            await self._absorb(names)
        except (GitError, OSError) as e:
            raise _not_covered(e) from e
        return changes

    def release(self) -> None:
        """Let others settle it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _take_lock(self) -> None:
        homes = (pwd.getpwuid(os.getuid()).pw_dir, os.path.expanduser("~"))  # noqa: PTH111  # unlike Path.home() it never raises
        if any(Path(os.path.realpath(home)).is_relative_to(self._root) for home in homes):
            raise NotCoveredError("your home folder lies in it")
        if self._folder.is_relative_to(self._root):
            raise NotCoveredError("codeagent keeps its own files in it")
        try:
            make_private_folder(self._folder)
            self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise NotCoveredError("another codeagent runs a command here just now", lasting=False) from None
        except OSError as e:
            self.release()
            raise _not_covered(e) from e

    async def _prepare(self) -> None:
        (self._git_dir / "index.lock").unlink(missing_ok=True)  # of one that was killed, since the lock is ours
        if self._ready:
            return
        if not (self._git_dir / "HEAD").exists():
            await self._run("init", "-q", "--bare", "--template=", new=True)
        place = discover(self._root)
        info = self._git_dir / "info"
        info.mkdir(exist_ok=True)
        (info / "attributes").write_bytes(_ATTRIBUTES)
        own = _beginning(place.common_dir / "info" / "exclude") if place is not None else b""
        (info / "exclude").write_bytes(_EXCLUDED + own)
        self._ready = True

    async def _listing(self) -> list[str]:
        """The names, relative to the root, of what is new, changed or gone since the index was written."""
        raw = await self._said("ls-files", "-z", "--others", "--modified", "--exclude-standard")
        return list(dict.fromkeys(name for name in os.fsdecode(raw).split("\0") if name))

    async def _before(self, names: set[str]) -> dict[str, tuple[str, str]]:
        """Mode and object of each of these names that the index has, and of all that is gone."""
        options = ("--raw", "--no-abbrev", "--relative", "--no-renames", "--ignore-submodules=all", "--no-ext-diff")
        parts = os.fsdecode(await self._said("diff-files", "-z", *options)).split("\0")
        found: dict[str, tuple[str, str]] = {}
        for head, name in zip(parts[::2], parts[1::2], strict=False):
            mode, _, sha, _, status = head.removeprefix(":").split(" ")
            if (
                name in names or status == "D"
            ):  # which a listing does not tell where a link leads to a file of that name
                found[name] = (mode, sha)
        return found

    async def _kept(self, wanted: set[tuple[str, str]], blobs: Blobs) -> dict[tuple[str, str], State]:
        """Keep the bytes of these objects, and tell what state each stands for."""
        if not wanted:
            return {}
        answer = await self._ask("".join(f"{sha}\n" for _, sha in wanted).encode("ascii"), "cat-file", "--batch")
        kept = await asyncio.to_thread(keep_objects, answer, blobs)
        return {(mode, sha): state_of(mode, kept[sha]) for mode, sha in wanted if sha in kept}

    async def _absorb(self, names: Sequence[str]) -> None:
        """Bring the index up to what is there. Raises NotCoveredError for more files than can be looked at."""
        stock = self.skipped = await asyncio.to_thread(take_stock, self._root, names)
        if entries(self._git_dir / "index") + len(stock.there) > MAX_FILES:
            cached = os.fsdecode(await self._said("ls-files", "-z", "--cached")).split("\0")
            if len({*cached, *stock.there} - {"", *stock.gone}) > MAX_FILES:
                raise NotCoveredError(f"it has more than {MAX_FILES:,} files")
        await self._update((*stock.gone, *stock.large, *stock.unreadable), "--force-remove")
        await self._update(stock.there, "--add", "--remove", "--replace")
        self.added += sum(stock.there.values())

    async def _update(self, names: Iterable[str], *options: str) -> None:
        names = list(names)
        if names:
            listed = os.fsencode("".join(f"{name}\0" for name in names))
            settings = _PACKED if len(names) > _MANY else {}
            await self._ask(listed, "update-index", *options, "-z", "--stdin", settings=settings)

    async def _said(self, *arguments: str) -> bytes:
        """What git says, however much that is."""
        answer = await self._ask(b"", *arguments)
        return await asyncio.to_thread(answer.read_bytes)

    async def _ask(self, listed: bytes, *arguments: str, settings: Mapping[str, str] | None = None) -> Path:
        """The file with git's answer to what it reads; the next answer takes its place."""
        asked, said = self._folder / "asked", self._folder / "said"
        asked.write_bytes(listed)
        await self._run(*arguments, files=(asked, said), settings=settings)
        return said

    async def _run(
        self,
        *arguments: str,
        files: tuple[Path, Path] | None = None,
        settings: Mapping[str, str] | None = None,
        new: bool = False,
    ) -> None:
        place = discover(self._root)
        top = place.top if place is not None else self._root  # ignore rules above the root hold as well
        environment: dict[str, str | None] = {"GIT_DIR": str(self._git_dir)}
        if not new:
            environment["GIT_WORK_TREE"] = str(top)
        left = max(0.1, self._until - time.monotonic())
        try:
            await self._git.run(arguments, self._root, left, environment, settings, files)
        except GitError:
            if time.monotonic() >= self._until:
                raise NotCoveredError(f"to look at all its files takes more than {SECONDS:.0f} seconds") from None
            raise


def _not_covered(error: Exception) -> NotCoveredError:
    return NotCoveredError((error.strerror or str(error)) if isinstance(error, OSError) else str(error))


def _beginning(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(_MAX_EXCLUDES)
    return b""
