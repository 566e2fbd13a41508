"""`codeagent index` and `codeagent map` as a person meets them: what they print, keep and exit with."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from gguf_files import byte_tokens, tiny_model, write
from harness import COMMAND, Command
from terminal import Terminal


def make(workspace: Path, count: int = 3) -> None:
    for i in range(count):
        text = f"def f{i}(x):\n    return f{(i + 1) % count}(x)\n\n\nclass C{i}:\n    pass\n"
        (workspace / f"m{i}.py").write_text(text)
    (workspace / "notes.txt").write_text("text\n")


def test_an_untrusted_folder_is_not_read(codeagent: Command, workspace: Path, home: dict[str, str]) -> None:
    make(workspace)
    for command in ("index", "map"):
        done = codeagent(command)
        assert (done.code, done.out) == (55, "")
        assert f"The folder {workspace} is not trusted yet, so nothing in it was read" in done.err
    assert not Path(home["XDG_CACHE_HOME"]).exists()


def test_the_index_is_built_once_and_then_kept_up_to_date(codeagent: Command, workspace: Path) -> None:
    make(workspace)
    codeagent("trust")
    first = codeagent("index")
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("4 files (all read) in ")
    assert first.out.endswith(" s: 6 definitions, 3 references.\n")
    assert codeagent("index").out.startswith("4 files (none changed) in ")
    (workspace / "m0.py").write_text("def other():\n    pass\n")
    (workspace / "m1.py").unlink()
    again = codeagent("index", ".")
    assert again.out.startswith("3 files (1 read, 1 removed) in ")
    assert again.out.endswith(" s: 3 definitions, 1 references.\n")


def test_stats_say_what_is_in_the_index_and_build_nothing(codeagent: Command, workspace: Path) -> None:
    make(workspace)
    codeagent("trust")
    assert codeagent("index", "--stats").out == (
        f"There is no index of {workspace} yet. Build it with: codeagent index\n"
    )
    codeagent("index")
    done = codeagent("index", "--stats")
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert (done.code, done.err) == (0, "")
    assert lines["folder"] == str(workspace)
    assert lines["files"] == "4 (152 B)"
    assert (lines["definitions"], lines["references"], lines["languages"]) == ("6", "3", "Python 3")


def test_files_that_are_ignored_are_not_in_the_index(codeagent: Command, workspace: Path) -> None:
    make(workspace)
    (workspace / ".gitignore").write_text("m1.py\n")
    (workspace / ".codeagentignore").write_text("m2.py\n.*\n*.txt\n")
    assert codeagent("index", "--trust").out.startswith("1 files (all read)")


def test_what_is_not_wholly_in_the_index_is_named_with_the_reason(codeagent: Command, workspace: Path) -> None:
    make(workspace)
    (workspace / "big\x1b[31m.js").write_text("x();\n" * 300_000)
    done = codeagent("index", "--trust")
    assert done.code == 0
    assert "Not wholly in the index: 1 file:\n  big<U+001B>[31m.js: It has 1.4 MiB" in done.out
    assert "\x1b" not in done.out + codeagent("index", "--trust", "--stats").out


def test_a_damaged_index_is_built_again(codeagent: Command, workspace: Path, home: dict[str, str]) -> None:
    make(workspace)
    codeagent("index", "--trust")
    (database,) = Path(home["XDG_CACHE_HOME"]).rglob("*.sqlite")
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.write_bytes(b"SQLite format 3\0" + bytes(5000))
    assert codeagent("index", "--trust").out.endswith(" s: 6 definitions, 3 references.\n")


def test_a_folder_that_is_none_is_a_sentence(codeagent: Command, workspace: Path) -> None:
    (workspace / "file").write_text("")
    for name, said in (("missing", "cannot be opened (No such file or directory)"), ("file", "is not a folder")):
        done = codeagent("index", name, "--trust")
        assert (done.code, done.out, len(done.err.splitlines())) == (42, "", 1)
        assert said in done.err


def test_a_cache_that_cannot_be_written_is_a_sentence(
    codeagent: Command, workspace: Path, home: dict[str, str]
) -> None:
    make(workspace)
    Path(home["XDG_CACHE_HOME"]).write_text("in the way")
    done = codeagent("index", "--trust")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("codeagent: The index of this folder cannot be written (")


def test_a_terminal_shows_how_far_it_is(home: dict[str, str], workspace: Path) -> None:
    make(workspace, 400)
    with Terminal([COMMAND, "index", "--trust"], home, workspace, 80, 24) as terminal:
        assert terminal.wait() == 0
        terminal.wait_for("401 files (all read)")
        assert b"Indexing: " in terminal.raw
        assert "Indexing" not in terminal.text


def test_the_map_shows_signatures_within_the_budget_of_the_models_own_tokens(
    codeagent: Command, workspace: Path, home: dict[str, str], tmp_path: Path
) -> None:
    make(workspace, 40)
    home["CODEAGENT_MODEL"] = str(write(tmp_path / "tiny.gguf", tiny_model(**byte_tokens())))
    done = codeagent("map", "--trust", "--tokens", "300")
    assert done.code == 0
    assert 100 < len(done.out.encode()) <= 301
    assert re.match(r"m\d+\.py\n  (def f|class C)\d+", done.out)
    tokens, _, rest = done.err.partition(" tokens of ")
    assert rest == f"{home['CODEAGENT_MODEL']}.\n"
    # Every byte is a token, and "ab" is one.
    assert int(tokens) == len(done.out.encode()) - 1 - done.out.count("ab")


def test_without_a_model_the_tokens_of_a_map_are_estimated_and_it_says_so(codeagent: Command, workspace: Path) -> None:
    make(workspace, 40)
    codeagent.env["CODEAGENT_MODELS"] = str(workspace)
    done = codeagent("map", "--trust", "--tokens", "100")
    assert done.code == 0
    assert 100 < len(done.out.encode()) <= 301
    assert done.err == (
        f"About {round((len(done.out.encode()) - 1) / 3)} tokens, estimated at three bytes each. "
        "The model qwen2.5-coder-1.5b is not on this machine. Run: codeagent model pull qwen2.5-coder-1.5b\n"
    )


def test_a_query_puts_what_it_is_about_into_the_map(codeagent: Command, workspace: Path) -> None:
    make(workspace, 40)
    (workspace / "money.py").write_text("def convert_currency(amount):\n    return amount\n")
    codeagent.env["CODEAGENT_MODELS"] = str(workspace)
    done = codeagent("map", "--trust", "--tokens", "60", "where", "is", "convert_currency", "defined?")
    assert "money.py" in done.out and "def convert_currency(amount)" in done.out


def test_a_map_of_nothing_says_why(codeagent: Command, workspace: Path) -> None:
    codeagent.env["CODEAGENT_MODELS"] = str(workspace)
    empty = codeagent("map", "--trust")
    assert (empty.code, empty.out) == (0, "")
    assert empty.err == "codeagent: there is nothing to show, since no definitions were found.\n"
    make(workspace)
    few = codeagent("map", "--trust", "--tokens", "1")
    assert few.err == "codeagent: there is nothing to show, since 1 tokens are too few for one.\n"


def test_a_map_draws_nothing_on_the_terminal_but_text(codeagent: Command, workspace: Path) -> None:
    codeagent.env["CODEAGENT_MODELS"] = str(workspace)
    (workspace / "a\x1b[31m.py").write_text("def f(a='\x1b]0;title\x07\u202e'):\n    pass\n")
    done = codeagent("map", "--trust")
    assert "<U+001B>[31m" in done.out
    assert not {"\x1b", "\x07", "\u202e"} & set(done.out)


def test_wrong_settings_are_a_sentence(codeagent: Command, workspace: Path, home: dict[str, str]) -> None:
    settings = Path(home["XDG_CONFIG_HOME"]) / "codeagent" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("context = 'many'\n")
    done = codeagent("map", "--trust")
    assert (done.code, done.out) == (52, "")
    assert "The setting 'context' in" in done.err
    assert codeagent("map", "--tokens", "0").code == 42
