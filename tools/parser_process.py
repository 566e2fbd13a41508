"""The process behind `Parser`: parses what it is sent and answers in plain data; may be killed by what it parses.

    python -P -m codeagent.tools.parser_process SECONDS MEGABYTES

A request is a question and its arguments in JSON, NUL, and a text; an answer is JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from codeagent.tools.api import ToolError
from codeagent.tools.source import source_of
from codeagent.tools.splice import Action, Spliced, splice
from codeagent.tools.symbols.api import FileSymbols
from codeagent.tools.symbols.confined import serve
from codeagent.tools.symbols.extract import symbols_of
from codeagent.tools.syntax import SyntaxProblem, check
from codeagent.tools.text import TextFile


def _symbols(data: bytes, name: str) -> FileSymbols:
    return symbols_of(name, data)


def _problems(data: bytes, name: str) -> list[SyntaxProblem]:
    return check(name, data)


def _splice(data: bytes, name: str, shown: str, at: int, action: Action, code: str) -> Spliced:
    """`at` is the definition's place among those of the text."""
    source = source_of(Path(name), shown, TextFile(data.decode("utf-8", "surrogateescape")), symbols_of)
    return splice(source, source.symbols.definitions[at], action, code)


_QUESTIONS: Final[dict[str, Callable[..., object]]] = {"symbols": _symbols, "problems": _problems, "splice": _splice}


def answers(request: bytes) -> Iterator[bytes]:
    """The one answer to a request. Raises MemoryError alone."""
    head, _, data = request.partition(b"\0")
    question, *arguments = json.loads(head)
    try:
        said: tuple[str, object] = ("done", _QUESTIONS[question](data, *arguments))
    except ToolError as e:
        said = ("refused", str(e))
    except MemoryError:
        raise
    except Exception as e:  # a mistake of ours costs no more than a parser's: this answer
        said = ("failed", type(e).__name__)
    yield json.dumps(said, default=vars).encode()


def main(arguments: Sequence[str]) -> int:
    """Serve until stdin ends; returns the exit code."""
    seconds, megabytes = arguments
    return serve(float(seconds), int(megabytes), b"", answers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
