"""Plans against llama.cpp itself, which reckons a model's cache and buffers, per device, without loading it.

The 0.5B and the 1.5B are the real files. The other models are not on this machine: their headers are made from the
published hyperparameters, with the real names, shapes and types of the tensors, by `model_headers`, and have a hole for
weights. The devices are RPC servers that say they have so much memory, and are never asked for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from model_headers import SHAPES, model_file
from reckoner import Case, Reckoned, reckon
from rpc_device import rpc_device

from codeagent.inference.frames import DeviceInfo, LoadSettings
from codeagent.inference.gguf import read_header
from codeagent.inference.placement import Plan, plan

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

MIB, GIB = 1 << 20, 1 << 30
WITHIN = 0.05
SLACK = 8 * MIB
"""What an estimate of some tens of MiB may be off: the library's own alignment and leftovers between tensors."""


@pytest.fixture(scope="module")
def endpoints() -> Iterator[tuple[str, ...]]:
    with ExitStack() as stack:
        yield tuple(stack.enter_context(rpc_device(says=256 * GIB)) for _ in range(3))


def planned(path: Path, case: Case, devices: list[DeviceInfo]) -> Plan:
    settings = LoadSettings.model_validate(
        {
            "path": str(path),
            "name": "m",
            "context": case.context,
            "batch": case.batch,
            "kv_type": case.kind,
            "flash_attention": case.flash,
            "gpu_layers": case.layers,
            "cpu_moe": case.moe,
        }
    )
    return plan(read_header(path), devices, settings, 512 * GIB)


def seen(endpoints: tuple[str, ...], *gib: float) -> list[DeviceInfo]:
    """The RPC devices as the library would show them if they were of these sizes."""
    return [
        DeviceInfo(name=f"RPC{i}", description=endpoint, kind="gpu", free=int(g * GIB), total=int(g * GIB))
        for i, (endpoint, g) in enumerate(zip(endpoints, gib, strict=False))
    ]


def as_case(found: Plan, flash: bool) -> Case:
    """The case that loads the model as planned."""
    return Case(
        context=found.context,
        batch=found.batch,
        kind=found.kv_type,
        flash=flash,
        layers=found.n_gpu_layers,
        devices=tuple(d.description for d in found.devices),
        split=found.tensor_split,
        moe=found.cpu_moe,
    )


def assert_close(found: Plan, told: Reckoned) -> None:
    kv = found.host.kv + sum(d.kv for d in found.devices)
    assert kv == pytest.approx(told.kv, rel=0.001, abs=MIB // 100)
    assert found.host.compute == pytest.approx(told.compute["CPU"], rel=WITHIN, abs=SLACK)
    for place, device in enumerate(found.devices):
        reckoned = told.compute[device.description]
        if place and len(found.devices) > 1 and found.n_gpu_layers == len(found.situation.costs.layers) + 1:
            # What is handed from device to device is counted twice when nothing is allocated: a real load (of the 0.5B
            # and the 1.5B, see test_rpc_offload) takes so much less.
            reckoned -= 4 * 4 * found.batch * found.situation.costs.hidden * (not found.cpu_moe)
        assert device.compute == pytest.approx(reckoned, rel=WITHIN, abs=SLACK)
        assert device.layers == told.layers[device.description]
    assert sum(d.layers for d in found.devices) == sum(n for place, n in told.layers.items() if place != "CPU")


CPU_CASES = [
    Case(context, batch, kind, flash)
    for context in (2048, 5000, 16_384)
    for batch in (64, 512)
    for kind, flash in (("f16", True), ("f16", False), ("q8_0", True), ("q4_0", True))
]


@pytest.mark.parametrize("name", ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"])
def test_on_the_cpu_cache_and_buffers_are_those_of_the_library(name: str, small_model: Path) -> None:
    path = small_model.with_name(f"{name}.gguf")
    if not path.exists():
        pytest.skip(f"{name} is not on this machine")
    for case, told in zip(CPU_CASES, reckon(path, CPU_CASES), strict=True):
        found = planned(path, case, [])
        assert found.host.kv == pytest.approx(told.kv, rel=0.001, abs=MIB // 100), case
        assert found.host.compute == pytest.approx(told.compute["CPU"], rel=WITHIN), case


MEMORY = {"one": (16.0,), "two": (24.0, 10.0), "three": (6.0, 12.0, 24.0)}


@pytest.mark.parametrize("memory", list(MEMORY))
@pytest.mark.parametrize("name", list(SHAPES))
def test_on_described_gpus_layers_cache_and_buffers_are_those_of_the_library(
    name: str, memory: str, endpoints: tuple[str, ...], tmp_path: Path
) -> None:
    path = model_file(tmp_path, name)
    devices, header = seen(endpoints, *MEMORY[memory]), read_header(path)
    plans: list[Plan] = []
    for context, flash, batch in ((4096, None, 256), (16_384, None, 512), (8192, False, 256)):
        settings = LoadSettings(path=str(path), name=name, context=context, flash_attention=flash, batch=batch)
        plans.append(plan(header, devices, settings, 64 * GIB))
    cases = [as_case(found, found.flash_attention is not False) for found in plans]
    for found, told in zip(plans, reckon(path, cases, endpoints), strict=True):
        assert found.devices
        assert all(d.total <= d.free for d in found.devices)
        assert_close(found, told)


def test_experts_of_so_many_layers_stay_on_the_cpu(endpoints: tuple[str, ...], tmp_path: Path) -> None:
    path = model_file(tmp_path, "qwen3-30b-a3b")
    settings = LoadSettings(path=str(path), name="m", context=8192)
    found = plan(read_header(path), seen(endpoints, 8.0), settings, 64 * GIB)
    assert found.n_gpu_layers == 49
    assert 0 < found.cpu_moe < 48
    (told,) = reckon(path, [as_case(found, flash=True)], endpoints)
    assert told.experts_on_cpu == 3 * found.cpu_moe
    assert told.layers == {endpoints[0]: 49}
    (device,) = found.devices
    assert device.compute == pytest.approx(told.compute[endpoints[0]], rel=WITHIN, abs=SLACK)
