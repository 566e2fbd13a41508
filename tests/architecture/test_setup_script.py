"""`make setup` says in one sentence what a machine lacks; runs the real script on copies of the project's files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import codeagent

ROOT = Path(codeagent.__file__).resolve().parent.parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what set-up reads, in which nothing has been set up yet."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder to be the whole PATH: only the basic commands of a system, and this Python as python3."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "uname", "env"):
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    (folder / "python3").symlink_to(sys.executable)
    return folder


def set_up(checkout: Path, programs: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": str(programs), "HOME": str(checkout.parent), "LC_ALL": "C.UTF-8", **environ}
    command = [sys.executable, "-B", str(checkout / "scripts" / "setup.py"), *arguments]
    return subprocess.run(command, cwd=checkout, env=own, capture_output=True, text=True, check=False, timeout=100)


def add_program(folder: Path, name: str, text: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    program.chmod(0o755)


def only_line(text: str) -> str:
    (line,) = text.strip().splitlines()
    return line


def test_without_a_compiler_it_names_one_to_install(checkout: Path, programs: Path) -> None:
    answer = set_up(checkout, programs)
    assert answer.returncode == 1
    assert "no C compiler is there: install one" in only_line(answer.stderr)


def test_with_a_c_compiler_alone_it_asks_for_a_cxx_compiler(checkout: Path, programs: Path) -> None:
    add_program(programs, "cc", "exit 0")
    assert "no C++ compiler is there" in only_line(set_up(checkout, programs).stderr)


def test_a_compiler_that_cannot_build_is_found_out_before_six_minutes_of_work(checkout: Path, programs: Path) -> None:
    add_program(programs, "cc", "exit 0")
    add_program(programs, "c++", "echo 'probe.cpp:1:10: fatal error: thread: No such file or directory' >&2; exit 1")
    assert "fatal error: thread: No such file" in only_line(set_up(checkout, programs).stderr)


def test_without_a_network_it_says_so_in_one_sentence_and_names_the_log(checkout: Path, programs: Path) -> None:
    for name in ("cc", "c++"):
        add_program(programs, name, "exit 0")
    nowhere = "http://127.0.0.1:9"
    offline = {"HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere, "PIP_RETRIES": "0", "PIP_NO_INDEX": "0"}
    answer = set_up(checkout, programs, PIP_NO_CACHE_DIR="1", PIP_CONFIG_FILE=os.devnull, **offline)
    assert answer.returncode == 1
    assert "the package index cannot be reached" in only_line(answer.stderr)
    assert (checkout / ".uv" / "setup.log").stat().st_size > 0


def test_an_old_python_is_refused_by_a_sentence_and_not_by_a_syntax_error(checkout: Path, programs: Path) -> None:
    (programs / "python3").unlink()
    add_program(programs, "python3", '[ "$1" = --version ] && echo "Python 3.9.2" || exit 1')
    answer = subprocess.run(
        ["/bin/sh", "scripts/find-python.sh"],
        cwd=checkout, env={"PATH": str(programs)}, capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert answer.returncode == 1
    assert only_line(answer.stderr).startswith("codeagent needs Python 3.11 or newer and found Python 3.9.2")


def test_a_newer_python_is_found_beside_an_old_one(checkout: Path, programs: Path) -> None:
    (programs / "python3").rename(programs / "python3.12")
    add_program(programs, "python3", "exit 1")
    answer = subprocess.run(
        ["/bin/sh", "scripts/find-python.sh"],
        cwd=checkout, env={"PATH": str(programs)}, capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    assert Path(answer.stdout.strip()).name.startswith("python3")


def test_a_gpu_and_its_toolkit_are_used_without_being_asked_for(checkout: Path, programs: Path) -> None:
    add_program(programs, "nvcc", "exit 0")
    add_program(programs, "nvidia-smi", 'echo "GPU 0: NVIDIA RTX 4090 (UUID: GPU-1)"')
    plan = set_up(checkout, programs, "--plan").stdout
    assert "NVIDIA RTX 4090 and the CUDA toolkit found" in plan
    assert "-DGGML_CUDA=on" in plan.splitlines()[-1]


def test_a_toolkit_without_a_gpu_is_only_mentioned(checkout: Path, programs: Path) -> None:
    add_program(programs, "nvcc", "exit 0")
    add_program(programs, "nvidia-smi", "echo 'NVIDIA-SMI has failed' >&2; exit 9")
    plan = set_up(checkout, programs, "--plan").stdout
    assert "CMAKE_ARGS=-DGGML_CUDA=on make setup" in plan
    assert plan.splitlines()[-1] == "cmake: "


def test_what_the_person_asks_of_the_build_wins_over_what_was_found(checkout: Path, programs: Path) -> None:
    add_program(programs, "nvcc", "exit 0")
    add_program(programs, "nvidia-smi", 'echo "GPU 0: NVIDIA RTX 4090 (UUID: GPU-1)"')
    wish = "-DGGML_VULKAN=on -DCMAKE_CXX_FLAGS='-O3 -g'"
    plan = set_up(checkout, programs, "--plan", CMAKE_ARGS=wish).stdout
    assert plan.splitlines()[-1] == "cmake: -DGGML_VULKAN=on '-DCMAKE_CXX_FLAGS=-O3 -g'"
