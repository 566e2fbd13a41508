"""What `codeagent doctor` says of warm start, and whose setting it is."""

from __future__ import annotations

import time
from pathlib import Path

from gguf_files import tiny_model, write
from harness import Command

from codeagent.agent.config import Config
from codeagent.agent.paths import Paths
from codeagent.agent.warm_start import warm_place
from codeagent.inference.warm_folder import Part, StateFolder
from codeagent.inference.warm_place import Measured, note


def line(codeagent: Command) -> str:
    lines = codeagent("doctor").out.splitlines()
    return next(line for line in lines if "warm start" in line)


def test_doctor_says_how_much_is_kept_and_what_it_gains_or_why_it_is_off(
    codeagent: Command, home: dict[str, str], tmp_path: Path
) -> None:
    model = write(tmp_path / "m.gguf", tiny_model())
    settings = Path(home["XDG_CONFIG_HOME"]) / "codeagent" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'model = "{model}"\n')
    assert "not measured with this model yet" in line(codeagent)
    paths = Paths(*(Path(home[f"XDG_{name}_HOME"]) / "codeagent" for name in ("CONFIG", "STATE", "CACHE", "DATA")))
    place = warm_place(Config(), paths, model)
    assert place is not None
    folder = Path(place.folder)
    assert (folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    StateFolder(folder, place.limit).save("key", [1], [Part(1, False, bytearray(3_000_000))])
    note(folder, Measured(read=100, loaded=4_000, at=time.time()))
    found = line(codeagent)
    assert found.startswith("ok")
    assert "3 MB of 2.00 GB" in found
    assert "40 times as fast" in found
    note(folder, Measured(read=100, loaded=20, at=time.time()))
    found = line(codeagent)
    assert found.startswith("warn")
    assert "0.2 times the speed of reading" in found
    settings.write_text(f'model = "{model}"\nwarm_start = false\n')
    assert "off" in line(codeagent)
    assert warm_place(Config(warm_start=False), paths, model) is None


def test_a_cache_that_cannot_be_made_turns_it_off_and_nothing_else(tmp_path: Path) -> None:
    model = write(tmp_path / "m.gguf", tiny_model())
    (tmp_path / "cache").write_text("a file")
    assert warm_place(Config(), Paths(*[tmp_path / "cache"] * 4), model) is None


def test_a_project_does_not_decide_how_much_of_the_disk_is_filled(codeagent: Command, workspace: Path) -> None:
    (workspace / ".codeagent").mkdir()
    (workspace / ".codeagent" / "config.toml").write_text("warm_start_gb = 1000\n")
    done = codeagent("--task", "x", "--trust")
    assert done.code == 52
    assert "not for a project to decide" in done.err + done.out
