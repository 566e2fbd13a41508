"""Listing, searching, naming and exporting sessions from logs that may be huge, damaged or hostile."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from session_logs import START, started, turn, write_log

from codeagent.agent import events, session_index
from codeagent.agent.session_export import ExportExistsError, export
from codeagent.agent.session_index import find_text, last_answer, list_sessions, rename
from codeagent.agent.transcript import TranscriptError, load
from codeagent.inference.client import Message, ToolCall
from codeagent.tools.api import Diff, Output, TestReport, Todo, TodoList


def test_a_session_is_listed_with_what_was_asked_and_when(tmp_path: Path) -> None:
    path = write_log(tmp_path, "one", [started("m"), *turn("Fix it\nplease", "Done."), *turn("And test it", "Yes.")])
    [found] = list_sessions(tmp_path)
    assert found == session_index.SessionSummary(
        id="one",
        path=path,
        name="",
        title="Fix it",
        started=START,
        last=START + 8,
        turns=2,
        model="m",
        requests=("Fix it", "And test it"),
        damaged=0,
        size=path.stat().st_size,
        complete=True,
    )


def test_the_latest_comes_first_and_those_without_a_request_not_at_all(tmp_path: Path) -> None:
    write_log(tmp_path, "old", [started(), *turn("a", "b")])
    write_log(tmp_path, "new", [started(), *turn("a", "b")], at=START + 100)
    write_log(tmp_path, "empty", [started()], at=START + 200)
    assert [s.id for s in list_sessions(tmp_path)] == ["new", "old"]
    assert list_sessions(tmp_path / "nothing") == []
    with pytest.raises(TranscriptError, match="cannot be listed"):
        list_sessions(tmp_path / "old.jsonl")


def test_damaged_lines_are_counted_as_loading_counts_them_and_cost_nothing_else(tmp_path: Path) -> None:
    path = write_log(tmp_path, "hurt", [started(), *turn("first", "a"), *turn("second", "b")])
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b"first", b"FIRST")
    lines[4] = b"\0" * 50
    lines.insert(5, b"not json at all \xff\xfe")
    path.write_bytes(b"\n".join(lines) + b'{"crc":"00000000","seq":9,"ti')
    [found] = list_sessions(tmp_path)
    assert (found.turns, found.title) == (2, "first")
    assert found.damaged == load(path).damaged == 4


def test_a_log_that_is_all_damage_is_listed_as_that(tmp_path: Path) -> None:
    write_log(tmp_path, "gone", [], tail=os.urandom(5000))
    [found] = list_sessions(tmp_path)
    assert (found.turns, found.title, found.damaged > 0) == (0, "(its requests are damaged)", True)


def test_what_is_no_file_is_a_sentence_and_not_a_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    titles = {s.id: s.title for s in list_sessions(tmp_path)}
    assert "cannot be read" in titles["pipe"]
    assert "cannot be read" in titles["folder"]


def test_a_huge_log_is_read_only_so_far(tmp_path: Path) -> None:
    path = write_log(tmp_path, "huge", [started(), *turn("the request", "a")])
    with open(path, "ab") as file:
        file.truncate(session_index.MAX_BYTES + (4 << 20))  # a hole: no space is used
    [found] = list_sessions(tmp_path)
    assert (found.title, found.turns, found.complete) == ("the request", 1, False)
    assert found.last == pytest.approx(path.stat().st_mtime)
    assert last_answer(path) == ""
    assert find_text(path, "not there") is None


def test_a_record_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    long = "x" * (session_index.MAX_LINE + 10)
    write_log(tmp_path, "long", [started(), *turn("one", long), *turn("two", "fine")])
    [found] = list_sessions(tmp_path)
    assert (found.requests, found.damaged) == (("one", "two"), 0)


def test_titles_are_fit_for_a_terminal(tmp_path: Path) -> None:
    write_log(tmp_path, "evil", [started("m\x1b[2J"), *turn("\n\n \x1b]52;c;aGk=\x07\u202etitle" + "y" * 1000, "a")])
    [found] = list_sessions(tmp_path)
    assert found.title.startswith("<U+001B>]52;c;aGk=<U+0007><U+202E>titley")
    assert len(found.title) <= 200
    assert found.model == "m<U+001B>[2J"


def test_search_looks_into_requests_answers_and_commands_in_any_case(tmp_path: Path) -> None:
    ran = events.ShellRan(command="grep -r Größe .", output="secret", exit_code=0, shared=True)
    path = write_log(tmp_path, "s", [started(), *turn('Say "hello"\nto BOB', "The Answer is 42."), ran])
    assert find_text(path, '"hello"\nto bob') == 'Say "hello" to BOB'
    assert find_text(path, "ANSWER IS") == "The Answer is 42."
    assert find_text(path, "GRÖSSE") is not None
    assert find_text(path, "secret") is None
    assert find_text(path, "message_added") is None
    assert find_text(path.with_name("none.jsonl"), "x") is None


def test_the_excerpt_shows_what_stands_around(tmp_path: Path) -> None:
    path = write_log(tmp_path, "s", [started(), *turn("a " * 200 + "needle " + "b " * 200, "x")])
    found = find_text(path, "needle")
    assert found is not None
    assert found.startswith("…a a")
    assert "a needle b" in found
    assert found.endswith("b…")


def test_the_last_answer_is_the_models(tmp_path: Path) -> None:
    path = write_log(tmp_path, "s", [started(), *turn("a", "first"), *turn("b", " second\x1b[2J ")], tail=b"torn {")
    assert last_answer(path) == "second<U+001B>[2J"


def test_a_name_stands_beside_the_log_which_is_not_touched(tmp_path: Path) -> None:
    path = write_log(tmp_path, "s", [started(), *turn("a", "b")])
    before = path.read_bytes()
    rename(path, "  my\x1b session \nrest")
    assert list_sessions(tmp_path)[0].name == "my<U+001B> session"
    assert path.read_bytes() == before
    rename(path, "")
    assert list_sessions(tmp_path)[0].name == ""
    assert os.listdir(tmp_path) == ["s.jsonl"]


def test_a_name_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="cannot be renamed"):
        rename(tmp_path / "no" / "s.jsonl", "x")


def everything() -> list[events.Event]:
    call = ToolCall(id="1", name="edit", arguments={})
    said = Message(role="assistant", content="I mend it.\n```python\nx = 1\n```", tool_calls=(call,))
    diff = Diff(path="a.py", unified="--- a.py\n+++ a.py\n@@ -1 +1 @@\n-```\n+````\n", added=1, removed=1)
    report = TestReport(command="pytest", passed=3, failed=1, failures=("test_x: no\x1b",))
    todo = TodoList(items=(Todo(text="look", status="done"), Todo(text="mend", status="pending")))
    return [
        started("m"),
        events.TurnStarted(text="Mend\x1b[31m it\n# not a heading"),
        events.MessageAdded(message=said),
        events.ToolStarted(call_id="1", name="edit", title="Edit a.py"),
        events.ToolFinished(call_id="1", name="edit", display=diff),
        events.ToolStarted(call_id="2", name="run", title="ls"),
        events.ToolFinished(call_id="2", name="run", display=Output(text="a.py\n", exit_code=2), is_error=True),
        events.ToolFinished(call_id="3", name="test", display=report),
        events.ToolFinished(call_id="4", name="todo", display=todo),
        events.PermissionDenied(call_id="5", name="run", arguments={}, effects=(), reason="plan mode"),
        events.MessageAdded(message=Message(role="assistant", content="Done:\n```\nopen")),
        events.Rewound(messages=1, turn=1),
        events.Redone(messages=(), turn=1),
        events.Notice(level="warning", text="mind\nthis"),
        events.ShellRan(command="make", output="ok", exit_code=0, shared=False),
        events.TurnFinished(outcome="max_turns", error="Reached the limit."),
    ]


DOCUMENT = """\
# My session

