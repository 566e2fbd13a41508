"""What an edit may name and quote, as the session knows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeagent.agent.context.editable import ALL_CHARS, MAX_PATHS, TEXT_CHARS, editable
from codeagent.tools.files import digest
from codeagent.tools.ledger import FileLedger
from codeagent.tools.workspace import Workspace


@pytest.fixture
def ledger() -> FileLedger:
    return FileLedger()


def seen(ledger: FileLedger, path: Path, data: bytes, whole: bool = True) -> None:
    """A file that is there and has been shown."""
    path.write_bytes(data)
    ledger.note(path, digest(data), whole)


def test_files_that_were_seen_are_given_as_they_are_with_plain_line_ends(tmp_path: Path, ledger: FileLedger) -> None:
    seen(ledger, tmp_path / "a.py", b"x = 1\r\ny = 2\r\n")
    seen(ledger, tmp_path / "b.py", b"whole", whole=False)
    (tmp_path / "c.py").write_text("not seen")
    found = editable(Workspace(tmp_path), ledger, ["a.py", "b.py", "c.py"])
    assert found.texts == {"a.py": "x = 1\ny = 2\n", "b.py": "whole"}
    assert found.paths == ("a.py", "b.py", "c.py")


def test_what_changed_or_went_or_is_no_text_is_not_given(tmp_path: Path, ledger: FileLedger) -> None:
    seen(ledger, tmp_path / "changed.py", b"x = 1\n")
    (tmp_path / "changed.py").write_text("x = 2\n")
    seen(ledger, tmp_path / "gone.py", b"x\n")
    (tmp_path / "gone.py").unlink()
    seen(ledger, tmp_path / "binary", b"\0\1")
    seen(ledger, tmp_path / "bytes.py", "é".encode() + b"\xff\n")
    seen(ledger, tmp_path / "long.py", b"x" * (TEXT_CHARS + 1))
    assert editable(Workspace(tmp_path), ledger, ["changed.py"]).texts == {}


def test_of_too_much_text_the_latest_is_given(tmp_path: Path, ledger: FileLedger) -> None:
    count = ALL_CHARS // TEXT_CHARS + 1
    for number in range(count):
        seen(ledger, tmp_path / f"{number}.py", b"x" * TEXT_CHARS)
    seen(ledger, tmp_path / "0.py", b"y" * TEXT_CHARS)
    found = editable(Workspace(tmp_path), ledger, [])
    assert set(found.texts) == {"0.py", *(f"{number}.py" for number in range(2, count))}


def test_an_ignored_file_that_was_read_may_be_named(tmp_path: Path, ledger: FileLedger) -> None:
    seen(ledger, tmp_path / "ignored.py", b"x\n")
    assert editable(Workspace(tmp_path), ledger, ["a.py"]).paths == ("a.py", "ignored.py")


def test_any_path_may_be_named_where_not_all_are_known(tmp_path: Path, ledger: FileLedger) -> None:
    seen(ledger, tmp_path / "a.py", b"x\n")
    (tmp_path / "more").mkdir()
    assert editable(Workspace(tmp_path), ledger, []).paths == ()
    assert editable(Workspace(tmp_path, [tmp_path / "more"]), ledger, ["a.py"]).paths == ()
    assert editable(Workspace(tmp_path), ledger, [f"{n}.py" for n in range(MAX_PATHS)]).paths == ()
