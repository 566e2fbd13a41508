"""Offload for real: llama.cpp takes a process on loopback for a GPU, and everything lands there where the plan says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rpc_device import rpc_device

from codeagent.inference.client import ChatRequest, Finished, Message, ModelInfo
from codeagent.inference.frames import DeviceInfo, LoadSettings
from codeagent.inference.gguf import read_header
from codeagent.inference.placement import Plan, plan
from codeagent.inference.runner_client import RunnerClient

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

MIB = 1 << 20
GIB = 1 << 30

# The engine itself, in a process of its own because native code may abort; its log is the library's own.
LOADER = """
import json, sys
from codeagent.inference.engine.engine import Engine, device_infos
from codeagent.inference.engine.llama import backend
from codeagent.inference.frames import LoadSettings
engine = Engine.load(LoadSettings.model_validate_json(sys.argv[1]))
devices = [d.model_dump() for d in device_infos(backend().devices())]
print(json.dumps({"info": engine.info().model_dump(), "devices": devices, "log": list(backend().log)}))
"""
_BUFFER = re.compile(r"(\S+)\s+(model|KV|compute) buffer size =\s*([\d.]+) MiB")


@dataclass
class Seen:
    """What the library logged at the last, successful attempt: MiB by kind of buffer and by where it is."""

    info: ModelInfo
    devices: tuple[DeviceInfo, ...]
    buffers: dict[str, dict[str, float]]

    def at(self, endpoint: str, kind: str) -> float:
        """MiB of this kind on the device behind the endpoint."""
        return sum(size for place, size in self.buffers[kind].items() if endpoint in place)


def load(settings: LoadSettings) -> Seen:
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOADER, settings.model_dump_json()], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    buffers: dict[str, dict[str, float]] = defaultdict(dict)
    for line in told["log"]:
        if found := _BUFFER.search(line):
            buffers[found[2]][found[1]] = float(found[3])
    devices = tuple(DeviceInfo.model_validate(d) for d in told["devices"])
    return Seen(ModelInfo.model_validate(told["info"]), devices, buffers)


def settings_for(model: Path, *endpoints: str, **chosen: Any) -> LoadSettings:
    return LoadSettings(path=str(model), name="small", rpc=endpoints, **chosen)


def planned(seen: Seen, settings: LoadSettings) -> Plan:
    return plan(read_header(Path(settings.path)), seen.devices, settings, 16 * GIB)


def assert_lands_as_planned(seen: Seen, expected: Plan, endpoints: tuple[str, ...]) -> None:
    """Weights and cache to the megabyte, buffers within 5 %; the host's too."""
    assert seen.info.gpu_layers == expected.n_gpu_layers
    gpus = [d for d in seen.devices if d.kind == "gpu"]
    assert len(gpus) == len(endpoints)
    by_index = {d.index: d for d in expected.devices}
    for index, device in enumerate(seen.devices):
        if device.kind != "gpu":
            continue
        endpoint = endpoints[gpus.index(device)]
        share = by_index.get(index)
        weights, kv, compute = (share.weights, share.kv, share.compute) if share else (0, 0, 0)
        assert seen.at(endpoint, "model") == pytest.approx(weights / MIB, abs=1)
        assert seen.at(endpoint, "KV") == pytest.approx(kv / MIB, abs=1)
        assert seen.at(endpoint, "compute") == pytest.approx(compute / MIB, rel=0.05, abs=1)
        assert weights + kv + compute <= device.free
    assert seen.buffers["KV"].get("CPU", 0) == pytest.approx(expected.host.kv / MIB, abs=1)
    assert seen.buffers["model"].get("CPU_REPACK", 0) == pytest.approx(expected.host.repack / MIB, abs=1)
    assert seen.buffers["compute"]["CPU"] == pytest.approx(expected.host.compute / MIB, rel=0.1, abs=2)


def test_a_device_with_room_takes_everything(small_model: Path) -> None:
    with rpc_device(says=3 * GIB) as endpoint:
        settings = settings_for(small_model, endpoint)
        seen = load(settings)
    expected = planned(seen, settings)
    assert (expected.n_gpu_layers, seen.info.context_length) == (25, 16_384)
    assert_lands_as_planned(seen, expected, (endpoint,))


def test_a_middling_device_takes_the_last_layers(small_model: Path) -> None:
    with rpc_device(says=600 * MIB) as endpoint:
        settings = settings_for(small_model, endpoint)
        seen = load(settings)
    expected = planned(seen, settings)
    assert 0 < expected.n_gpu_layers < 25
    assert_lands_as_planned(seen, expected, (endpoint,))


