"""The folder where the model process keeps states: all it may write, and no harm when its disk is full."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import state_writer
from sandbox_stage import SandboxStage

from codeagent.agent.confinement import runner_command
from codeagent.inference.frames import LoadSettings, WarmPlace
from codeagent.inference.supervisor import runner_argv
from codeagent.tools.sandbox.landlock import version

TRY = r"""
import os, sys
own, other = sys.argv[1:]
def attempt(name, action):
    try:
        action()
    except OSError:
        print(name, "failed")
    else:
        print(name, "DONE")
attempt("write", lambda: open(own + "/a", "w"))
attempt("rename", lambda: os.rename(own + "/a", own + "/b"))
attempt("read", lambda: open(own + "/b"))
attempt("list", lambda: os.listdir(own))
attempt("delete", lambda: os.unlink(own + "/b"))
attempt("write for another model", lambda: open(other + "/a", "w"))
attempt("read another model's", lambda: open(other + "/kept"))
attempt("write above", lambda: open(own + "/../a", "w"))
attempt("link out of it", lambda: os.link(other + "/kept", own + "/c"))
"""
ENTER = (("unshare", "-m"), ("unshare", "-Urm"))


@pytest.mark.skipif(platform.system() != "Linux" or not version(), reason="NOT TESTED: this kernel has no Landlock")
def test_the_model_process_writes_in_its_folder_and_nowhere_else(stage: SandboxStage) -> None:
    own, other = stage.workspace / "own", stage.workspace / "other"
    own.mkdir()
    other.mkdir()
    (other / "kept").write_text("kept")
    model = stage.workspace / "m.gguf"
    model.write_bytes(b"GGUF")
    settings = LoadSettings(path=str(model), name="m", warm=WarmPlace(folder=str(own), limit=1))
    prefix = runner_command(settings, os.environ)[: -len(runner_argv())]
    command = [*prefix, sys.executable, "-I", "-S", "-c", TRY, str(own), str(other)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    said = done.stdout.splitlines()
    assert [text.rpartition(" ")[2] for text in said] == ["DONE"] * 5 + ["failed"] * 4


@pytest.mark.parametrize("size", ["30m", "700m"])
def test_on_a_disk_that_is_nearly_full_nothing_is_saved_and_nothing_left(tmp_path: Path, size: str) -> None:
    enter = next((way for way in ENTER if _can_mount(way, tmp_path)), None)
    if enter is None:
        pytest.skip("NOT TESTED: mounting needs root or user namespaces (unshare)")
    script = f'mount -t tmpfs -o size={size} none "$1" && "$2" "$3" "$1" 4000000000 10000000 1 0 && ls -A "$1" | wc -l'
    command = [*enter, "sh", "-c", script, "sh", tmp_path, sys.executable, state_writer.__file__]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["1", "0" if size == "30m" else "1"]


def _can_mount(enter: tuple[str, ...], folder: Path) -> bool:
    if shutil.which(enter[0]) is None:
        return False
    return (
        subprocess.run([*enter, "mount", "-t", "tmpfs", "none", folder], capture_output=True, timeout=60).returncode
        == 0
    )
