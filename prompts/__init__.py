"""Every word the model reads, as files beside this one; knows nothing of who reads them."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any


@cache
def load(name: str) -> str:
    """The text of a prompt file, e.g. "tools/read.md", without the final newline. Raises FileNotFoundError."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8").rstrip("\n")


def render(name: str, **values: Any) -> str:
    """A prompt file as a Jinja template with these values; a variable that is missing is an error, never an empty
    string.
    """
    from jinja2 import StrictUndefined, Template  # only sessions need it, not `codeagent --version`

    return Template(load(name), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).render(**values)
