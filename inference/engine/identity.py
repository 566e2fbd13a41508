"""What the tokens of an answer depend on beside the request, in words that can be compared; knows no request."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from codeagent.inference.engine.llama import Context, backend
from codeagent.inference.frames import LoadSettings

_HEAD = 256 * 1024
_SAMPLE = 64 * 1024
_SAMPLES = 16


def identity_of(settings: LoadSettings, context: Context, threads: int, batch: int, gpu_layers: int) -> dict[str, str]:
    """The model's file, the library, the devices and how the context is set, by names that do not change."""
    path = Path(settings.path)
    devices = ", ".join(device.description or device.name for device in backend().devices())
    return {
        "file": path.name,
        "bytes": str(path.stat().st_size),
        "content": fingerprint(path),
        "library": ", ".join(f"{name} {version}" for name, version in sorted(backend().versions().items())),
        "devices": devices,
        "context": str(context.size),
        "batch": str(batch),
        "sequences": str(settings.sequences),
        "threads": str(threads),
        "gpu_layers": str(gpu_layers),
        "kv_type": settings.kv_type or "automatic",
        "flash_attention": {None: "automatic", True: "on", False: "off"}[settings.flash_attention],
    }


def fingerprint(path: Path) -> str:
    """Tells the contents of model files apart by a part of them: the SHA-256 of the size, the first 256 KiB and 16
    samples of 64 KiB spread over the file, the last one at its end. Raises OSError.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        found = hashlib.sha256(f"{size} ".encode())
        found.update(file.read(_HEAD))
        for number in range(_SAMPLES):
            file.seek(max(0, size - _SAMPLE) * number // (_SAMPLES - 1))
            found.update(file.read(_SAMPLE))
    return found.hexdigest()