Session s in `/home/me/shop` with m.

## 1. Request

> Mend<U+001B>[31m it
> # not a heading

I mend it.

**Edit a.py**

`````diff
--- a.py
+++ a.py
@@ -1 +1 @@
-```
+````
`````

**ls** — failed

```
a.py
```

It ended with exit code 2.

**test**

3 passed, 1 failed.

- test_x: no<U+001B>

**todo**

- [x] look
- [ ] mend

**run** was refused: plan mode

Done:
```
open
```

> Went back to before request 1.

> The step back was taken back.

> warning: mind this

**! make**

```
ok
```

> The turn ended: Reached the limit.
"""


def test_an_export_has_requests_answers_diffs_commands_and_tests(tmp_path: Path) -> None:
    path, target = write_log(tmp_path, "s", everything()), tmp_path / "out.md"
    assert export(path, target, "My\nsession") == 0
    assert target.read_text() == DOCUMENT
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_an_export_says_what_was_damaged(tmp_path: Path) -> None:
    path = write_log(tmp_path, "s", [started(), *turn("a", "b")], tail=b"torn\n")
    assert export(path, tmp_path / "out.md", "t") == 1
    assert "> Left out, because they are damaged: 1 of the log's records." in (tmp_path / "out.md").read_text()


def test_an_export_never_replaces_a_file_unasked(tmp_path: Path) -> None:
    path, target = write_log(tmp_path / "logs", "s", [started(), *turn("a", "b")]), tmp_path / "mine.md"
    target.write_text("precious")
    with pytest.raises(ExportExistsError, match="already exists"):
        export(path, target, "t")
    assert target.read_text() == "precious"
    export(path, target, "t", replace=True)
    assert target.read_text().startswith("# t\n")
    assert sorted(os.listdir(tmp_path)) == ["logs", "mine.md"]


def test_a_link_that_leads_nowhere_counts_as_a_file(tmp_path: Path) -> None:
    path, target = write_log(tmp_path / "logs", "s", [started(), *turn("a", "b")]), tmp_path / "link.md"
    target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ExportExistsError):
        export(path, target, "t")


def test_an_export_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    path = write_log(tmp_path / "logs", "s", [started(), *turn("a", "b")])
    with pytest.raises(TranscriptError, match="cannot be exported to"):
        export(path, tmp_path / "no" / "such" / "out.md", "t")
    with pytest.raises(TranscriptError, match="cannot be exported to"):
        export(tmp_path / "none.jsonl", tmp_path / "out.md", "t")
    assert os.listdir(tmp_path) == ["logs"]
