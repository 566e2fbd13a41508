"""Lends this machine's devices through llama.cpp's RPC server, by ctypes; knows no model and who uses it."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path
from typing import Any

from codeagent.inference.engine.ggml import NativeError, library

_CPU, _GPU, _IGPU = 0, 1, 2
_GET_MEMORY = 2
"""The place of get_memory in a device's table of functions, with which a device begins (ggml-backend-impl.h)."""

_Size = ctypes.POINTER(ctypes.c_size_t)
_Report = ctypes.CFUNCTYPE(None, ctypes.c_void_p, _Size, _Size)


def lend(host: str, port: int, threads: int, memory: int | None) -> None:
    """Serve this machine's GPUs, or its processor if it has none, until the process ends.

    `memory` bounds the bytes that each says it has. Raises NativeError when it cannot be served.
    """
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        raise NativeError("llama-cpp-python is missing")
    folder = Path(spec.origin).parent / "lib"
    base, ggml, rpc = (library(folder, name) for name in ("ggml-base", "ggml", "ggml-rpc"))
    found = _devices(base, ggml)
    kept = [_bounded(base, device, memory) for device in found] if memory is not None else []
    devices = (ctypes.c_void_p * len(found))(*found)
    start = rpc.ggml_backend_rpc_start_server
    start.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p]
    start.restype = None
    start(f"{host}:{port}".encode(), None, threads, len(found), devices)
    del kept  # the library calls these until here
    raise NativeError(f"port {port} of {host} cannot be used: is another program on it?")


def _devices(base: Any, ggml: Any) -> list[int]:
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype, ggml.ggml_backend_dev_get.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    handles: list[int] = [ggml.ggml_backend_dev_get(i) for i in range(ggml.ggml_backend_dev_count())]
    for kind in (_GPU, _IGPU, _CPU):
        if found := [handle for handle in handles if base.ggml_backend_dev_type(handle) == kind]:
            return found
    raise NativeError("the library sees no device")


def _bounded(base: Any, device: int, memory: int) -> Any:
    """Make a device say that it has at most so much memory: the server reports what the device says, and no less.

    Returns what must be kept alive for that.
    """
    functions = ctypes.cast(device, ctypes.POINTER(ctypes.c_void_p))
    ask = _Report(functions[_GET_MEMORY])

    def report(asked: int, free: Any, total: Any) -> None:
        ask(asked, free, total)
        free[0], total[0] = min(free[0], memory), min(total[0], memory)

    instead = _Report(report)
    functions[_GET_MEMORY] = ctypes.cast(instead, ctypes.c_void_p).value
    base.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, _Size, _Size]
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    base.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
    if not 0 < total.value <= memory:
        raise NativeError("this version of llama.cpp does not let its devices be bounded: leave --memory out")
    return ask, instead