def test_two_devices_of_different_size_share_by_their_memory(small_model: Path) -> None:
    with rpc_device(says=900 * MIB) as large, rpc_device(says=400 * MIB) as small:
        settings = settings_for(small_model, large, small)
        seen = load(settings)
    expected = planned(seen, settings)
    assert expected.n_gpu_layers == 25
    assert [d.free for d in expected.devices] == [400 * MIB, 900 * MIB]
    assert_lands_as_planned(seen, expected, (large, small))
    assert 0 < seen.at(small, "model") < seen.at(large, "model")


def test_three_devices_of_different_size_share_by_their_memory(small_model: Path) -> None:
    with rpc_device(says=300 * MIB) as least, rpc_device(says=900 * MIB) as most, rpc_device(says=500 * MIB) as middle:
        settings = settings_for(small_model, least, most, middle, context=4096)
        seen = load(settings)
    expected = planned(seen, settings)
    assert expected.n_gpu_layers == 25
    assert [d.free for d in expected.devices] == [300 * MIB, 500 * MIB, 900 * MIB]
    assert_lands_as_planned(seen, expected, (least, most, middle))


@pytest.mark.parametrize("kind", ["q8_0", "q4_0"])
def test_a_quantized_cache_lands_as_planned(small_model: Path, kind: str) -> None:
    with rpc_device(says=3 * GIB) as endpoint:
        settings = settings_for(small_model, endpoint, gpu_layers=10, context=4096, kv_type=kind)
        seen = load(settings)
    assert_lands_as_planned(seen, planned(seen, settings), (endpoint,))


@pytest.mark.parametrize("name", ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"])
def test_on_the_cpu_weights_are_those_the_library_maps(small_model: Path, name: str) -> None:
    path = small_model.with_name(f"{name}.gguf")
    if not path.exists():
        pytest.skip(f"{name} is not on this machine")
    settings = settings_for(path, context=1024, flash_attention=False)
    seen = load(settings)
    host = planned(seen, settings).host
    mapped = sum(size for place, size in seen.buffers["model"].items() if place != "CPU_REPACK")
    assert host.weights / MIB == pytest.approx(mapped, rel=0.05)
    assert host.repack / MIB == pytest.approx(seen.buffers["model"]["CPU_REPACK"], rel=0.05)
    assert host.kv / MIB == pytest.approx(seen.buffers["KV"]["CPU"], rel=0.05)
    assert host.compute / MIB == pytest.approx(seen.buffers["compute"]["CPU"], rel=0.05)


def test_explicit_layers_land_on_the_device(small_model: Path) -> None:
    with rpc_device(says=3 * GIB) as endpoint:
        settings = settings_for(small_model, endpoint, gpu_layers=10, context=2048)
        seen = load(settings)
    assert_lands_as_planned(seen, planned(seen, settings), (endpoint,))
    assert seen.at(endpoint, "KV") == 9


@asynccontextmanager
async def client(settings: LoadSettings) -> AsyncGenerator[RunnerClient]:
    """The real runner; closed at the end."""
    running = RunnerClient(settings, on_state=lambda *_: None)
    try:
        yield running
    finally:
        await running.close()


async def answer(running: RunnerClient) -> Finished:
    request = ChatRequest(messages=(Message(role="user", content="Say hello."),), max_tokens=8)
    events = [event async for event in running.stream(request)]
    assert isinstance(events[-1], Finished)
    return events[-1]


async def test_the_runner_answers_from_a_device(small_model: Path) -> None:
    with rpc_device(says=3 * GIB) as endpoint:
        async with client(settings_for(small_model, endpoint)) as running:
            assert (await running.info()).gpu_layers == 25
            assert (await answer(running)).usage.generated_tokens > 0


async def test_a_device_too_small_for_anything_is_left_alone(small_model: Path) -> None:
    with rpc_device(says=200 * MIB) as endpoint:
        async with client(settings_for(small_model, endpoint)) as running:
            info = await running.info()
            assert info.gpu_layers == 0
            assert any("No layer fits on the GPU" in notice for notice in info.notices)
            assert (await answer(running)).usage.generated_tokens > 0


async def test_a_device_with_less_than_it_says_is_survived_with_fewer_layers(small_model: Path) -> None:
    with rpc_device(says=4 * GIB, has=450 * MIB) as endpoint:
        async with client(settings_for(small_model, endpoint)) as running:
            info = await running.info()
            assert info.gpu_layers < 25
            assert any("Memory ran out" in notice for notice in info.notices)
            assert info.context_length == 16_384
            assert (await answer(running)).usage.generated_tokens > 0
