"""Where layers, cache and buffers go on described devices."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from placing import GIB, MIB, everything, gpus, model, placed, settings

from codeagent.inference.frames import DeviceInfo
from codeagent.inference.gguf import read_header
from codeagent.inference.memory import costs
from codeagent.inference.placement import Plan, describe, lower, plan
from codeagent.inference.spread import spread


def test_without_a_gpu_all_is_on_the_host() -> None:
    found = placed([])
    whole = sum(t.nbytes for t in model().tensors)
    assert (found.n_gpu_layers, found.devices, found.tensor_split, found.main_device) == (0, (), (), None)
    assert found.context == 16_384
    assert found.host.weights == whole
    assert found.host.kv == 2 * 28 * 16_384 * 4 * 128 * 2
    assert found.host.layers == 29
    assert found.notices == ()


def test_the_cpu_copy_of_q4_matrices_is_counted_but_not_of_the_token_embedding() -> None:
    assert placed([]).host.repack == sum(t.nbytes for t in model().tensors if t.name.startswith("blk."))


def test_a_large_gpu_takes_everything_but_the_token_embedding() -> None:
    found = placed(gpus(24))
    assert found.n_gpu_layers == 29
    assert found.context == 16_384
    assert [(d.layers, d.holds_output, d.index) for d in found.devices] == [(29, True, 0)]
    assert found.host.weights == model().tensors[0].nbytes
    assert (found.host.kv, found.host.repack, found.host.layers) == (0, 0, 0)
    assert found.main_device == 0


def test_a_middling_gpu_takes_the_last_layers_and_the_output_first() -> None:
    found = placed(gpus(3))
    (device,) = found.devices
    assert 0 < found.n_gpu_layers < 29
    assert device.holds_output
    assert device.total <= 3 * GIB
    assert found.host.layers + device.layers == 29
    assert any("layers fit on the GPU" in n for n in found.notices)
    one_more = placed(gpus(3), gpu_layers=found.n_gpu_layers + 1, context=found.context, kv_type="f16").devices[0]
    assert one_more.total > 3 * GIB - 130 * MIB


def test_a_gpu_that_holds_no_layer_is_left_alone() -> None:
    found = placed(gpus(0.5))
    assert (found.n_gpu_layers, found.devices) == (0, ())
    assert any("No layer fits" in n for n in found.notices)


def test_the_context_shrinks_a_little_when_then_the_whole_model_fits_on_the_gpu() -> None:
    roomy = placed(gpus(24)).devices[0].total
    tight = (roomy - 400 * MIB + 180 * MIB) / GIB
    found = placed(gpus(tight))
    assert found.n_gpu_layers == 29
    assert 8192 <= found.context < 16_384
    assert any("context is" in n for n in found.notices)


def test_the_context_does_not_shrink_below_what_is_worthwhile_for_the_gpu() -> None:
    found = placed(gpus(4))
    assert found.context == 16_384
    assert found.n_gpu_layers < 29


def test_layers_are_spread_by_free_memory_and_the_largest_device_has_the_output() -> None:
    for order in ((4.0, 8.0), (8.0, 4.0)):
        found = placed(gpus(*order))
        small, large = found.devices
        assert found.n_gpu_layers == 29
        assert (small.free, large.free) == (4 * GIB, 8 * GIB)
        assert order[large.index] == 8.0
        assert large.holds_output
        assert not small.holds_output
        assert found.main_device == 1
        assert found.tensor_split == (float(small.layers), float(large.layers))
        assert 1.5 < (large.weights + large.kv) / (small.weights + small.kv) < 3


def test_two_gpus_hold_what_neither_could_alone() -> None:
    assert placed(gpus(3.5)).n_gpu_layers < 29
    found = placed(gpus(3.5, 3.5))
    assert found.n_gpu_layers == 29
    assert all(d.total <= d.free for d in found.devices)


def test_a_second_gpu_too_small_for_a_layer_is_left_out() -> None:
    found = placed(gpus(0.2, 24))
    assert [(d.name, d.layers) for d in found.devices] == [("GPU1", 29)]


def test_an_integrated_gpu_is_used_only_when_there_is_no_other() -> None:
    integrated = gpus(24, kind="igpu")
    assert placed(integrated).n_gpu_layers == 29
    both = [*integrated, *gpus(12)]
    assert [d.index for d in placed(both).devices] == [1]


def test_cpus_and_accelerators_hold_no_layers() -> None:
    assert placed([*gpus(24, kind="cpu"), *gpus(24, kind="accelerator")]).n_gpu_layers == 0


def test_explicit_layers_and_context_hold_even_where_they_do_not_fit() -> None:
    found = placed(gpus(2), gpu_layers=99, context=65_536, kv_type="f16")
    assert (found.n_gpu_layers, found.context, found.automatic) == (29, 65_536, frozenset())
    assert any("loading may fail" in n for n in found.notices)
    assert any("trained for 32,768" in n for n in found.notices)
    assert lower(found) is None


def test_explicit_zero_layers_leave_the_gpu_empty() -> None:
    found = placed(gpus(24), gpu_layers=0)
    assert (found.n_gpu_layers, found.devices) == (0, ())


def test_explicit_layers_without_a_gpu_are_said_to_be_impossible() -> None:
    found = placed([], gpu_layers=10)
    assert found.n_gpu_layers == 0
    assert any("sees none" in n for n in found.notices)


def test_explicit_layers_lower_an_automatic_context_until_they_fit() -> None:
    whole = placed(gpus(24), context=4096).devices[0].total
    found = placed(gpus((whole + 250 * MIB) / GIB), gpu_layers=29)
    assert found.n_gpu_layers == 29
    assert found.context < 16_384
    assert found.devices[0].total <= found.devices[0].free


@pytest.mark.case(41)
def test_little_host_memory_makes_an_automatic_context_smaller() -> None:
    roomy = placed([]).host.total
    found = placed([], memory=roomy)
    assert found.context < 16_384
    assert found.host.total + 512 * MIB <= roomy
    assert any("context is" in n for n in found.notices)


@pytest.mark.case(41)
def test_too_little_host_memory_is_said_with_numbers() -> None:
    found = placed([], memory=2 * GIB)
    assert found.context == 2048
    assert any("needs" in n and "2.00 GiB are free" in n for n in found.notices)


def test_the_context_a_model_was_trained_for_is_a_limit() -> None:
    assert placed([], header=model(trained=4096)).context == 4096
    assert placed([], header=model(trained=1000)).context == 1000


def test_a_shared_output_is_a_copy_on_the_gpu_and_none_on_the_host() -> None:
    header = model(tied=True)
    embedding = header.tensors[0].nbytes
    on_gpu, on_host = placed(gpus(24), header=header), placed([], header=header)
    assert on_gpu.host.weights == embedding
    assert sum(d.weights for d in on_gpu.devices) == sum(t.nbytes for t in header.tensors)
    assert on_host.host.weights == sum(t.nbytes for t in header.tensors)


def test_layers_without_attention_have_no_growing_cache() -> None:
    found = costs(model(layers=4, more={"qwen2.attention.head_count_kv": (0, 0, 4, 0)}))
    assert [n > 0 for n in found.cached] == [False, False, True, False]


def test_one_attention_layer_in_four_is_counted_as_such() -> None:
    recurrent = {"ssm.inner_size": 4096, "ssm.state_size": 128, "ssm.conv_kernel": 4, "full_attention_interval": 4}
    found = costs(model(layers=8, more={f"qwen2.{k}": v for k, v in recurrent.items()}))
    assert [n > 0 for n in found.cached] == [False, False, False, True] * 2
    assert [n > 0 for n in found.state] == [True, True, True, False] * 2


@pytest.mark.case(41)
def test_lowering_ends_on_the_cpu_with_a_small_context_and_says_each_step() -> None:
    current: Plan | None = placed(gpus(24))
    seen: list[tuple[int, int, bool]] = []
    while current is not None:
        seen.append((current.n_gpu_layers, current.context, current.kv_type == "f16"))
        following = lower(current)
        assert following is None or any("Memory ran out" in n for n in following.notices)
        current = following
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen) <= 14
    assert seen[-1] == (0, 2048, False)


@pytest.mark.case(41)
def test_lowering_keeps_explicit_layers_and_an_explicit_context() -> None:
    layers = lower(placed(gpus(24), gpu_layers=12))
    assert layers is not None
    assert (layers.n_gpu_layers, layers.context) == (12, 12_288)
    context = lower(placed(gpus(24), context=16_384))
    assert context is not None
    assert (context.n_gpu_layers, context.context) == (19, 16_384)
    assert context.automatic == {"gpu_layers", "kv_type"}


@given(
    free=st.lists(st.floats(0, 16), max_size=4),
    layers=st.one_of(st.none(), st.integers(0, 40)),
    context=st.one_of(st.none(), st.integers(512, 65_536)),
    memory=st.floats(0.5, 64),
)
def test_every_plan_places_everything_once_and_overfills_no_device_by_itself(
    free: list[float], layers: int | None, context: int | None, memory: float
) -> None:
    found = placed(gpus(*free), int(memory * GIB), gpu_layers=layers, context=context)
    weights, kv = everything(found)
    assert weights == sum(t.nbytes for t in model().tensors)
    padded, numbers = -(-found.context // 256) * 256, 2 * 28 * 4 * 128
    assert kv == numbers * padded * (2 if found.kv_type == "f16" else 34 / 32)
    assert sum(d.layers for d in found.devices) == found.n_gpu_layers == sum(found.tensor_split)
    assert [d.holds_output for d in found.devices] == [False] * (len(found.devices) - 1) + [True] * bool(found.devices)
    if layers is None:
        assert all(d.total <= d.free for d in found.devices)
    else:
        assert found.n_gpu_layers == (min(layers, 29) if free else 0)
    if context is not None:
        assert found.context == context


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=12), room=st.lists(st.integers(-5, 200), min_size=1))
def test_a_spread_stays_in_order_and_within_its_room(sizes: list[int], room: list[int]) -> None:
    counts = spread(sizes, room)
    if counts is None:
        return
    at = 0
    for count, space in zip(counts, room, strict=True):
        assert count == 0 or sum(sizes[at : at + count]) <= space
        at += count
    assert at == len(sizes)


def test_the_plan_prints_as_a_table() -> None:
    table = describe(placed(gpus(4, 8))).splitlines()
    assert table[0].split() == ["layers", "weights", "copy", "cache", "buffers", "total", "free"]
    assert [line.split()[0] for line in table[1:4]] == ["GPU0", "GPU1", "CPU"]
    assert table[4] == "Context: 16,384 tokens (chosen automatically), batch 256."


@pytest.mark.model
def test_estimates_for_the_real_small_model_are_what_the_library_reports(small_model: Path) -> None:
    """The figures are llama.cpp's own log lines for this file at batch 256, in MiB."""
    other = DeviceInfo(name="RPC0", description="", kind="gpu", free=3 * GIB, total=3 * GIB)
    found = plan(read_header(small_model), [other], settings(gpu_layers=10, context=2048), 16 * GIB)
    (device,) = found.devices
    measured = {"weights": 224.69, "kv": 9.0, "compute": 149.25}
    assert {k: round(getattr(device, k) / MIB, 2) for k in measured} == measured
    assert [round(n / MIB, 1) for n in (found.host.repack, found.host.kv, found.host.compute)] == [14.0, 15.0, 18.8]
