"""Trees of source files to index: what Python ships, this repository, and one that is generated in five languages."""

from __future__ import annotations

import random
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES_IN_A_FOLDER = 50


def _python(number: int, used: list[int]) -> str:
    calls = "\n".join(f"        self.total += work_{other}(self.total)" for other in used)
    return f'''"""Module {number}."""


class Thing{number}:
    """Keeps a total."""

    def __init__(self, total=0):
        self.total = total

    def run(self):
{calls}
        return self.total


def work_{number}(value):
    """One more."""
    return value + {number}
'''


def _javascript(number: int, used: list[int]) -> str:
    calls = "\n".join(f"    this.total += work_{other}(this.total);" for other in used)
    return f"""// Module {number}.
export class Thing{number} {{
  constructor(total = 0) {{ this.total = total; }}
  run() {{
{calls}
    return this.total;
  }}
}}

export function work_{number}(value) {{ return value + {number}; }}
"""


def _go(number: int, used: list[int]) -> str:
    calls = "\n".join(f"\tt.total += work_{other}(t.total)" for other in used)
    return f"""package tree

// Thing{number} keeps a total.
type Thing{number} struct{{ total int }}

func (t *Thing{number}) Run() int {{
{calls}
\treturn t.total
}}

func work_{number}(value int) int {{ return value + {number} }}
"""


def _java(number: int, used: list[int]) -> str:
    calls = "\n".join(f"    total += Thing{other}.work_{other}(total);" for other in used)
    return f"""package tree;

/** Keeps a total. */
public class Thing{number} {{
  private int total;

  public int run() {{
{calls}
    return total;
  }}

  static int work_{number}(int value) {{ return value + {number}; }}
}}
"""


def _rust(number: int, used: list[int]) -> str:
    calls = "\n".join(f"        self.total += work_{other}(self.total);" for other in used)
    return f"""/// Keeps a total.
pub struct Thing{number} {{ total: i64 }}

impl Thing{number} {{
    pub fn run(&mut self) -> i64 {{
{calls}
        self.total
    }}
}}

pub fn work_{number}(value: i64) -> i64 {{ value + {number} }}
"""


_LANGUAGES: tuple[tuple[str, Callable[[int, list[int]], str]], ...] = (
    ("py", _python),
    ("js", _javascript),
    ("go", _go),
    ("java", _java),
    ("rs", _rust),
)


def generated(folder: Path, files: int) -> Path:
    """A tree of so many files, the same each time, in which each file uses a few others, some far more than most."""
    chance = random.Random(1)
    for number in range(files):
        ending, write = _LANGUAGES[number % len(_LANGUAGES)]
        used = [int(files * chance.random() ** 3) for _ in range(chance.randint(1, 5))]
        place = folder / f"part_{number // FILES_IN_A_FOLDER:05}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"module_{number}.{ending}").write_text(write(number, used))
    return folder


def shipped(folder: Path) -> Path:
    """The standard library with the packages of this environment, as files of their own."""
    paths = sysconfig.get_paths()
    ignore = shutil.ignore_patterns("__pycache__", "site-packages", "*.so", "*.pyc", "*.a", "*.gguf")
    shutil.copytree(paths["stdlib"], folder / "stdlib", ignore=ignore)
    shutil.copytree(paths["purelib"], folder / "packages", ignore=ignore, symlinks=True)
    return folder


def this_repository(folder: Path) -> Path:
    """The files of this repository that git has."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder
