"""Puts marks in the place of keys and passwords in text that goes where it need not be known; knows no tool and no log.

Two kinds are known. What has the shape of a secret: tokens of well-known services, private keys, passwords given to a
name. And what is one here: the values of environment variables and of `.env` files whose names or looks say so.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from codeagent.tools.api import ToolResult
from codeagent.tools.sensitive import holds_secrets

SHORTEST = 8
MAX_FOLDERS = 100
MAX_BYTES = 256 * 1024
_SECRET_NAME = re.compile(
    r"(?:^|[_\W])(?:api_?key|access_?key|secret|token|passw(?:or)?d|passphrase|pwd|credentials?|private_?key|auth"
    r"|session_?key|signing_?key|encryption_?key|canary)|(?:_KEY|_PASS|_PW)$",
    re.IGNORECASE,
)
_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z ]*PRIVATE KEY[A-Z ]*-----|\Z)"),
        ("JWT", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
        ("AWS key", r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b"),
        ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})"),
        ("GitLab token", r"\bgl(?:pat|ptt|dt|rt)-[\w-]{20,}"),
        ("Slack token", r"\bxox[abeoprs]-[\w-]{10,}|https://hooks\.slack\.com/services/[\w/]{20,}"),
        ("API key", r"\bsk-(?:ant-|proj-|svcacct-|or-)?[\w-]{20,}"),
        ("Google key", r"\bAIza[\w-]{35}\b|\bya29\.[\w-]{20,}"),
        ("Stripe key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
        ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
        ("PyPI token", r"\bpypi-[\w-]{50,}"),
        ("Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}\b"),
        ("password", r"(?<=://)[^\s:/@\"'<>]+:[^\s/@\"'<>]{3,}(?=@)"),
        ("authorization", r"(?<=[Bb]earer )[\w.~+/-]{16,}=*|(?<=[Bb]asic )[A-Za-z0-9+/]{16,}=*"),
    )
)
_ASSIGNED = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]{2,64})["']?[ \t]*(?:=|:|=>)[ \t]*"""
    r"""(?P<quote>["']?)(?P<value>[^\s"'`,;<>]{8,512})(?P=quote)"""
)
_LINE = re.compile(r"^[ \t]*(?:export[ \t]+)?(?P<name>[\w.-]+)[ \t]*=[ \t]*(?P<value>.*?)[ \t]*$", re.MULTILINE)
_PASSWORD_IN_URL = re.compile(r"://[^\s:/@]+:([^\s/@]+)@")

Mask = Callable[[str], str]


def mask_shapes(text: str) -> str:
    """The text with a mark for each thing that has the shape of a secret."""
    for name, shape in _SHAPES:
        text = shape.sub(f"[masked {name}]", text)
    return _ASSIGNED.sub(_without_value, text)


def _without_value(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    if value.startswith("[masked") or not (_SECRET_NAME.search(name) and _is_random(value)):
        return found[0]
    return found[0].replace(value, "[masked value]")


def _is_random(value: str) -> bool:
    """Whether a value is no word, path, call or number but what a machine made, or a password of mixed signs."""
    if len(value) < SHORTEST or re.search(r"[(){}\[\]$]", value) or value.startswith(("/", "./", "~", "http")):
        return False
    kinds = sum(bool(re.search(kind, value)) for kind in (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^\w.]"))
    count = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in count.values())
    return kinds >= 2 and entropy >= (3.0 if len(value) >= 16 else 2.5)


def secret_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Which of these values, by name, are secrets, as value → name: by their name, or by their looks."""
    found: dict[str, str] = {}
    for name, value in pairs:
        for text in (value, *_PASSWORD_IN_URL.findall(value)):
            is_named = _SECRET_NAME.search(name) is not None and not text.isdigit() and not text.startswith("/")
            is_part = text != value
            looks = len(text) >= 20 and _is_random(text) and not re.search(r"[\s/:]", text)
            if len(text) >= SHORTEST and (is_named or is_part or looks or mask_shapes(text) != text):
                found[text] = name
    return found


class Secrets:
    """The secrets of a session's folders and its environment. Files are read when text is to be masked, not before."""

    def __init__(self, roots: Iterable[Path], environ: Mapping[str, str]) -> None:
        """`environ` is that of this process; nothing of a `.env` file ever becomes a part of it."""
        self._roots = tuple(roots)
        self._of_environment = secret_values(environ.items())
        self._revealed: set[Path] = set()
        self._files: dict[Path, tuple[tuple[int, int], dict[str, str]]] = {}

    def reveal(self, path: Path) -> None:
        """The person opened this file: what stands in it is no secret in this session."""
        self._revealed.add(path)

    def mask(self, text: str) -> str:
        """The text with a mark for each secret that is known here or has the shape of one."""
        values = dict(self._of_environment)
        shown: dict[str, str] = {}
        for path in self._secret_files():
            (shown if path in self._revealed else values).update(self._values(path))
        for value in sorted(values.keys() - shown.keys(), key=len, reverse=True):
            if value in text:
                text = text.replace(value, f"[masked {values[value]}]")
        # What the person opened may have the shape of a secret as well; it is not to be masked for that.
        return text if any(value in text for value in shown) else mask_shapes(text)

    def mask_result(self, result: ToolResult) -> ToolResult:
        """The result with marks in all its texts."""
        return ToolResult.model_validate(_mapped(result.model_dump(), self.mask))

    def _values(self, path: Path) -> dict[str, str]:
        try:
            status = path.stat()
            mark = (status.st_mtime_ns, status.st_size)
            if path not in self._files or self._files[path][0] != mark:
                with open(path, "rb") as file:
                    text = file.read(MAX_BYTES).decode("utf-8", "replace")
                pairs = ((found["name"], _unquoted(found["value"])) for found in _LINE.finditer(text))
                self._files[path] = mark, secret_values(pairs)
        except OSError:
            return {}
        return self._files[path][1]

    def _secret_files(self) -> Iterator[Path]:
        """Files that hold secrets, in the roots and the folders right below them, where programs look for them."""
        for root in self._roots:
            folders = [root]
            for folder in folders:
                with suppress(OSError), os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            if folder == root and len(folders) <= MAX_FOLDERS and entry.name != ".git":
                                folders.append(Path(entry.path))
                        elif entry.is_file() and holds_secrets(Path(entry.path), root):
                            yield Path(entry.path)


def _unquoted(value: str) -> str:
    if value[:1] in ("'", '"') and value[-1:] == value[:1]:
        return value[1:-1]
    return value.partition(" #")[0].rstrip()


def _mapped(data: Any, mask: Mask) -> Any:
    if isinstance(data, str):
        return mask(data)
    if isinstance(data, dict):
        return {key: _mapped(value, mask) for key, value in cast("dict[str, Any]", data).items()}
    if isinstance(data, list | tuple):
        return [_mapped(value, mask) for value in cast("list[Any]", data)]
    return data
