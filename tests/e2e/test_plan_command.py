"""`codeagent model plan` and `codeagent worker` as a person meets them, without a model being loaded."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from gguf_files import tiny_model, write
from model_headers import model_file


@pytest.fixture
def models(home: dict[str, str], tmp_path: Path) -> Path:
    home["CODEAGENT_MODELS"] = str(tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    """The header of a 7B, made from its hyperparameters."""
    return model_file(tmp_path, "qwen2.5-coder-7b")


def test_a_plan_for_described_gpus_is_printed_as_data(models: Path, codeagent: Any, seven: Path) -> None:
    done = codeagent("model", "plan", seven, "--gpu", "24GiB@900GB/s@80TFLOPS", "--ctx", "8192", "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert (told["n_gpu_layers"], told["context"], told["kv_type"]) == (29, 8192, "f16")
    (device,) = told["devices"]
    assert device["total"] == device["weights"] + device["kv"] + device["compute"]
    assert device["kv"] == 2 * 28 * 8192 * 4 * 128 * 2
    assert told["largest_context"] == 32_768
    assert 150 < told["rates"]["decode"] < 250
    assert told["rates"]["decode_full"] < told["rates"]["decode"] < told["rates"]["prefill"]
    assert told["cpu"]["bandwidth"] > 0


def test_a_plan_says_layers_memory_context_and_rates(models: Path, codeagent: Any, seven: Path) -> None:
    done = codeagent("model", "plan", seven, "--gpu", "4GiB@300GB/s, 3GiB@200GB/s", "--kv-type", "q8_0")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    places = [line.split()[:2] for line in lines[1:4]]
    assert [place for place, _ in places] == ["GPU1", "GPU0", "CPU"]
    assert [int(layers) for _, layers in places][2] == 29 - sum(int(layers) for _, layers in places[:2]) == 0
    assert "Cache in q8_0, flash attention on. Split by layer." in lines
    assert any(line.startswith("The largest context that fits so: ") for line in lines)
    assert any(line.startswith("Writes about ") for line in lines)


def test_a_gpu_of_unknown_speed_gets_no_rate(models: Path, codeagent: Any, seven: Path) -> None:
    done = codeagent("model", "plan", seven, "--gpu", "24GiB")
    assert "the speed of GPU0 is not" in done.out
    assert "Writes about" not in done.out


def test_a_projector_and_a_draft_model_are_counted(models: Path, codeagent: Any, seven: Path, tmp_path: Path) -> None:
    projector = write(tmp_path / "mmproj.gguf", tiny_model(general__type="mmproj", general__architecture="clip"))
    done = codeagent("model", "plan", seven, "--gpu", "24GiB", "--projector", projector, "--draft", seven, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [(c["kind"], c["place"]) for c in told["companions"]] == [("draft", "GPU0"), ("projector", "GPU0")]
    assert told["devices"][0]["beside"] == sum(c["bytes"] for c in told["companions"]) > 4 << 30


def test_a_model_that_is_not_here_has_no_header_to_plan_from(models: Path, codeagent: Any) -> None:
    done = codeagent("model", "plan", "qwen2.5-coder-7b")
    assert done.code == 52
    assert "not on this machine" in done.err
    assert "codeagent model pull qwen2.5-coder-7b" in done.err


def test_settings_that_contradict_each_other_are_refused(
    models: Path, codeagent: Any, seven: Path, home: dict[str, str]
) -> None:
    file = Path(home["XDG_CONFIG_HOME"]) / "codeagent" / "config.toml"
    write(file, b"flash_attention = false\n")
    done = codeagent("model", "plan", seven, "--gpu", "24GiB", "--kv-type", "q4_0")
    assert (done.code, "needs flash attention" in done.err) == (52, True)
    assert codeagent("model", "plan", seven, "--gpu", "24GB").code == 42


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "example.org"])
def test_a_worker_is_lent_on_this_machine_alone(codeagent: Any, host: str) -> None:
    done = codeagent("worker", "--host", host, "--port", "50099")
    assert done.code == 42
    assert "no authentication" in done.err
    assert "ssh -N -L 50099:127.0.0.1:50099" in done.err


def test_a_worker_is_used_on_this_machine_or_through_a_tunnel_alone(models: Path, codeagent: Any, seven: Path) -> None:
    done = codeagent("model", "plan", seven, "--device", "10.1.2.3:50052")
    assert (done.code, "ssh -N -L 50052:127.0.0.1:50052" in done.err) == (42, True)
    assert codeagent("--task", "x", "--device", "10.1.2.3:50052", "--trust").code == 52


def test_a_project_cannot_send_the_model_to_another_machine(codeagent: Any, workspace: Path) -> None:
    write(workspace / ".codeagent" / "config.toml", b'devices = ["127.0.0.1:50052"]\n')
    done = codeagent("--task", "x", "--trust", "-C", workspace)
    assert (done.code, "not for a project to decide" in done.err + done.out) == (52, True)


def test_a_port_that_is_taken_is_said_to_be(codeagent: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = codeagent("worker", "--port", str(other.getsockname()[1]))
    assert (done.code, "Another program is on port" in done.err) == (42, True)
