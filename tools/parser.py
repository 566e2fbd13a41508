"""Has text parsed by a process with limits, since a crafted file can cost native code gigabytes and not be stopped;
knows no tool.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, TypeAdapter, ValidationError

from codeagent.tools.api import ToolError
from codeagent.tools.source import Source
from codeagent.tools.splice import Action, Spliced
from codeagent.tools.symbols.api import FileSymbols, Symbol
from codeagent.tools.symbols.child import Child, ParseLimits, ended
from codeagent.tools.symbols.frames import DamagedError, frame
from codeagent.tools.symbols.languages import language_of
from codeagent.tools.symbols.parse import NotParsedError
from codeagent.tools.syntax import SyntaxProblem, is_checked

REQUESTS_EACH: Final = 10_000
"""After so many the process is replaced: the parser's binding leaks a little with every file."""
_POLL_S: Final = 0.1
_CLOSED: Final = "The session has ended."
_NONSENSE: Final = "The process that parsed it sent what cannot be."


def _nested(found: FileSymbols) -> FileSymbols:
    """Raises ValueError for a definition that stands in none before it."""
    if any(one.parent is not None and not 0 <= one.parent < i for i, one in enumerate(found.definitions)):
        raise ValueError("parent")
    return found


_T = TypeVar("_T")
_ANSWER: Final = TypeAdapter[tuple[Literal["done", "refused", "failed"], Any]](
    tuple[Literal["done", "refused", "failed"], Any]
)
_SYMBOLS: Final = TypeAdapter[FileSymbols](Annotated[FileSymbols, AfterValidator(_nested)])
_PROBLEMS: Final = TypeAdapter(list[SyntaxProblem])
_SPLICED: Final = TypeAdapter(Spliced)


def process_argv() -> tuple[str, ...]:
    """The command of the real process. `-P`: a workspace must not be able to stand in for our modules."""
    return (sys.executable, "-P", "-m", "codeagent.tools.parser_process")


class Parser:
    """Answers what is to be known of parsed text. Its process is started at first use, kept, and replaced when it ends
    over a file, which costs that file alone. Calls may come from any thread; they wait for each other."""

    def __init__(self, limits: ParseLimits | None = None, argv: Sequence[str] | None = None) -> None:
        self._limits = limits or ParseLimits()
        self._argv = tuple(argv or process_argv())
        self._asking = threading.Lock()
        self._child: Child | None = None
        self._asked = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process there is now, to measure it."""
        return self._child.pid if self._child is not None else None

    def symbols(self, name: str, data: bytes) -> FileSymbols:
        """As `symbols_of`: never raises, and what is not parsed says so in `partial`."""
        try:
            return self._ask(_SYMBOLS, data, "symbols", name)
        except NotParsedError as e:
            language = language_of(name, data)
            return FileSymbols(language.name if language is not None else None, partial=str(e))

    def problems(self, name: str, data: bytes) -> list[SyntaxProblem]:
        """As `syntax.check`: none also where the text is not parsed."""
        if not is_checked(name, data):
            return []
        try:
            return self._ask(_PROBLEMS, data, "problems", name)
        except NotParsedError:
            return []

    def splice(self, source: Source, symbol: Symbol, action: Action, code: str) -> Spliced:
        """As `splice.splice`. Raises ToolError also where the new text is not parsed."""
        at = next(i for i, one in enumerate(source.symbols.definitions) if one is symbol)
        try:
            return self._ask(_SPLICED, source.data, "splice", source.path.name, source.shown, at, action, code)
        except NotParsedError as e:
            raise ToolError(
                f"With this code {source.shown} is not parsed: {e} Nothing was changed. Change it with edit."
            ) from e

    def close(self) -> None:
        """End the process, at once and for good: what is asked from now on is not parsed. Safe to call twice."""
        self._closed = True
        with self._asking:
            self._end()

    def _ask(self, answer: TypeAdapter[_T], data: bytes, *question: object) -> _T:
        """Raises NotParsedError, and ToolError where the process says so."""
        request = frame(json.dumps(question).encode() + b"\0" + data)
        with self._asking:
            try:
                kind, said = _ANSWER.validate_python(json.loads(self._answered(request)))
                if kind == "done":
                    return answer.validate_python(said)
                reason = str(said)[:1000]
            except (json.JSONDecodeError, UnicodeDecodeError, ValidationError, RecursionError) as e:
                self._end()
                raise NotParsedError(_NONSENSE) from e
        raise ToolError(reason) if kind == "refused" else NotParsedError(f"It could not be parsed: {reason}.")

    def _answered(self, request: bytes) -> bytes:
        """The body of the answer. Raises NotParsedError; the process is ended then."""
        killed = False
        while True:
            child = self._running()
            try:
                return self._exchange(child, request, self._limits.seconds + self._limits.stall_s)
            except EOFError:
                code = child.wait()
                self._end()
                if code != -signal.SIGKILL or killed:
                    raise NotParsedError(child.reason()) from None
                killed = True  # somebody killed it, and need not have meant this file
            except TimeoutError as e:
                self._end()
                raise NotParsedError(self._limits.too_slow) from e
            except BaseException:
                self._end()  # an answer to come would be taken for that to the next question
                raise

    def _running(self) -> Child:
        if self._closed:
            raise NotParsedError(_CLOSED)
        if self._asked >= REQUESTS_EACH:
            self._end()
        self._asked += 1
        if self._child is not None:
            return self._child
        try:
            self._child = Child(self._argv, self._limits)
            self._exchange(self._child, b"", self._limits.start_s)  # its greeting
        except (OSError, EOFError) as e:
            why = e.strerror if isinstance(e, OSError) and e.strerror else "it takes too long"
            if isinstance(e, EOFError) and self._child is not None:
                why = ended(self._child.wait())
            self._end()
            raise NotParsedError(f"No process that parses files can be started ({why}).") from e
        return self._child

    def _exchange(self, child: Child, request: bytes, seconds: float) -> bytes:
        """Send a request and wait for one answer. Raises EOFError for the process's end, and TimeoutError."""
        until, unsent = time.monotonic() + seconds, memoryview(request)
        with selectors.DefaultSelector() as selector:
            selector.register(child.output, selectors.EVENT_READ)
            if unsent:
                selector.register(child.input, selectors.EVENT_WRITE)
            while True:
                for key, _ in selector.select(_POLL_S):
                    if key.fd == child.input:
                        with suppress(BlockingIOError, BrokenPipeError):  # its end is seen where it is read
                            unsent = unsent[os.write(child.input, unsent) :]
                        if not unsent:
                            selector.unregister(child.input)
                    elif (body := _received(child)) is not None:
                        return body
                if self._closed:
                    raise NotParsedError(_CLOSED)
                if time.monotonic() > until:
                    raise TimeoutError

    def _end(self) -> None:
        child, self._child, self._asked = self._child, None, 0
        if child is not None:
            child.kill()


def _received(child: Child) -> bytes | None:
    """What has come, if it is a whole answer. Raises EOFError at the end of the process."""
    data = os.read(child.output, 1 << 20)
    if not data:
        raise EOFError
    try:
        bodies = list(child.reader.feed(data))
    except DamagedError:
        bodies = [b"", b""]
    if len(bodies) > 1:
        raise NotParsedError(_NONSENSE)
    return bodies[0] if bodies else None
