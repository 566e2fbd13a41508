"""What a plan chooses and lowers beside layers and context: caches, experts, splits, companions; and its promises."""

from __future__ import annotations

import pytest
from placing import GIB, MIB, everything, experts, gpus, model, placed, settings

from codeagent.inference.bandwidth import Speed
from codeagent.inference.client import ModelLoadError
from codeagent.inference.placement import Companion, Plan, largest_context, lower, plan, shortage
from codeagent.inference.placement.described import DescriptionError, described_gpus
from codeagent.inference.placement.rates import expected_rates


def test_experts_leave_the_gpu_before_whole_layers_do() -> None:
    found = placed(gpus(6), header=experts())
    assert found.n_gpu_layers == 25
    assert 0 < found.cpu_moe < 24
    assert "cpu_moe" in found.automatic
    assert found.devices[0].total <= 6 * GIB
    one_fewer = placed(gpus(6), header=experts(), cpu_moe=found.cpu_moe - 1, kv_type="f16", context=found.context)
    assert one_fewer.n_gpu_layers < 25
    assert sum(everything(found)) > sum(t.nbytes for t in experts().tensors)
    assert any("experts of" in n for n in found.notices)


def test_explicit_experts_stay_where_they_were_put_when_memory_runs_out() -> None:
    first = placed(gpus(24), header=experts(), cpu_moe=3)
    second = lower(first)
    assert second is not None
    assert (first.cpu_moe, second.cpu_moe) == (3, 3)
    assert second.n_gpu_layers < first.n_gpu_layers == 25
    automatic = lower(placed(gpus(24), header=experts()))
    assert automatic is not None
    assert (automatic.n_gpu_layers, automatic.cpu_moe > 0) == (25, True)


def test_a_quantized_cache_comes_before_a_context_that_is_not_worth_while() -> None:
    exact = placed([], context=8192, kv_type="f16").host.total
    found = placed([], memory=exact + 400 * MIB)
    assert (found.context, found.kv_type, found.flash_attention) == (8192, "q8_0", True)
    assert any("q8_0 instead of f16" in n for n in found.notices)
    assert placed([], memory=exact + 400 * MIB, flash_attention=False).kv_type == "f16"
    assert placed([], memory=exact + 400 * MIB, kv_type="f16").kv_type == "f16"


def test_lowering_shrinks_the_context_to_8192_then_quantizes_then_goes_on() -> None:
    current: Plan | None = placed([])
    seen: list[tuple[int, str]] = []
    while current is not None:
        seen.append((current.context, current.kv_type))
        current = lower(current)
    assert seen[:4] == [(16_384, "f16"), (12_288, "f16"), (8192, "f16"), (8192, "q8_0")]
    assert [kind for _, kind in seen[3:]] == ["q8_0"] * len(seen[3:])
    assert seen[-1][0] == 2048


def test_an_explicit_cache_is_never_lowered_and_contradictions_are_refused() -> None:
    assert lower(placed([], context=4096, kv_type="f16")) is None
    assert placed([], kv_type="q4_0").host.kv == 2 * 28 * 16_384 * 4 * 128 * 18 // 32
    with pytest.raises(ModelLoadError, match="needs flash attention"):
        placed([], kv_type="q8_0", flash_attention=False)
    odd = {"qwen2.attention.key_length": 80, "qwen2.attention.value_length": 80}
    with pytest.raises(ModelLoadError, match="heads of 80"):
        placed([], header=model(more=odd), kv_type="q8_0")
    assert placed([], memory=2 * GIB, header=model(more=odd)).kv_type == "f16"


def test_without_a_split_the_largest_gpu_has_all_of_it() -> None:
    found = placed(gpus(8, 24, 12), split_mode="none")
    assert [(d.name, d.layers) for d in found.devices] == [("GPU1", 29)]


def test_by_rows_every_gpu_has_a_share_of_each_matrix() -> None:
    layered, rows = placed(gpus(8, 8)), placed(gpus(8, 8), split_mode="row")
    assert sum(d.weights for d in rows.devices) == pytest.approx(sum(d.weights for d in layered.devices), abs=2)
    share = rows.devices[0].weights / sum(d.weights for d in rows.devices)
    assert share == pytest.approx(rows.devices[0].layers / 29, abs=0.001)


