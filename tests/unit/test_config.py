"""Settings: which source wins, and that a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeagent.agent.config import Config, ConfigError, load_config


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    user, project = tmp_path / "user.toml", tmp_path / "project.toml"
    user.write_text("model = 'u'\nmax_turns = 1\nthreads = 1\n[sampling]\ntemperature = 0.5\ntop_k = 7\n")
    project.write_text("max_turns = 2\nthreads = 2\n[sampling]\ntemperature = 0.6\n")
    config = load_config(user, project, {"CODEAGENT_THREADS": "3"}, {"context": 4096, "gpu_layers": None})
    assert (config.model, config.max_turns, config.threads, config.context) == ("u", 2, 3, 4096)
    assert (config.sampling.temperature, config.sampling.top_k) == (0.6, 7)


def test_missing_files_mean_the_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path / "a", tmp_path / "b", {}, {}) == Config()


@pytest.mark.parametrize("text", ["not toml", "max_turns = 'many'", "no_such_setting = 1", "[sampling]\nheat = 1"])
def test_a_wrong_setting_names_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "user.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"user\.toml"):
        load_config(tmp_path / "user.toml", None, {}, {})


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="'context' in the environment"):
        load_config(None, None, {"CODEAGENT_CTX": "big"}, {})
