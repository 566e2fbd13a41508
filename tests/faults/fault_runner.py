"""A runner without a model that goes wrong as told: fault_runner.py PIDS FAULT...

Its n-th start plays the n-th FAULT (the last one again and again) and adds its process number to the file PIDS. A FAULT
is `good`, or `KIND@PHASE` with a phase of start, load, count, generate, mid (after a word), cancel.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from codeagent.inference.client import Finished, Frozen, ModelInfo, Prefill, TextDelta, Usage
from codeagent.inference.frames import (
    PROTOCOL,
    TO_RUNNER,
    Cancel,
    Cancelled,
    Count,
    Counted,
    Embed,
    Event,
    Failed,
    Generate,
    Hello,
    Load,
    Loaded,
    Shutdown,
    State,
    body_of,
    encode,
)

FOREVER = threading.Event()


def write(data: bytes) -> None:
    os.write(1, data)


def send(frame: Frozen) -> None:
    write(encode(frame))


def say(text: str) -> None:
    os.write(2, text.encode())


def hang() -> NoReturn:
    while True:
        FOREVER.wait()


def die(number: signal.Signals) -> NoReturn:
    os.kill(os.getpid(), number)
    hang()


def abort() -> NoReturn:
    say("ggml.c:4242: GGML_ASSERT(n_tokens > 0) failed\nsome \x1b[31mbacktrace\x1b[0m\n")
    os.abort()


def flood_and_exit() -> NoReturn:
    for number in range(100_000):
        say(f"line {number}\n")
    say("the very last words\n")
    sys.exit(3)


def flood() -> None:
    for number in range(20_000):
        say(f"line {number}\n")


def close_pipe() -> NoReturn:
    os.close(1)
    hang()


def half_frame() -> NoReturn:
    write(encode(State(state="busy"))[:-9])
    hang()


def half_frame_and_exit() -> NoReturn:
    write(encode(State(state="busy"))[:-9])
    sys.exit(0)


def huge_frame() -> NoReturn:
    write(b"1073741824 {")
    hang()


def garbage() -> NoReturn:
    write(b"llama_model_loader: loaded meta data\n")
    hang()


def foreign_json() -> NoReturn:
    write(b'16 {"type":"pizza"}\n')
    hang()


def wrong_version() -> NoReturn:
    body = b'{"type":"hello","protocol":%d,"colour":"blue"}' % (PROTOCOL + 1)
    write(b"%d %s\n" % (len(body), body))
    hang()


def unasked() -> None:
    send(Counted(id=99, tokens=1))


def leave_child() -> NoReturn:
    leave(own_session=False)


def leave_stranger() -> NoReturn:
    leave(own_session=True)


def leave(own_session: bool) -> NoReturn:
    # It keeps our stdout and stderr open, as a helper of a GPU driver might.
    child = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, start_new_session=own_session)
    with Path(sys.argv[1]).open("a") as pids:
        pids.write(f"{child.pid}\n")
    die(signal.SIGKILL)


def deaf() -> NoReturn:
    send(State(state="busy", detail="deaf"))
    hang()


def slow() -> None:
    for step in range(10):
        send(State(state="loading", progress=step / 10))
        FOREVER.wait(0.3)


def fail_load() -> None:
    send(Failed(id=0, kind="out_of_memory", message="There is not enough memory."))


def fail(kind: str, data: dict[str, int]) -> Callable[[], None]:
    return lambda: send(Failed.model_validate({"id": 1, "kind": kind, "message": f"This is {kind}.", "data": data}))


FAULTS: dict[str, Callable[[], object]] = {
    "exit0": lambda: sys.exit(0),
    "exit1": lambda: sys.exit(1),
    "abort": abort,
    "segv": lambda: die(signal.SIGSEGV),
    "kill": lambda: die(signal.SIGKILL),
    "hang": hang,
    "close_pipe": close_pipe,
    "half_frame": half_frame,
    "half_frame_and_exit": half_frame_and_exit,
    "huge_frame": huge_frame,
    "garbage": garbage,
    "foreign_json": foreign_json,
    "wrong_version": wrong_version,
    "unasked": unasked,
    "flood": flood,
    "flood_and_exit": flood_and_exit,
    "leave_child": leave_child,
    "leave_stranger": leave_stranger,
    "deaf": deaf,
    "slow": slow,
    "fail_load": fail_load,
    "bad_request": fail("bad_request", {}),
    "load": fail("load", {}),
    "out_of_memory": fail("out_of_memory", {}),
    "overflow": fail("overflow", {"needed": 5000, "limit": 4096}),
    "overflow_without_numbers": fail("overflow", {}),
    "internal": fail("internal", {}),
}
ENDS_THE_REQUEST = {
    "bad_request",
    "load",
    "out_of_memory",
    "overflow",
    "overflow_without_numbers",
    "internal",
    "fail_load",
}


class Runner:
    """Echoes the last message word by word; the word "forever" is repeated until the request is cancelled."""

    def __init__(self, fault: str) -> None:
        self.fault, _, self.phase = fault.partition("@")
        self.cancelled: set[int] = set()

    def meets_fault(self, phase: str) -> bool:
        """Do the fault if this is its phase; whether that has answered the request."""
        if self.phase != phase:
            return False
        FAULTS[self.fault]()
        return self.fault in ENDS_THE_REQUEST

    def run(self) -> None:
        if self.fault == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.serve()
        if self.fault == "deaf":
            hang()

    def serve(self) -> None:
        self.meets_fault("start")
        send(Hello(protocol=PROTOCOL, versions={}, devices=(), supports_gpu=False))
        for line in sys.stdin.buffer:
            match TO_RUNNER.validate_json(body_of(line)):
                case Load(settings=settings):
                    send(State(state="loading", progress=0.5))
                    if not self.meets_fault("load"):
                        info = ModelInfo(
                            name=settings.name, context_length=4096, dialect="none", notices=tuple(os.environ)
                        )
                        send(Loaded(info=info))
                case Generate() as frame:
                    threading.Thread(target=self.generate, args=(frame,), daemon=True).start()
                case Count(id=number, request=request):
                    if not self.meets_fault("count"):
                        send(Counted(id=number, tokens=sum(len(m.content.split()) for m in request.messages)))
                case Cancel(id=number):
                    if not self.meets_fault("cancel"):
                        self.cancelled.add(number)
                case Shutdown() | Embed():
                    return

    def generate(self, frame: Generate) -> None:
        try:
            self.answer(frame)
        except SystemExit as error:  # of a fault, in this thread
            os._exit(int(str(error.code)))

    def answer(self, frame: Generate) -> None:
        if self.meets_fault("generate"):
            return
        words = frame.request.messages[-1].content.split()
        send(Event(id=frame.id, event=Prefill(done=len(words), total=len(words), cached=0)))
        for word in words:
            while True:
                if frame.id in self.cancelled:
                    send(Cancelled(id=frame.id))
                    return
                send(Event(id=frame.id, event=TextDelta(text=word)))
                if self.meets_fault("mid"):
                    return
                if word != "forever":
                    break
        finished = Finished(reason="stop", usage=Usage(prompt_tokens=len(words)))
        send(Event(id=frame.id, event=finished))


def main() -> None:
    pids = Path(sys.argv[1])
    faults = sys.argv[2:]
    start = len(pids.read_text().splitlines()) if pids.exists() else 0
    with pids.open("a") as file:
        file.write(f"{os.getpid()}\n")
    Runner(faults[min(start, len(faults) - 1)]).run()


if __name__ == "__main__":
    main()