def test_what_is_loaded_beside_takes_its_room_on_the_gpu_with_the_output() -> None:
    beside = [Companion(kind="draft", name="d", weights=GIB), Companion(kind="projector", name="p", weights=GIB)]
    found = plan(model(), gpus(8, 4), settings(), 64 * GIB, beside)
    assert [d.beside for d in found.devices] == [0, 2 * GIB]
    assert found.companions_at == ("GPU0", "GPU0")
    assert all(d.total <= d.free for d in found.devices)
    on_cpu = plan(model(), [], settings(), 64 * GIB, beside)
    assert on_cpu.host.beside == 2 * GIB
    assert on_cpu.host.total == placed([]).host.total + 2 * GIB


def test_weights_that_are_not_mapped_are_held_once_and_locked_ones_are_held() -> None:
    mapped, read = placed([]).host, placed([], use_mmap=False).host
    assert read.total == mapped.total - mapped.repack
    assert shortage(placed([], memory=6 * GIB)) is None
    assert shortage(placed([], memory=6 * GIB, use_mlock=True)) is not None


@pytest.mark.parametrize("free", [(), (8.0,), (3.0, 5.0)])
def test_the_largest_context_fits_and_one_step_more_does_not(free: tuple[float, ...]) -> None:
    found = placed(gpus(*free), memory=12 * GIB, header=model(trained=1 << 20))
    largest = largest_context(found)
    fixed = {"gpu_layers": found.n_gpu_layers, "kv_type": found.kv_type}
    at = placed(gpus(*free), memory=12 * GIB, header=model(trained=1 << 20), context=largest, **fixed)
    more = placed(gpus(*free), memory=12 * GIB, header=model(trained=1 << 20), context=largest + 256, **fixed)
    assert largest >= found.context
    assert all(d.total <= d.free for d in at.devices)
    assert at.host.total + 512 * MIB <= at.host.free
    reserve = [max(128 * MIB, int(d.free * 0.04)) for d in more.devices]
    over = [d.total + r > d.free for d, r in zip(more.devices, reserve, strict=True)]
    assert any(over) or more.host.total + 512 * MIB > more.host.free


def test_writing_is_bounded_by_the_bytes_read_and_reading_by_arithmetic() -> None:
    host = Speed(bandwidth=20e9, flops=100e9)
    weights = sum(t.nbytes for t in model().tensors) - model().tensors[0].nbytes
    rates = expected_rates(placed([]), host)
    assert rates.decode == pytest.approx(20e9 / weights)
    assert rates.decode_full == pytest.approx(20e9 / (weights + placed([]).host.kv))
    assert rates.prefill == pytest.approx(100e9 / 2 / (sum(t.elements for t in model().tensors[1:])))
    gpu = expected_rates(plan(model(), described_gpus("24GiB@900GB/s"), settings(), 64 * GIB), host)
    assert gpu.decode == pytest.approx(900e9 / weights)
    assert gpu.prefill is None
    unknown = expected_rates(plan(model(), described_gpus("24GiB"), settings(), 64 * GIB), host)
    assert (unknown.decode, unknown.unknown) == (None, ("GPU0",))


def test_only_the_experts_that_are_used_are_read() -> None:
    host = Speed(bandwidth=20e9, flops=100e9)
    bulk = sum(t.nbytes for t in experts().tensors if "_exps" in t.name)
    rest = sum(t.nbytes for t in experts().tensors if "_exps" not in t.name and "token_embd" not in t.name)
    read = rest + bulk / 8
    assert expected_rates(placed([], header=experts()), host).decode == pytest.approx(20e9 / read)
    split = plan(experts(), described_gpus("24GiB@900GB/s"), settings(cpu_moe=24), 64 * GIB)
    assert expected_rates(split, host).decode == pytest.approx(1 / (rest / 900e9 + bulk / 8 / 20e9))


def test_a_link_costs_its_time_for_every_token_and_for_the_weights_once() -> None:
    host = Speed(bandwidth=20e9, flops=100e9)
    near = plan(model(), described_gpus("24GiB@100GB/s"), settings(), 64 * GIB)
    far = plan(model(), described_gpus("24GiB@100GB/s@1Gbit/s"), settings(), 64 * GIB)
    close, linked = expected_rates(near, host), expected_rates(far, host)
    assert close.decode is not None
    assert linked.decode is not None
    assert 1 / linked.decode - 1 / close.decode == pytest.approx(8 * 3584 / 125e6)
    assert linked.transfer == pytest.approx(far.devices[0].weights / 125e6)
    assert close.transfer is None


@pytest.mark.parametrize(
    "text", ["", "24", "24GB", "900GB/s", "24GiB@900", "24GiB@1GB/s@2GB/s", "-1GiB", "1e9GiB", "a,b"]
)
def test_what_describes_no_gpu_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(DescriptionError, match="24GiB@900GB/s"):
        described_gpus(text)
