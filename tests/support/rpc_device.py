"""A process that serves this machine's processor as a device of llama.cpp's RPC, of the size it is told to have."""

from __future__ import annotations

import ctypes
import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

READY_SECONDS = 60
_CPU = 0
# Places in ggml's tables of functions (ggml-backend-impl.h): of a device, of a type of buffer, of a buffer.
_GET_MEMORY, _ALLOC_BUFFER, _FREE_BUFFER = 2, 1, 0


@contextmanager
def rpc_device(says: int, has: int | None = None) -> Generator[str]:
    """A device that says it has `says` bytes free, on a free port of the loopback interface; yields "host:port".

    With `has` no more than so many bytes can really be allocated on it at once: then it lies.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [str(port), str(says), str(has or 0)]
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            assert process.poll() is None, "the RPC server ended"
            assert time.monotonic() < deadline, "the RPC server does not answer"
            with socket.socket() as client:
                client.settimeout(1)
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


def serve(port: int, says: int, has: int) -> None:
    """Serve until killed. The processor's own device reports another size, and refuses what goes beyond it."""
    spec = importlib.util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    folder, end = Path(spec.origin).parent / "lib", "dylib" if sys.platform == "darwin" else "so"
    base, _, ggml, rpc = (
        ctypes.CDLL(str(folder / f"lib{name}.{end}"), mode=ctypes.RTLD_GLOBAL)
        for name in ("ggml-base", "ggml-cpu", "ggml", "ggml-rpc")
    )
    ggml.ggml_backend_dev_by_type.restype = ctypes.c_void_p
    base.ggml_backend_dev_buffer_type.restype = ctypes.c_void_p
    device = ctypes.c_void_p(ggml.ggml_backend_dev_by_type(_CPU))
    size = ctypes.POINTER(ctypes.c_size_t)
    report_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, size, size)
    alloc_type = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    free_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    held: dict[int, tuple[int, int]] = {}

    @report_type
    def report(_device: int, free: Any, total: Any) -> None:
        free[0] = total[0] = says

    @free_type
    def free_buffer(buffer: int) -> None:
        free_type(held.pop(buffer)[1])(buffer)

    @alloc_type
    def alloc_buffer(kind: int, count: int) -> int | None:
        if has and sum(taken for taken, _ in held.values()) + count > has:
            return None
        buffer: int | None = alloc_type(really_alloc)(kind, count)
        if buffer is not None:
            held[buffer] = (count, _replace(buffer, _FREE_BUFFER, free_buffer))
        return buffer

    _replace(device.value, _GET_MEMORY, report)
    really_alloc = _replace(base.ggml_backend_dev_buffer_type(device), _ALLOC_BUFFER, alloc_buffer)
    devices = (ctypes.c_void_p * 1)(device)
    start = rpc.ggml_backend_rpc_start_server
    start.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p]
    start(f"127.0.0.1:{port}".encode(), None, 2, 1, devices)


def _replace(table: int | None, place: int, function: Any) -> int:
    """Put a function into a table of functions; the address of the one that was there."""
    functions = ctypes.cast(table or 0, ctypes.POINTER(ctypes.c_void_p))
    before = functions[place]
    functions[place] = ctypes.cast(function, ctypes.c_void_p).value
    assert before is not None
    return before


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
