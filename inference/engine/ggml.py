"""The devices ggml knows, by ctypes because llama-cpp-python does not bind them; knows no model."""

from __future__ import annotations

import ctypes
import socket
import time
from pathlib import Path
from typing import Any, Literal

from codeagent.inference.frames import CacheKind, SplitMode

DeviceKind = Literal["gpu", "igpu", "accelerator", "cpu"]
_DEVICE_KINDS: dict[int, DeviceKind] = {0: "cpu", 1: "gpu", 2: "igpu"}
_KNOCK_S = 5.0
_SAMPLE = 8 << 20
"""Bytes sent over a link to measure it."""
_BYTES = 24  # ggml's number of 8-bit whole numbers
CACHE_KINDS: dict[CacheKind, int] = {"f16": 1, "q8_0": 8, "q4_0": 2}
"""ggml's numbers of types."""
SPLIT_MODES: dict[SplitMode, int] = {"none": 0, "layer": 1, "row": 2}
"""llama.cpp's numbers of ways to share a model out."""


class NativeError(Exception):
    """A call of llama.cpp failed; the text is what the library said last, perhaps nothing."""


class _Override(ctypes.Structure):
    """llama_model_tensor_buft_override, which llama-cpp-python does not bind."""

    _fields_ = (("pattern", ctypes.c_char_p), ("kind", ctypes.c_void_p))


class _Room(ctypes.Structure):
    """ggml_init_params: room for the description of a tensor, and none for what is in it."""

    _fields_ = (("size", ctypes.c_size_t), ("memory", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


class Device:
    """A device llama.cpp sees; memory in bytes, as it was when the object was made."""

    def __init__(self, handle: int, base: Any) -> None:
        self.handle = handle
        self.name: str = base.ggml_backend_dev_name(handle).decode(errors="replace")
        self.description: str = base.ggml_backend_dev_description(handle).decode(errors="replace")
        self.kind: DeviceKind = _DEVICE_KINDS.get(base.ggml_backend_dev_type(handle), "accelerator")
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        base.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
        self.free, self.total = free.value, total.value


class Registry:
    """The library's list of devices. `folder` holds libggml, libggml-base and, if it was built, libggml-rpc."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._endpoints: set[str] = set()
        self._ggml = library(folder, "ggml")
        self._base = library(folder, "ggml-base")
        _declare(self._ggml, "ggml_backend_dev_count", ctypes.c_size_t)
        _declare(self._ggml, "ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
        _declare(self._ggml, "ggml_backend_register", None, ctypes.c_void_p)
        _declare(self._base, "ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
        _declare(self._base, "ggml_backend_dev_description", ctypes.c_char_p, ctypes.c_void_p)
        _declare(self._base, "ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
        _declare(self._base, "ggml_backend_cpu_buffer_type", ctypes.c_void_p)
        size = ctypes.POINTER(ctypes.c_size_t)
        _declare(self._base, "ggml_backend_dev_memory", None, ctypes.c_void_p, size, size)

    def experts_on_cpu(self, layers: int) -> Any:
        """What makes the library keep the experts of the first layers on the CPU: a list for its model parameters."""
        kind = self._base.ggml_backend_cpu_buffer_type()
        entries = [_Override(rb"blk\.%d\.ffn_(up|down|gate|gate_up)_(ch|)exps" % i, kind) for i in range(layers)]
        return (_Override * (len(entries) + 1))(*entries, _Override(None, None))

    def link(self, device: Device) -> float | None:
        """Bytes a second to a device, measured by sending it a little; None when it has no room for that."""
        base, null = self._base, ctypes.c_void_p
        _declare(base, "ggml_backend_dev_buffer_type", null, null)
        _declare(base, "ggml_init", null, _Room)
        _declare(base, "ggml_free", None, null)
        _declare(base, "ggml_new_tensor_1d", null, null, ctypes.c_int, ctypes.c_int64)
        _declare(base, "ggml_backend_alloc_ctx_tensors_from_buft", null, null, null)
        _declare(base, "ggml_backend_buffer_free", None, null)
        _declare(base, "ggml_backend_tensor_set", None, null, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t)
        _declare(base, "ggml_backend_tensor_get", None, null, null, ctypes.c_size_t, ctypes.c_size_t)
        context = base.ggml_init(_Room(1 << 16, None, True))
        tensor = base.ggml_new_tensor_1d(context, _BYTES, _SAMPLE)
        kind = base.ggml_backend_dev_buffer_type(device.handle)
        buffer = base.ggml_backend_alloc_ctx_tensors_from_buft(context, kind)
        if not buffer:
            base.ggml_free(context)
            return None
        data, answer = bytes(_SAMPLE), ctypes.create_string_buffer(1)
        base.ggml_backend_tensor_set(tensor, data, 0, 1)  # so that the connection stands
        started = time.perf_counter()
        base.ggml_backend_tensor_set(tensor, data, 0, _SAMPLE)
        base.ggml_backend_tensor_get(tensor, ctypes.addressof(answer), 0, 1)  # sending does not wait, this does
        seconds = time.perf_counter() - started
        base.ggml_backend_buffer_free(buffer)
        base.ggml_free(context)
        return _SAMPLE / seconds

    def devices(self) -> list[Device]:
        """Every device, in the library's order."""
        handles = [self._ggml.ggml_backend_dev_get(i) for i in range(self._ggml.ggml_backend_dev_count())]
        return [Device(handle, self._base) for handle in handles]

    def add_rpc_server(self, endpoint: str) -> None:
        """Make the devices of a llama.cpp RPC server ("host:port") ours. Raises NativeError when there is none."""
        if endpoint in self._endpoints:
            return
        _knock(endpoint)
        rpc = library(self._folder, "ggml-rpc")
        _declare(rpc, "ggml_backend_rpc_add_server", ctypes.c_void_p, ctypes.c_char_p)
        server = rpc.ggml_backend_rpc_add_server(endpoint.encode())
        if not server:
            raise NativeError("it is no RPC server of this version of llama.cpp")
        self._ggml.ggml_backend_register(server)
        self._endpoints.add(endpoint)


def _knock(endpoint: str) -> None:
    # The library ends the process when nobody answers.
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise NativeError(f"nobody answers there ({error})") from None


def library(folder: Path, name: str) -> Any:
    """One of the native libraries in this folder, loaded. Raises NativeError when it is not there."""
    found = [path for end in ("so", "dylib") if (path := folder / f"lib{name}.{end}").exists()]
    if not found:
        raise NativeError(f"lib{name} is missing from llama-cpp-python")
    return ctypes.CDLL(str(found[0]))


def _declare(library: Any, name: str, result: object, *arguments: object) -> None:
    function = getattr(library, name)
    function.restype, function.argtypes = result, list(arguments)
