"""Model files that were mutated: each is refused or described, the app survives each and names the file."""

from __future__ import annotations

import os
import random
import struct
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from gguf_files import header, keys, loadable_model, tensor, tiny_model, write

from codeagent.inference.client import ChatRequest, Message, ModelError, ModelLoadError, OutOfMemoryError
from codeagent.inference.frames import LoadSettings
from codeagent.inference.gguf import Header, read_header
from codeagent.inference.placement import describe, plan
from codeagent.inference.runner_client import RunnerClient

FUZZ = int(os.environ.get("CODEAGENT_FUZZ", "1000"))
LOADED = max(6, FUZZ // 500)
"""So many of the mutated files, those that look whole, go on to the native loader."""
NUMBERS = (
    0,
    1,
    2,
    7,
    8,
    9,
    31,
    32,
    255,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 60,
    (1 << 63),
    (1 << 64) - 1,
)


def seeds() -> list[bytes]:
    """Whole files of different shapes."""
    many = [tensor(f"blk.{n // 4}.t{n % 4}.weight", (32, 4), kind=n % 3, offset=1024 * n) for n in range(16)]
    return [
        tiny_model(),
        tiny_model(general__alignment=64, qwen2__rope__freq_base=1e6),
        tiny_model(tokenizer__ggml__tokens=[f"t{n}" for n in range(2_000)]),
        loadable_model(),
        header(keys(qwen2__attention__head_count_kv=[2, 2]), many) + bytes(32_768),
    ]


def mutated(dice: random.Random, data: bytes) -> bytes:
    """The file with one to four things wrong with it."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        head = min(len(changed), 1_500)
        at = dice.randrange(max(1, head - 8))
        match dice.randrange(8):
            case 0:
                changed[at] ^= 1 << dice.randrange(8)
            case 1:
                changed[at] = dice.randrange(256)
            case 2:
                changed[at : at + 8] = struct.pack("<Q", dice.choice(NUMBERS))
            case 3:
                changed[at : at + 4] = struct.pack("<I", dice.choice(NUMBERS) & 0xFFFFFFFF)
            case 4:
                del changed[at : at + dice.randint(1, 64)]
            case 5:
                changed[at:at] = dice.randbytes(dice.randint(1, 64))
            case 6:
                start = dice.randrange(max(1, len(changed)))
                changed[at:at] = changed[start : start + dice.randint(1, 200)]
            case _:
                del changed[dice.randrange(1, len(changed) + 1) :]
        if not changed:
            return b""
    return bytes(changed)


def looked_at(path: Path) -> Header | None:
    """The header of a file, or None where it is refused, as it should be: in one sentence that names the file."""
    try:
        found = read_header(path)
        assert all(t.offset + t.nbytes <= found.file_size for t in found.tensors)
        text = describe(plan(found, [], LoadSettings(path=str(path), name="m"), 8 << 30))
    except ModelLoadError as refused:
        assert str(path) in str(refused)
        assert "\n" not in str(refused)
        assert len(str(refused)) < 600
        return None
    assert "CPU" in text
    return found


@pytest.mark.timeout(120 + FUZZ // 20)
@pytest.mark.case(39)
def test_every_mutated_file_is_described_or_refused_by_name(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    dice, whole, path = random.Random(11), seeds(), tmp_path / "mutated.gguf"
    refused, slowest = 0, 0.0
    for number in range(FUZZ):
        path.write_bytes(mutated(dice, whole[number % len(whole)]))
        began = time.monotonic()
        refused += looked_at(path) is None
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 5
    assert FUZZ // 10 < refused < FUZZ, "the mutations are too weak or too strong to try anything"
    record_property("tried", FUZZ)


REQUEST = ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=4)


async def use(path: Path, context: int) -> None:
    """Load a file in a runner process of its own and let it answer. Raises ModelError."""
    client = RunnerClient(LoadSettings(path=str(path), name="m", context=context), lambda *_: None)
    try:
        await client.info()
        async with aclosing(client.stream(REQUEST)) as answer:
            assert [event async for event in answer]
    finally:
        await client.close()


@pytest.mark.timeout(120 + LOADED * 10)
@pytest.mark.case(39)
async def test_files_that_look_whole_are_answered_with_or_refused_and_the_app_lives_on(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    dice, whole = random.Random(12), loadable_model()
    await use(write(tmp_path / "whole.gguf", whole), 512)
    tried = worked = 0
    while tried < LOADED:
        path = write(tmp_path / f"mutated-{tried}.gguf", mutated(dice, whole))
        if looked_at(path) is None:
            continue
        tried += 1
        try:
            await use(path, 512)
            worked += 1
        except ModelError as error:
            assert str(path) in str(error), error
            assert "Traceback" not in str(error)
    assert worked < tried
    record_property("tried", tried)


@pytest.mark.case(41)
async def test_a_window_whose_cache_is_larger_than_the_memory_is_refused_before_anything_is_loaded(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "tiny.gguf", tiny_model())
    with pytest.raises(OutOfMemoryError, match=r"a smaller window \(--ctx\).* are free"):
        await use(path, 1 << 31)
