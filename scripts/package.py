"""Compares what was packed with what stands in the source tree, because a packaging mistake loses files in silence."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from console import ROOT

FOLDERS = ("agent", "tui", "tools", "inference", "prompts")
ALSO_IN_SDIST = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "src/codeagent/__main__.py")


def files_in(folder: Path) -> Iterator[Path]:
    """The files below the folder that belong to the project; links are not followed."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield path


def expected_in_wheel() -> set[str]:
    """The names that the wheel must have: the root folders, and what stands in src/codeagent itself."""
    names = {f"codeagent/{path.relative_to(ROOT).as_posix()}" for folder in FOLDERS for path in files_in(ROOT / folder)}
    package = ROOT / "src" / "codeagent"
    own = (
        path
        for path in files_in(package)
        if not any((package / part).is_symlink() for part in own_parts(path, package))
    )
    return names | {f"codeagent/{path.relative_to(package).as_posix()}" for path in own}


def own_parts(path: Path, package: Path) -> tuple[str, ...]:
    """The first part of the path inside the package, which is a link if the file belongs to a root folder."""
    return path.relative_to(package).parts[:1]


def package_problems(built: Path) -> list[str]:
    """One sentence for each difference between the archives in the folder and the source tree."""
    (sdist,) = built.glob("*.tar.gz")
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        licensed = any(name.endswith("/licenses/LICENSE") for name in archive.namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    expected = expected_in_wheel()
    problems = [f"the wheel lacks {name}" for name in sorted(expected - packed)]
    problems += [f"the wheel has {name}, which is not in the source tree" for name in sorted(packed - expected)]
    problems += [f"the sdist lacks {name}" for name in ALSO_IN_SDIST if name not in in_sdist]
    return problems if licensed else [*problems, "the wheel lacks the licence"]
