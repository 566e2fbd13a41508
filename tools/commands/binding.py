"""What an approval of a command holds for: arguments, folder, environment, and the bytes of the scripts it names."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path

from codeagent.tools.api import Binding, ToolError
from codeagent.tools.commands.readings import readings
from codeagent.tools.files import NotThereError, digest, read_bytes

_MAX_SCRIPTS = 100
_MAX_BYTES = 16 * 1024 * 1024
_INTERPRETER = re.compile(
    r"(?:python|pypy|node|deno|bun|ruby|perl|php|lua|Rscript|bash|sh|dash|zsh|ksh|fish|source|\.|tclsh|osascript|groovy"
    r"|tsx|ts-node|awk|gawk|mawk|sed|jq|pwsh)[0-9.]*"
)
_BUILDS = {
    "make": ("GNUmakefile", "makefile", "Makefile"),
    "just": ("justfile", "Justfile", ".justfile"),
    "rake": ("Rakefile",),
    "tox": ("tox.ini", "pyproject.toml"),
    "nox": ("noxfile.py",),
    "gradle": ("build.gradle", "build.gradle.kts"),
    "mvn": ("pom.xml",),
    "ant": ("build.xml",),
    "cmake": ("CMakeLists.txt",),
    "cargo": ("build.rs",),
    "docker": ("Dockerfile",),
    "pre-commit": (".pre-commit-config.yaml",),
    **dict.fromkeys(("gmake", "remake"), ("GNUmakefile", "makefile", "Makefile")),
    **dict.fromkeys(("npm", "npx", "yarn", "pnpm", "bun"), ("package.json",)),
    **dict.fromkeys(("poetry", "pdm", "hatch", "uv", "rye", "task"), ("pyproject.toml", "Taskfile.yml")),
}


def bind(arguments: Sequence[str], command: str, folder: Path, environment: Mapping[str, str]) -> Binding:
    """What holds now. Scripts are those that the command starts, hands to an interpreter, or that a build tool reads;
    not what they themselves include.
    """
    whole = hashlib.sha256()
    for item in sorted(environment.items()):
        whole.update("\0".join((*item, "")).encode("utf-8", "surrogateescape"))
    found = sorted(set(islice(_scripts(command, folder), _MAX_SCRIPTS)))
    return Binding(
        arguments=tuple(arguments),
        folder=str(folder),
        environment=whole.hexdigest(),
        scripts=tuple((str(path), _digest(path)) for path in found),
    )


def _scripts(command: str, folder: Path) -> Iterator[Path]:
    texts = sorted(readings(command))
    words = [text.split() for text in texts]
    entered = {line[1] for line in words if len(line) == 2 and line[0] in ("cd", "pushd")}
    places = [folder, *sorted(folder / name for name in entered if (folder / name).is_dir())]
    for line in words:
        for place in places:
            yield from (path for name in _named(line) if (path := place / name).is_file())
            yield from (path for name in line[1:] if _runnable(path := place / name))


def _named(line: Sequence[str]) -> Iterator[str]:
    """Names of files, there or not, that this command would run or obey."""
    program = line[0].rpartition("/")[2]
    if "/" in line[0]:
        yield line[0]
    if _INTERPRETER.fullmatch(program):
        yield from line[1:]
        modules = [after for before, after in pairwise(line) if before == "-m"]
        for module in modules:
            yield from (f"{module.replace('.', '/')}{end}" for end in (".py", "/__main__.py"))
    yield from _BUILDS.get(program, ())
    if program in ("make", "gmake", "just", "docker"):
        yield from line[1:]


def _runnable(path: Path) -> bool:
    """Whether a file that is named as an operand is a program or a script."""
    try:
        if not path.is_file():
            return False
        if os.access(path, os.X_OK) and path.stat().st_mode & 0o111:
            return True
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            return file.read(2) == b"#!"
    except (OSError, ValueError):
        return False


def _digest(path: Path) -> str:
    try:
        return digest(read_bytes(Path(os.path.realpath(path)), str(path), _MAX_BYTES))
    except NotThereError:
        return "it is gone"
    except ToolError as e:
        return f"it cannot be read: {e}"
