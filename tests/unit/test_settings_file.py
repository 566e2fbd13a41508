"""Changing the user's settings file one setting at a time, and knowing where each setting comes from."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from codeagent.agent.config import ConfigError, load_config
from codeagent.agent.settings_file import Setting, parse_setting, set_setting, settings, unset_setting

WRITTEN = """\
# my settings
model = "mine"  # the big one

[sampling]
# colder
temperature = 0.1

[keys]
"app.quit" = "f10"
# the end
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(WRITTEN)
    return path


def named(found: tuple[Setting, ...], name: str) -> Setting:
    return next(setting for setting in found if setting.name == name)


def test_one_setting_changes_and_every_comment_and_the_order_stay(file: Path) -> None:
    set_setting(file, "model", "other")
    set_setting(file, ("sampling", "temperature"), 0.5)
    assert file.read_text() == WRITTEN.replace('"mine"', '"other"').replace("0.1", "0.5")


def test_new_settings_go_to_their_tables(file: Path) -> None:
    set_setting(file, "context", 4096)
    set_setting(file, ("sampling", "top_k"), 3)
    set_setting(file, ("keys", "review.next"), "ctrl+n")
    config = load_config(file, None, {}, {})
    assert (config.context, config.sampling.top_k, config.sampling.temperature) == (4096, 3, 0.1)
    assert config.keys == {"app.quit": "f10", "review.next": "ctrl+n"}
    assert all(comment in file.read_text() for comment in ("# my settings", "# the big one", "# colder", "# the end"))


def test_a_list_is_written_as_one(file: Path) -> None:
    set_setting(file, "allowed_tools", parse_setting("allowed_tools", "Edit, Bash(pytest -q, x)"))
    assert load_config(file, None, {}, {}).allowed_tools == ("Edit", "Bash(pytest -q, x)")


def test_a_new_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    set_setting(path, "vim", True)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("vim = true\n", 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_mode_and_symbolic_link_of_a_file_stay(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    set_setting(link, "vim", True)
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert load_config(file, None, {}, {}).vim


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("context", "abc", "context cannot be 'abc': input should be a valid integer"),
        ("context", 3, "greater than or equal to 512"),
        ("permission_mode", "never", "'plan', 'default'"),
        ("nope", 1, "There is no setting named nope."),
        (("sampling", "top_p"), 7, "less than or equal to 1"),
        (("sampling", "warmth"), 7, "There is no setting named sampling.warmth."),
    ],
)
def test_what_config_refuses_is_not_written(file: Path, key: str | tuple[str, ...], value: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        set_setting(file, key, value)
    assert said in str(caught.value)
    assert file.read_text() == WRITTEN


@pytest.mark.parametrize("broken", [b"model = \n", b"\xff\xfe", b"a = 1\na = 2\n", b"\xef\xbb\xbfmodel = 'x'\n"])
def test_a_broken_file_is_never_overwritten(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(broken)
    with pytest.raises(ConfigError, match="Nothing was changed: correct the file or remove it"):
        set_setting(path, "vim", True)
    with pytest.raises(ConfigError, match="Nothing was changed"):
        unset_setting(path, "vim")
    assert path.read_bytes() == broken


def test_a_file_with_another_wrong_setting_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('context = 3\nmodel = "m"\n')
    with pytest.raises(ConfigError, match=r"The setting 'context' in .* is wrong"):
        set_setting(path, "vim", True)
    assert unset_setting(path, "context")  # which mends it
    set_setting(path, "vim", True)
    assert path.read_text() == 'model = "m"\nvim = true\n'


def test_a_table_that_is_none_is_said(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("sampling = 3\n")
    with pytest.raises(ConfigError, match="sampling is no table"):
        set_setting(path, ("sampling", "top_k"), 3)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be"):
        set_setting(tmp_path / "file" / "config.toml", "vim", True)


def test_nothing_is_left_beside_the_file(file: Path) -> None:
    set_setting(file, "vim", True)
    assert os.listdir(file.parent) == ["config.toml"]


def test_unset_takes_one_setting_out(file: Path) -> None:
    assert unset_setting(file, ("keys", "app.quit"))
    assert not unset_setting(file, ("keys", "app.quit"))
    assert not unset_setting(file, ("nothing", "here"))
    assert file.read_text() == WRITTEN.replace('"app.quit" = "f10"\n', "")
    set_setting(file, "model", "x")
    set_setting(file, "context", None)
    assert unset_setting(file, "model")
    assert load_config(file, None, {}, {}).model == load_config(None, None, {}, {}).model


def test_each_setting_says_which_source_holds(file: Path, tmp_path: Path) -> None:
    project = tmp_path / "project.toml"
    project.write_text('test_command = "make test"\nmodel = "theirs"\n')
    found = settings(file, project, {"CODEAGENT_CTX": "8192"}, {"permission_mode": "plan", "threads": None})
    holds = {s.name: (s.value, s.origin) for s in found}
    assert holds["sampling.temperature"] == (0.1, "user")
    assert holds["model"] == ("theirs", "project")
    assert holds["test_command"] == ("make test", "project")
    assert holds["context"] == (8192, "environment")
    assert holds["permission_mode"] == ("plan", "flag")
    assert holds["threads"] == (None, "default")
    assert "keys" not in holds


def test_a_setting_knows_its_values_and_whether_it_may_be_missing() -> None:
    found = settings(None, None, {}, {})
    assert named(found, "vim").choices == ("true", "false")
    assert "acceptEdits" in named(found, "permission_mode").choices
    assert (named(found, "context").optional, named(found, "max_turns").optional) == (True, False)
    assert all(setting.description for setting in found)


def test_typed_text_becomes_a_value() -> None:
    assert parse_setting("context", " 4096 ") == 4096
    assert parse_setting("vim", "true") is True
    assert parse_setting(("sampling", "top_p"), "0.5") == 0.5
    assert parse_setting("devices", "127.0.0.1:1, localhost:2") == ["127.0.0.1:1", "localhost:2"]
    with pytest.raises(ConfigError, match="There is no setting named nope"):
        parse_setting("nope", "1")
