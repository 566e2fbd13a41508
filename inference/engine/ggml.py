"""The devices ggml knows, by ctypes because llama-cpp-python does not bind them; knows no model."""

from __future__ import annotations

import ctypes
import socket
from pathlib import Path
from typing import Any, Literal

DeviceKind = Literal["gpu", "igpu", "accelerator", "cpu"]
_DEVICE_KINDS: dict[int, DeviceKind] = {0: "cpu", 1: "gpu", 2: "igpu"}
_KNOCK_S = 5.0


class NativeError(Exception):
    """A call of llama.cpp failed; the text is what the library said last, perhaps nothing."""


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
        self._ggml = _library(folder, "ggml")
        self._base = _library(folder, "ggml-base")
        _declare(self._ggml, "ggml_backend_dev_count", ctypes.c_size_t)
        _declare(self._ggml, "ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
        _declare(self._ggml, "ggml_backend_register", None, ctypes.c_void_p)
        _declare(self._base, "ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
        _declare(self._base, "ggml_backend_dev_description", ctypes.c_char_p, ctypes.c_void_p)
        _declare(self._base, "ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
        size = ctypes.POINTER(ctypes.c_size_t)
        _declare(self._base, "ggml_backend_dev_memory", None, ctypes.c_void_p, size, size)

    def devices(self) -> list[Device]:
        """Every device, in the library's order."""
        handles = [self._ggml.ggml_backend_dev_get(i) for i in range(self._ggml.ggml_backend_dev_count())]
        return [Device(handle, self._base) for handle in handles]

    def add_rpc_server(self, endpoint: str) -> None:
        """Make the devices of a llama.cpp RPC server ("host:port") ours. Raises NativeError when there is none."""
        if endpoint in self._endpoints:
            return
        _knock(endpoint)
        rpc = _library(self._folder, "ggml-rpc")
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


def _library(folder: Path, name: str) -> Any:
    found = [path for end in ("so", "dylib") if (path := folder / f"lib{name}.{end}").exists()]
    if not found:
        raise NativeError(f"lib{name} is missing from llama-cpp-python")
    return ctypes.CDLL(str(found[0]))


def _declare(library: Any, name: str, result: object, *arguments: object) -> None:
    function = getattr(library, name)
    function.restype, function.argtypes = result, list(arguments)
