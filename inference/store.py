"""The folder of models on this machine: which are there, adding, finding and removing them; knows no network."""

from __future__ import annotations

import difflib
import errno
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from codeagent.inference.catalog import NAME, load_catalog
from codeagent.inference.client import Frozen, ModelError, ModelLoadError
from codeagent.inference.gguf import read_header
from codeagent.inference.partial import Partial

FOLDER_VARIABLE = "CODEAGENT_MODELS"
_SUFFIX = ".gguf"
_CHUNK = 8 << 20


class Installed(Frozen):
    """A model on this machine; `size` in bytes."""

    name: str
    path: Path
    size: int


class UnknownModelError(ModelLoadError):
    """There is no model of this name."""


class ModelExistsError(ModelError):
    """The name is taken."""


class ModelInUseError(ModelError):
    """The model is loaded by a running codeagent."""


def default_models_folder() -> Path:
    """Where models are kept: the folder in CODEAGENT_MODELS, else `models` in the platform's data folder."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).absolute()
    from platformdirs import user_data_path  # not needed for `codeagent --version`

    return user_data_path("codeagent", appauthor=False) / "models"


@contextmanager
def in_use(path: Path) -> Generator[None]:
    """Mark a model file as used by this process while the block runs, so that `remove` refuses. Nests and is shared."""
    with open(path, "rb") as file:
        with suppress(OSError):  # a file system without locks: then nothing protects, and nothing fails
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


class ModelStore:
    """Models as files `<name>.gguf` in one folder, which is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def installed(self) -> list[Installed]:
        """The models that are here, by name; dangling links and foreign files are left out."""
        found: list[Installed] = []
        try:
            paths = sorted(self.folder.glob(f"*{_SUFFIX}"))
        except OSError as e:
            raise ModelError(f"The models' folder {self.folder} cannot be read ({e.strerror}).") from e
        for path in paths:
            with suppress(OSError):
                found.append(Installed(name=path.stem, path=path, size=path.stat().st_size))
        return found

    def resolve(self, name: str, known: Iterable[str] | None = None) -> Path:
        """The file of a model, by its name or by a path (which has a slash or ends in .gguf).

        `known` are the names that could be pulled; None means the shipped catalogue. Raises UnknownModelError with the
        next step: pull it, or which names are near.
        """
        # A name is tried first, so that a file in the folder one happens to be in never hides a model.
        path = self.folder / f"{name}{_SUFFIX}"
        if re.fullmatch(NAME, name) and path.exists():
            return path
        if "/" in name or name.endswith(_SUFFIX):
            return Path(name).expanduser()
        pullable = set(load_catalog() if known is None else known)
        if name in pullable:
            raise UnknownModelError(f"The model {name} is not on this machine. Run: codeagent model pull {name}")
        raise UnknownModelError(unknown(name, pullable | {model.name for model in self.installed()}))

    def add(self, file: Path, name: str | None, link: bool, progress: Callable[[int, int], None]) -> Installed:
        """Take a GGUF file in under a name (default: made from the file's), by a hard link where that is possible.

        With `link` only a symbolic link is kept. The header is checked first. Raises GGUFError, ModelExistsError,
        ModelError.
        """
        read_header(file)
        chosen = name or re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-._")[:64]
        if not re.fullmatch(NAME, chosen):
            raise ModelError(f"{chosen!r} is no name for a model: use lower-case letters, digits, dots and dashes.")
        target = self.folder / f"{chosen}{_SUFFIX}"
        if target.exists() or target.is_symlink():
            raise ModelExistsError(f"There is already a model named {chosen}: remove it first, or choose --name.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if link:
                target.symlink_to(file.resolve())
            else:
                self._take(file.resolve(), target, progress)
        except OSError as e:
            raise ModelError(f"{file} cannot be added to {self.folder} ({e.strerror or e}).") from e
        return Installed(name=chosen, path=target, size=target.stat().st_size)

    def _take(self, file: Path, target: Path, progress: Callable[[int, int], None]) -> None:
        try:
            os.link(file, target)
        except OSError as e:
            if e.errno not in (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS):
                raise
        else:
            return
        size, free = file.stat().st_size, shutil.disk_usage(self.folder).free
        if size > free:
            raise OSError(errno.ENOSPC, f"{size / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free")
        temporary = target.with_name(target.name + ".copy")
        try:
            with open(file, "rb") as source, open(temporary, "wb") as copy:
                while block := source.read(_CHUNK):
                    copy.write(block)
                    progress(copy.tell(), size)
                copy.flush()
                os.fsync(copy.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def remove(self, name: str) -> Installed:
        """Delete a model, and what is left of an unfinished pull; of a link only the link. Raises UnknownModelError,
        ModelInUseError, PullBusyError, ModelError.
        """
        path = self.folder / f"{name}{_SUFFIX}"
        partial = Partial(path)
        if not re.fullmatch(NAME, name) or not (os.path.lexists(path) or partial.exists):
            raise UnknownModelError(unknown(name, {model.name for model in self.installed()}))
        try:
            with partial.lock():
                size = path.stat().st_size if path.exists() else partial.size
                if path.exists() and not path.is_symlink() and _is_used(path):
                    raise ModelInUseError(f"{name} is loaded by a running codeagent: end that first.")
                path.unlink(missing_ok=True)
                partial.discard()
        except OSError as e:
            raise ModelError(f"{name} cannot be removed from {self.folder} ({e.strerror or e}).") from e
        return Installed(name=name, path=path, size=size)


def _is_used(path: Path) -> bool:
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


def unknown(name: str, known: Iterable[str]) -> str:
    """The sentence about a name that is none, with those it may have been meant to be."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 3, 0.5) or [n for n in names if name and name in n][:3]
    hint = f" Did you mean {' or '.join(near)}?" if near else " `codeagent model list` shows the names."
    return f"There is no model named {name}.{hint}"
