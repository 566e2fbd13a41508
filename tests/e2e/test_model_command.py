"""`codeagent model` and `codeagent doctor` as a person meets them: what they print, write and exit with."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest
from gguf_files import tiny_model, write


@pytest.fixture
def models(home: dict[str, str], tmp_path: Path) -> Path:
    home["CODEAGENT_MODELS"] = str(tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write(tmp_path / "Tiny Model.gguf", tiny_model())


def settings_file(home: dict[str, str]) -> Path:
    return Path(home["XDG_CONFIG_HOME"]) / "codeagent" / "config.toml"


def test_the_list_shows_what_is_here_and_what_can_be_had(models: Path, codeagent: Any, tiny: Path) -> None:
    codeagent("model", "add", tiny)
    done = codeagent("model", "list")
    rows = [line.split() for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    assert [row[0] for row in rows if row[-5:] == ["yes", "yes", "added", "by", "you"]] == ["tiny-model"]
    assert ["*", "qwen2.5-coder-1.5b", "1.12", "GB", "1.8", "GB", "-"] in [row[:7] for row in rows]
    assert any(row[:1] == ["qwen2.5-coder-7b"] and row[-1] == "Apache-2.0." for row in rows)
    assert str(models) in done.out


def test_adding_keeps_one_copy_on_the_disk(models: Path, codeagent: Any, tiny: Path) -> None:
    done = codeagent("model", "add", tiny)
    assert (done.code, done.err) == (0, "")
    assert "tiny-model is added" in done.out
    assert (models / "tiny-model.gguf").samefile(tiny)


def test_adding_under_a_name_and_by_link(models: Path, codeagent: Any, tiny: Path) -> None:
    assert codeagent("model", "add", tiny, "--name", "mine", "--link").code == 0
    assert (models / "mine.gguf").is_symlink()
    taken = codeagent("model", "add", tiny, "--name", "mine")
    assert (taken.code, "already a model named mine" in taken.err) == (42, True)
    assert codeagent("model", "add", tiny, "--name", "../up").code == 42


def test_a_file_on_another_disk_is_copied(models: Path, codeagent: Any) -> None:
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or shared.stat().st_dev == models.parent.stat().st_dev:
        pytest.skip("there is no second file system here")
    file = write(shared / f"codeagent-test-{os.getpid()}.gguf", tiny_model())
    try:
        assert codeagent("model", "add", file, "--name", "copied").code == 0
        assert (models / "copied.gguf").read_bytes() == file.read_bytes()
        assert sorted(p.name for p in models.iterdir()) == ["copied.gguf"]
    finally:
        file.unlink()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello", "is not a GGUF file"),
        (tiny_model()[:300], "is incomplete"),
        (tiny_model()[:-10], "10 bytes short"),
        (b"GGUF" + b"\xff" * 40, "GGUF version"),
        (None, "There is no model file"),
    ],
)
@pytest.mark.case(39)
def test_a_file_that_is_no_model_is_one_sentence_and_52(
    models: Path, codeagent: Any, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "bad.gguf"
    if content is not None:
        path.write_bytes(content)
    for command in ("add", "show", "use", "plan"):
        done = codeagent("model", command, path)
        assert (done.code, done.out, said in done.err) == (52, "", True), done
        assert done.err.count("\n") == 1
    assert not models.exists() or not list(models.iterdir())


@pytest.mark.case(39)
def test_folders_and_fifos_are_refused_at_once(codeagent: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.gguf")
    for path in (tmp_path / "fifo.gguf", f"{tmp_path}/"):
        done = codeagent("model", "show", path, timeout=30)
        assert (done.code, "Traceback" in done.err) == (52, False)


def test_show_tells_what_a_file_is(models: Path, codeagent: Any, tiny: Path) -> None:
    done = codeagent("model", "show", tiny)
    assert done.code == 0
    for fact in ("qwen2, 2 layers", "4 heads, 2 KV heads of 16", "3 tokens, tokenizer gpt2", "32,768 tokens", "plain"):
        assert fact in done.out


@pytest.mark.case(24, 39)
def test_nothing_in_a_file_steers_the_terminal(codeagent: Any, tmp_path: Path) -> None:
    evil = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\u202e"
    path = write(tmp_path / "evil.gguf", tiny_model(general__name=evil, tokenizer__ggml__model=evil))
    done = codeagent("model", "show", path)
    assert done.code == 0
    assert not set(done.out) & set("\x1b\x07\u202e")
    broken = write(tmp_path / "broken.gguf", tiny_model(**{f"qwen2.{evil}": 1, "general__architecture": evil}))
    failed = codeagent("model", "show", broken)
    assert (failed.code, bool(set(failed.err) & set("\x1b\x07\u202e"))) == (52, False)


def test_show_of_a_model_not_here_says_how_to_get_it(models: Path, codeagent: Any) -> None:
    done = codeagent("model", "show", "qwen3-coder-30b")
    assert done.code == 0
    assert "codeagent model pull qwen3-coder-30b" in done.out
    assert "Apache-2.0" in done.out


def test_use_sets_the_default_and_keeps_the_rest_of_the_settings(
    models: Path, codeagent: Any, home: dict[str, str], tiny: Path
) -> None:
    settings = settings_file(home)
    settings.parent.mkdir(parents=True)
    settings.write_text("# mine\ncontext = 4096  # small\n\n[sampling]\ntemperature = 0.5\n")
    settings.chmod(0o640)
    codeagent("model", "add", tiny, "--name", "mine")
    done = codeagent("model", "use", "mine")
    assert (done.code, done.out) == (0, "mine is now the default model.\n")
    assert settings.read_text() == (
        '# mine\ncontext = 4096  # small\nmodel = "mine"\n\n[sampling]\ntemperature = 0.5\n'
    )
    assert settings.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in settings.parent.iterdir()] == ["config.toml"]
    assert any(line.split()[:2] == ["*", "mine"] for line in codeagent("model", "list").out.splitlines())


def test_use_takes_a_path_and_refuses_what_is_not_here(
    models: Path, codeagent: Any, home: dict[str, str], tiny: Path
) -> None:
    assert codeagent("model", "use", tiny).code == 0
    assert str(tiny) in settings_file(home).read_text()
    absent = codeagent("model", "use", "qwen3-8b")
    assert (absent.code, "codeagent model pull qwen3-8b" in absent.err) == (42, True)
    assert codeagent("model", "use", "nonsense").code == 42


def test_use_refuses_a_model_that_only_gives_vectors(models: Path, codeagent: Any, tiny: Path) -> None:
    codeagent("model", "add", tiny, "--name", "bge-small-en-v1.5")
    done = codeagent("model", "use", "bge-small-en-v1.5")
    assert (done.code, "embedding_model = 'bge-small-en-v1.5'" in done.err) == (52, True)


def test_settings_that_cannot_be_read_are_named(models: Path, codeagent: Any, home: dict[str, str], tiny: Path) -> None:
    settings = write(settings_file(home), b"model = [")
    for arguments in (("use", tiny), ("list",)):
        done = codeagent("model", *arguments)
        assert (done.code, str(settings) in done.err, "Traceback" in done.err) == (52, True, False)
    assert settings.read_bytes() == b"model = ["


def test_rm_removes_a_model_but_not_one_in_use(models: Path, codeagent: Any, tiny: Path) -> None:
    codeagent("model", "add", tiny, "--name", "mine")
    with open(models / "mine.gguf", "rb") as used:
        fcntl.flock(used, fcntl.LOCK_SH)
        refused = codeagent("model", "rm", "mine")
        assert (refused.code, "is loaded by a running codeagent" in refused.err) == (75, True)
    assert codeagent("model", "rm", "mine").code == 0
    assert [p.name for p in models.iterdir()] == [".mine.lock"]
    assert codeagent("model", "rm", "mine").code == 42
    assert tiny.exists()


def test_rm_removes_what_is_left_of_a_pull(models: Path, codeagent: Any) -> None:
    write(models / "tiny.gguf.part", b"x" * 1000)
    write(models / "tiny.gguf.part.json", b"{}")
    write(models / ".tiny.gguf.part.wheels" / "tmp" / "x.whl", b"x")
    done = codeagent("model", "rm", "tiny")
    assert (done.code, [p.name for p in models.iterdir()]) == (0, [".tiny.lock"])


def test_a_folder_that_cannot_be_written_is_named(
    home: dict[str, str], codeagent: Any, tmp_path: Path, tiny: Path
) -> None:
    home["CODEAGENT_MODELS"] = str(write(tmp_path / "file", b"") / "models")
    done = codeagent("model", "add", tiny)
    assert (done.code, "cannot be added" in done.err, "Traceback" in done.err) == (1, True, False)


def test_plan_shows_places_without_loading(models: Path, codeagent: Any, tiny: Path) -> None:
    done = codeagent("model", "plan", tiny, "--ctx", "4096")
    assert done.code == 0
    assert "Context: 4,096 tokens, batch 256." in done.out.splitlines()
    assert any(line.startswith("CPU ") for line in done.out.splitlines())


def test_doctor_says_what_is_missing_and_how_to_get_it(models: Path, codeagent: Any, tiny: Path) -> None:
    done = codeagent("doctor")
    lines = {line[6:23].strip(): line[:4].strip() for line in done.out.splitlines() if line[:4].strip()}
    assert (done.code, lines["model"], lines["llama-cpp-python"], lines["sandbox"] in ("ok", "warn")) == (
        52,
        "fail",
        "ok",
        True,
    )
    assert "codeagent model pull qwen2.5-coder-1.5b" in done.out
    codeagent("model", "add", tiny, "--name", "mine")
    codeagent("model", "use", "mine")
    well = codeagent("doctor")
    assert well.code == 0, well.out
    assert "mine" in well.out
