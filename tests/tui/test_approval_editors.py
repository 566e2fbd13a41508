"""Editing the proposed text in the person's own editor, with small real programs as editors."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from approval_app import asking, question
from terminal import Terminal

from codeagent.agent.permissions import Answer
from codeagent.tui.approval.editors import EditorError, edited_outside

TEXT = "é one\nraw \udcff byte\nlast without end"


def editor(folder: Path, body: str) -> dict[str, str]:
    """An environment whose editor is a script; it has the file's path as `path`."""
    script = folder / "my editor.py"
    script.write_text(f"#!{sys.executable}\nimport os, pathlib, sys\npath = pathlib.Path(sys.argv[-1])\n{body}\n")
    script.chmod(0o755)
    return {"PATH": os.environ["PATH"], "EDITOR": f"'{script}' --wait"}


def test_the_text_comes_back_as_the_editor_leaves_it_and_its_file_is_gone(tmp_path: Path) -> None:
    told = tmp_path / "told"
    environ = editor(
        tmp_path,
        f"told = pathlib.Path({str(told)!r})\n"
        "modes = [oct(p.stat().st_mode & 0o777) for p in (path, path.parent)]\n"
        "told.write_text(f'{path} {modes[0]} {modes[1]} {sys.argv[1]}')\n"
        "path.write_bytes(path.read_bytes().replace(b'one', b'two'))",
    )
    assert edited_outside(TEXT, "cart.py", environ) == TEXT.replace("one", "two")
    path, mode, folder_mode, flag = told.read_text().split()
    assert (Path(path).name, mode, folder_mode, flag) == ("cart.py", "0o600", "0o700", "--wait")
    assert not Path(path).parent.exists()


def test_visual_goes_before_editor(tmp_path: Path) -> None:
    environ = editor(tmp_path, "path.write_text('from editor')")
    assert edited_outside("x", "a", environ | {"VISUAL": "true"}) == "x"
    assert edited_outside("x", "a", environ | {"VISUAL": "  "}) == "from editor"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "No editor is chosen. Set VISUAL or EDITOR"),
        ({"EDITOR": "no-such-editor-here -w"}, "no-such-editor-here is not there, so the text is as it was"),
        ({"EDITOR": "false"}, "false ended with exit code 1, so the text is as it was"),
        ({"EDITOR": "rm"}, "The editor left no file, so the text is as it was"),
        ({"EDITOR": "'unclosed"}, "EDITOR is no command"),
        ({"EDITOR": "/"}, "The text could not be edited"),
    ],
)
def test_an_editor_that_is_missing_or_fails_is_said_in_a_sentence(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(EditorError) as raised:
        edited_outside("text", "a.py", {"PATH": os.environ["PATH"], **environ})
    assert sentence in str(raised.value)


async def test_where_the_terminal_cannot_be_handed_over_nothing_is_lost(workspace: Path) -> None:
    (workspace / "a.txt").write_text("one\n")
    async with asking(await question(workspace, "a.txt", "two\n")) as asked:
        await asked.press("E")
        await asked.sees("This terminal cannot be handed to another program")
        assert await asked.answer("a") == Answer("once")


PROGRAM = """
import asyncio, sys
from pathlib import Path
from approval_app import AskingApp, question

class Program(AskingApp):
    def on_mount(self):
        self.run_worker(self.go())

    async def go(self):
        folder = Path(sys.argv[1])
        asked = await question(folder, "a.txt", "two\\nthree\\n")
        answer = await self.approver.ask(asked)
        call = answer.call or asked.call
        await call.execute(lambda text: None)
        self.exit()

app = Program(environ=dict(__import__("os").environ))
app.run()
"""


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("print('EDITOR HERE'); input(); path.write_text('edited\\n' + path.read_text())", "edited\ntwo\nthree\n"),
        ("print('EDITOR HERE'); input(); path.write_text('lost'); sys.exit(3)", "two\nthree\n"),
    ],
)
def test_the_editor_has_the_real_terminal_and_the_panel_comes_back(
    workspace: Path, tmp_path: Path, home: dict[str, str], body: str, written: str
) -> None:
    (workspace / "a.txt").write_text("one\n")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    support = Path(__file__).parents[1] / "support"
    environ = home | editor(tmp_path, body) | {"PYTHONPATH": str(support), "TERM": "xterm-256color"}
    with Terminal([sys.executable, program, workspace], environ, workspace) as terminal:
        terminal.wait_for("+ three")
        terminal.wait_quiet()  # by then it listens
        terminal.send("E")
        terminal.wait_for("EDITOR HERE")
        assert "+ three" not in terminal.text
        terminal.send("\r")
        terminal.wait_for("edited by you" if "edited" in written else "ended with exit code 3")
        assert not (workspace / "a.txt").read_text().startswith("edited")
        terminal.wait_quiet()
        terminal.send("a")
        terminal.wait()
        terminal.wait_restored()
    assert (workspace / "a.txt").read_text() == written
