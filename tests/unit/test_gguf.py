"""What a GGUF header may say, and what is refused with one sentence before native code sees it."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import pytest
from gguf_files import STRING, header, keys, tensor, text, tiny_model, value, write

from codeagent.inference.client import ModelLoadError
from codeagent.inference.gguf import GGUFError, LongArray, Tensor, read_header

pytestmark = pytest.mark.case(39)


def refusal(path: Path) -> str:
    with pytest.raises(GGUFError) as refused:
        read_header(path)
    said = str(refused.value)
    assert str(path) in said
    assert "\n" not in said
    assert said.endswith(".")
    return said


def test_a_whole_file_is_described(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.gguf", tiny_model())
    found = read_header(path)
    assert (found.architecture, found.version, found.vocabulary, found.parameters) == ("qwen2", 3, 3, 64)
    assert found.chat_template == "{% for m in messages %}{{ m.content }}{% endfor %}"
    assert found.number("block_count", 0) == 2
    assert found.numbers("attention.head_count_kv", 0, 3) == (2, 2, 2)
    assert found.file_size == path.stat().st_size
    assert found.tensors[0] == Tensor("token_embd.weight", "F32", (4, 4), found.data_offset, 64)
    assert found.tensors[-1].offset + found.tensors[-1].nbytes == found.file_size


def test_long_lists_are_kept_as_their_length(tmp_path: Path) -> None:
    many = {"tokenizer__ggml__tokens": [f"t{i}" for i in range(5000)], "tokenizer__ggml__scores": [0.5] * 5000}
    found = read_header(write(tmp_path / "m.gguf", tiny_model(**many)))
    assert found.metadata["tokenizer.ggml.tokens"] == LongArray(5000)
    assert found.metadata["tokenizer.ggml.scores"] == LongArray(5000)
    assert found.vocabulary == 5000


def test_version_2_is_read_too(tmp_path: Path) -> None:
    whole = tiny_model()
    assert read_header(write(tmp_path / "m.gguf", whole[:4] + struct.pack("<I", 2) + whole[8:])).version == 2


def test_a_value_per_layer_is_read_per_layer(tmp_path: Path) -> None:
    found = read_header(write(tmp_path / "m.gguf", tiny_model(qwen2__attention__head_count_kv=[4, 0])))
    assert found.numbers("attention.head_count_kv", 0, 2) == (4, 0)
    assert found.number("attention.head_count_kv", 0) == 4


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "There is no model file" in refusal(tmp_path / "none.gguf")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_a_fifo_and_a_device_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "not an ordinary file" in refusal(tmp_path / "fifo")
    assert "not an ordinary file" in refusal(Path("/dev/zero"))


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf", tiny_model())
    path.chmod(0)
    root = os.geteuid() == 0
    if root:  # root may read everything, so be somebody else for a moment
        os.seteuid(65534)
    try:
        assert "may not be read" in refusal(path)
    finally:
        if root:
            os.seteuid(0)


def test_a_path_that_can_be_no_path_is_refused(tmp_path: Path) -> None:
    for name in ("a" * 300, "a\0b"):
        with pytest.raises(GGUFError, match="cannot be opened"):
            read_header(tmp_path / name)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "is empty" in refusal(write(tmp_path / "m.gguf", b""))


@pytest.mark.parametrize("content", [b"GG", b"PK\x03\x04 a zip", b"GGML" + bytes(100), b"\x7fELF", b"{}", bytes(64)])
def test_a_foreign_file_is_called_foreign(tmp_path: Path, content: bytes) -> None:
    assert "is not a GGUF file" in refusal(write(tmp_path / "m.gguf", content))


def test_a_file_cut_short_says_by_how_many_bytes(tmp_path: Path) -> None:
    whole = tiny_model()
    said = refusal(write(tmp_path / "m.gguf", whole[:-100]))
    assert f"100 bytes short of {len(whole):,}" in said


def test_every_cut_inside_the_header_is_refused(tmp_path: Path) -> None:
    whole = tiny_model()
    end = len(whole) - 256
    for length in range(1, end, 3):
        refusal(write(tmp_path / "m.gguf", whole[:length]))


def test_flipped_bits_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    whole, dice, path = tiny_model(), random.Random(1), tmp_path / "m.gguf"
    for _ in range(500):
        broken = bytearray(whole)
        for _ in range(dice.randint(1, 3)):
            broken[dice.randrange(len(broken) - 256)] ^= 1 << dice.randrange(8)
        write(path, bytes(broken))
        try:
            found = read_header(path)
        except ModelLoadError as e:
            assert str(e).count("\n") == 0
        else:
            assert all(t.offset > 0 and t.offset + t.nbytes <= found.file_size for t in found.tensors)


@pytest.mark.parametrize("version", [0, 1, 4, 99])
def test_other_versions_are_refused(tmp_path: Path, version: int) -> None:
    whole = tiny_model()
    said = refusal(write(tmp_path / "m.gguf", whole[:4] + struct.pack("<I", version) + whole[8:]))
    assert "version" in said or "big-endian" in said


def test_a_big_endian_file_is_recognised(tmp_path: Path) -> None:
    assert "big-endian" in refusal(write(tmp_path / "m.gguf", b"GGUF" + struct.pack(">I", 3) + bytes(64)))


@pytest.mark.parametrize(
    "content",
    [
        header(keys(), [], n_tensors=1 << 40),
        header(keys(), [], n_keys=1 << 63),
        header({}, [], n_keys=1) + struct.pack("<Q", 1 << 62),
        header({}, [], n_keys=1) + text("k") + struct.pack("<IQ", STRING, 1 << 40),
        header({}, [], n_keys=1) + text("k") + struct.pack("<IIQ", 9, 4, 1 << 60),
        header({}, [], n_keys=1) + text("k") + struct.pack("<IIQ", 9, STRING, 1 << 60),
        header({}, [], n_keys=1) + text("k") + struct.pack("<IIQ", 9, 9, 1) + bytes(64),
        header({}, [], n_keys=1) + text("k") + struct.pack("<I", 77) + bytes(64),
        header({}, [], n_keys=1) + text("k") + struct.pack("<IIQ", 9, 77, 5000) + bytes(64),
        header({}, [], n_keys=1) + text("k") + struct.pack("<IB", 7, 2) + bytes(64),
        header({}, [], n_keys=1) + text("") + value(1),
        header({}, [], n_keys=2) + (text("k") + value(1)) * 2,
        header(keys(), [tensor("a", (4,)), tensor("a", (4,), offset=32)]) + bytes(512),
        header(keys(), [tensor("a" * 64, (4,))]) + bytes(512),
        header(keys(), [tensor("a", (1, 1, 1, 1, 1))]) + bytes(512),
        header(keys(), [tensor("a", ())]) + bytes(512),
        header(keys(), [tensor("a", (0,))]) + bytes(512),
        header(keys(), [tensor("a", (1 << 32, 1 << 32))]) + bytes(512),
        header(keys(), [tensor("a", (1 << 63, 2))]) + bytes(512),
        header(keys(), [tensor("a", (33,), kind=12)]) + bytes(512),
        header(keys(), [tensor("a", (4,), offset=3)]) + bytes(512),
        header(keys(), [tensor("a", (4,), offset=(1 << 64) - 32)]) + bytes(512),
        header(keys(general__alignment=0), [tensor("a", (4,))]) + bytes(512),
        header(keys(general__alignment=48), [tensor("a", (4,))]) + bytes(512),
        header(keys(general__alignment=1 << 20), [tensor("a", (4,))]) + bytes(512),
        header(keys(general__alignment="x"), [tensor("a", (4,))]) + bytes(512),
        header(keys(general__architecture=None), [tensor("a", (4,))]) + bytes(512),
        header(keys(qwen2__block_count=0), [tensor("a", (4,))]) + bytes(512),
        header(keys(qwen2__block_count=100_000), [tensor("a", (4,))]) + bytes(512),
        header(keys(qwen2__block_count="many"), [tensor("a", (4,))]) + bytes(512),
    ],
)
def test_sizes_that_make_no_sense_are_called_damage(tmp_path: Path, content: bytes) -> None:
    assert "is damaged" in refusal(write(tmp_path / "m.gguf", content))


def test_a_tensor_type_of_the_future_is_named(tmp_path: Path) -> None:
    content = header(keys(), [tensor("a", (4,), kind=200)]) + bytes(512)
    assert "unknown type 200" in refusal(write(tmp_path / "m.gguf", content))


def test_a_header_that_never_ends_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    with open(path, "wb") as file:
        file.write(header({}, [], n_keys=9))
        for key in ("a", "b", "c"):  # each claims, and has, 128 MiB, most of it a hole that takes no space
            file.write(text(key) + struct.pack("<IIQ", 9, 10, 16 << 20))
            file.seek(128 << 20, os.SEEK_CUR)
        file.write(bytes(64))
    assert "its header is over 256 MiB" in refusal(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split__count": 3}, "one of 3 parts"),
        ({"general__type": "adapter"}, "'adapter'"),
        ({"qwen2__block_count": None}, "not a language model"),
    ],
)
def test_files_that_hold_something_else_are_told_apart(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    assert said in refusal(write(tmp_path / "m.gguf", tiny_model(**changes)))


def test_a_file_without_weights_is_refused(tmp_path: Path) -> None:
    assert "holds no weights" in refusal(write(tmp_path / "m.gguf", header(keys(), []) + bytes(64)))


@pytest.mark.model
def test_the_real_small_model_is_read(small_model: Path) -> None:
    found = read_header(small_model)
    assert (found.architecture, found.vocabulary, found.parameters) == ("qwen2", 151_936, 630_167_424)
    assert [found.number(k, 0) for k in ("block_count", "context_length", "attention.head_count_kv")] == [24, 32_768, 2]
    assert max(t.offset + t.nbytes for t in found.tensors) == found.file_size == 491_400_064
