"""GPUs that are described instead of seen, for plans of other machines; knows no plan."""

from __future__ import annotations

import re

from codeagent.inference.frames import DeviceInfo

EXAMPLE = "24GiB, 24GiB@900GB/s, 24GiB@900GB/s@80TFLOPS or, on another machine, 16GiB@50GB/s@1Gbit/s"
_PART = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(GiB|GB/s|TFLOPS|Gbit/s)", re.IGNORECASE)


class DescriptionError(Exception):
    """The text describes no GPUs; it says what would."""


def described_gpus(text: str) -> list[DeviceInfo]:
    """GPUs with all their memory free, from their sizes with commas between.

    After @ may stand the speed of the memory, of arithmetic, and of the link to a GPU on another machine. Raises
    DescriptionError.
    """
    return [_gpu(number, part.strip()) for number, part in enumerate(text.split(","))]


def _gpu(number: int, text: str) -> DeviceInfo:
    values: dict[str, float] = {}
    for part in text.split("@"):
        found = _PART.fullmatch(part.strip())
        if found is None or found[2].lower() in values:
            raise DescriptionError(f"{text!r} describes no GPU. Write its memory, such as {EXAMPLE}.")
        values[found[2].lower()] = float(found[1])
    if not values.get("gib"):
        raise DescriptionError(f"{text!r} does not say how much memory the GPU has. Write {EXAMPLE}.")
    free = int(values["gib"] * (1 << 30))
    bandwidth, tera, link = (values.get(unit) for unit in ("gb/s", "tflops", "gbit/s"))
    return DeviceInfo(
        name=f"{'RPC' if link else 'GPU'}{number}",
        description="described",
        kind="gpu",
        free=free,
        total=free,
        bandwidth=bandwidth * 1e9 if bandwidth else None,
        flops=tera * 1e12 if tera else None,
        link=link * 1e9 / 8 if link else None,
    )
