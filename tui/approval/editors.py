"""Editing a text outside: in the person's own editor, through a file that is gone afterwards; knows no widget."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path


class EditorError(Exception):
    """The editor gave no text; the message says why and what to do."""


def edited_outside(text: str, name: str, environ: Mapping[str, str]) -> str:
    """The text as the person's editor leaves it; blocks until it ends. Raises EditorError.

    The editor sees a file of this name, so that it knows the language, in a folder that nobody else can enter.
    """
    setting = next((key for key in ("VISUAL", "EDITOR") if environ.get(key, "").strip()), None)
    if setting is None:
        raise EditorError("No editor is chosen. Set VISUAL or EDITOR to one, such as EDITOR=nano, and start again.")
    try:
        command = shlex.split(environ[setting])
    except ValueError as e:
        raise EditorError(f"{setting} is no command: {environ[setting]!r} ({e}). The text is as it was.") from e
    try:
        with tempfile.TemporaryDirectory(prefix="codeagent-") as folder:
            file = Path(folder) / name
            file.touch(mode=0o600)
            file.write_bytes(text.encode("utf-8", "surrogateescape"))
            done = subprocess.run([*command, str(file)], env=dict(environ), check=False)
            if done.returncode:
                raise EditorError(f"{command[0]} ended with exit code {done.returncode}, so the text is as it was.")
            return file.read_bytes().decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    except FileNotFoundError as e:
        what = f"{command[0]} is not there" if e.filename == command[0] else "The editor left no file"
        raise EditorError(f"{what}, so the text is as it was. {setting} names the editor.") from e
    except (OSError, UnicodeError) as e:
        raise EditorError(f"The text could not be edited: {e}. It is as it was.") from e
