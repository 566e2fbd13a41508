"""The conversation as events build it: streaming, folding, pruning, going back, and nothing hostile drawn."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from codeagent.agent import events
from codeagent.agent.events import Event
from codeagent.inference.client import Message, ReasoningDelta, TextDelta, ToolCall, ToolCallDelta, Usage
from codeagent.tools.api import Diff, Output, TestReport, Todo, TodoList
from codeagent.tui.conversation.blocks import AnswerBlock, Folding, SaidBlock, ToolBlock
from codeagent.tui.conversation.feed import Feed, joined
from codeagent.tui.conversation.items import Answered, Said, Shell, Thought, Told, Tool
from codeagent.tui.conversation.view import KEPT, PAGE, ConversationView


class Stage(App[None]):
    """Nothing but a conversation."""

    def __init__(self) -> None:
        super().__init__()
        self.view = ConversationView()
        self.feed = Feed(self.view)

    def compose(self) -> ComposeResult:
        yield self.view

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.screen._compositor.render_strips()
        )


def answer(text: str, *calls: ToolCall) -> events.MessageAdded:
    message = Message(role="assistant", content=text, tool_calls=calls)
    return events.MessageAdded(message=message, usage=Usage(prompt_tokens=10, generated_tokens=2, decode_ms=100))


def turn(text: str, reply: str) -> list[Event]:
    return [events.TurnStarted(text=text), TextDelta(text=reply), answer(reply), finished()]


def finished() -> events.TurnFinished:
    return events.TurnFinished(outcome="done", steps=1, usage=Usage(generated_tokens=20, decode_ms=1000))


DIFF = Diff(path="a.py", unified="--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old\n+new\n", added=1, removed=1)


def tool_run(name: str = "edit", title: str = "Edit a.py") -> list[Event]:
    return [
        events.ToolStarted(call_id="c1", name=name, title=title, preview=DIFF),
        events.ToolFinished(call_id="c1", name=name, display=DIFF),
    ]


async def test_a_turn_is_drawn_as_it_streams() -> None:
    app = Stage()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.feed.feed([events.TurnStarted(text="hello there"), TextDelta(text="It is **bo")])
        await app.feed.feed([TextDelta(text="ld** now.")])
        await pilot.pause()
        assert "hello there" in app.text
        await app.feed.feed([answer("It is **bold** now."), finished()])
        await pilot.pause()
        assert "It is bold now." in app.text
        assert "20 tokens at 20/s" in app.text
        assert [type(item) for item in app.view.items] == [Said, Answered, Told]


async def test_what_comes_between_two_frames_is_drawn_as_one() -> None:
    deltas: list[Event] = [TextDelta(text="a"), TextDelta(text="b"), ReasoningDelta(text="x"), ReasoningDelta(text="y")]
    assert joined(deltas) == [TextDelta(text="ab"), ReasoningDelta(text="xy")]


async def test_a_call_being_written_shows_its_last_lines_and_gives_way_to_the_call() -> None:
    app = Stage()
    call = ToolCall(id="c1", name="edit", arguments={})
    async with app.run_test(size=(80, 24)) as pilot:
        await app.feed.feed(
            [ToolCallDelta(index=0, name="edit", text="one\ntwo\n"), ToolCallDelta(index=0, text="three")]
        )
        await pilot.pause()
        assert "edit …" in app.text and "three" in app.text
        await app.feed.feed([answer("", call), *tool_run()])
        await pilot.pause()
        assert [type(item) for item in app.view.items] == [Tool]
        assert "Edit a.py" in app.text and "new" in app.text


async def test_a_line_opens_to_its_output_by_click_and_by_key() -> None:
    app = Stage()
    output = Output(text="first\nsecond\n", exit_code=0)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.feed.feed(
            [
                events.ToolStarted(call_id="c1", name="run", title="Run ls"),
                events.ToolFinished(call_id="c1", name="run", display=output),
            ]
        )
        block = app.query_one(ToolBlock)
        await block.action_fold() if block.opened else None
        await pilot.pause()
        assert "second" not in app.text
        await pilot.click(ToolBlock, offset=(5, 0))
        await pilot.pause()
        assert "second" in app.text
        block.focus()
        await pilot.press("enter")
        await pilot.pause()
        assert "second" not in app.text


async def test_failing_tests_are_listed_and_passing_ones_fold() -> None:
    app = Stage()
    bad = TestReport(command="pytest", passed=3, failed=1, failures=("test_x: 1 != 2",), exit_code=1)
    good = TestReport(command="pytest", passed=4, failed=0, failures=(), exit_code=0)
    async with app.run_test(size=(80, 24)) as pilot:
        for number, report in enumerate((bad, good)):
            name = f"c{number}"
            await app.feed.feed([events.ToolStarted(call_id=name, name="test", title="Test")])
            await app.feed.feed([events.ToolFinished(call_id=name, name="test", display=report)])
        await pilot.pause()
        assert "3 passed, 1 failed" in app.text and "✗ test_x: 1 != 2" in app.text
        assert "4 passed, 0 failed" in app.text


async def test_the_plan_is_drawn_as_a_list() -> None:
    app = Stage()
    plan = TodoList(items=(Todo(text="read", status="done"), Todo(text="write", status="in_progress")))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.feed.feed([events.ToolStarted(call_id="c1", name="todo", title="Plan")])
        await app.feed.feed([events.ToolFinished(call_id="c1", name="todo", display=plan)])
        await pilot.pause()
        assert "☑ read" in app.text and "▶ write" in app.text and "1 of 2 done" in app.text


async def test_a_refused_call_says_why() -> None:
    app = Stage()
    async with app.run_test(size=(100, 24)) as pilot:
        await app.feed.feed(
            [
                events.PermissionDenied(
                    call_id="c1", name="run", arguments={}, effects=(), reason="Refused by the person."
                )
            ]
        )
        await pilot.pause()
        assert "⊘ run" in app.text and "Refused by the person." in app.text


async def test_old_blocks_leave_the_screen_and_come_back_when_scrolled_to() -> None:
    app = Stage()
    async with app.run_test(size=(80, 24)) as pilot:
        for number in range(200):
            await app.feed.feed(turn(f"request {number}", f"reply {number}"))
        await pilot.pause()
        assert len(app.view.children) <= KEPT + PAGE + 1
        assert len(app.view.items) == 600
        assert "reply 199" in app.text
        app.view.scroll_home(animate=False)
        for _ in range(20):
            await pilot.pause()
        assert len(app.view.children) > KEPT


async def test_going_back_takes_the_turns_away_and_redo_brings_them_again() -> None:
    app = Stage()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.feed.feed([*turn("one", "first"), *turn("two", "second")])
        await app.feed.feed([events.Rewound(messages=3, turn=2, reason="went back to before turn 2")])
        await pilot.pause()
        assert "second" not in app.text and "first" in app.text
        await app.feed.feed([events.Redone(messages=(), turn=2, turns=((2, "two", 3),))])
        await pilot.pause()
        assert "second" in app.text


async def test_a_session_that_is_resumed_looks_as_it_did() -> None:
    app = Stage()
    past: list[Event] = [
        events.TurnStarted(text="fix it"),
        events.MessageAdded(message=Message(role="user", content="fix it, with files")),
        events.MessageAdded(message=Message(role="assistant", content="I will.", reasoning="hm")),
        *tool_run(),
        events.ShellRan(command="ls", output="a.py\n", exit_code=0, shared=True),
        finished(),
    ]
    async with app.run_test(size=(80, 24)) as pilot:
        await app.feed.show_past(past)
        await pilot.pause()
        assert [type(item) for item in app.view.items] == [Said, Thought, Answered, Tool, Shell, Told]
        assert "fix it" in app.text and "I will." in app.text and "with files" not in app.text


PAYLOADS = (
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[2J\x1bc",
    "\x9b31m",
    "a\u202eb\u200bc",
    "\x08\x08\r",
)


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_nothing_hostile_reaches_the_screen(payload: str) -> None:
    app = Stage()
    past: list[Event] = [
        events.TurnStarted(text=payload),
        ReasoningDelta(text=payload),
        TextDelta(text=f"x {payload} &#8238; &#x200b; y"),
        answer("x"),
        ToolCallDelta(index=0, name=payload, text=payload),
        answer("", ToolCall(id="c1", name="run", arguments={})),
        events.ToolStarted(call_id="c1", name=payload, title=payload),
        events.ToolOutput(call_id="c1", text=payload),
        events.ToolFinished(call_id="c1", name=payload, display=Output(text=payload, exit_code=1)),
        events.ToolStarted(call_id="c2", name="edit", title=payload),
        events.ToolFinished(
            call_id="c2",
            name="edit",
            display=Diff(
                path=payload, unified=f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-{payload}\n+{payload}\n", added=1, removed=1
            ),
        ),
        events.Notice(level="error", text=payload),
        events.PermissionDenied(call_id="c", name=payload, arguments={}, effects=(), reason=payload),
        events.TurnFinished(outcome="max_seconds", error=payload),
    ]
    async with app.run_test(size=(100, 60)) as pilot:
        await app.feed.feed(past)
        for block in app.query(Folding):
            if not block.opened:
                await block.action_fold()
        await pilot.pause()
        drawn = app.text
        assert not hostile(drawn)
        assert "[" not in drawn or "<U+" in drawn


def hostile(text: str) -> set[str]:
    """Characters that could act on a terminal or hide text."""
    bad = {chr(n) for n in (*range(0x20), *range(0x7F, 0xA0))} - {"\n"}
    return set(text) & (bad | set("\u202e\u200b\u200d\u2066\ufeff"))


async def test_markup_in_outside_text_is_only_text() -> None:
    app = Stage()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.feed.feed([events.TurnStarted(text="[bold red]not markup[/]")])
        await app.feed.feed(tool_run(title="[@click=app.quit]x[/]"))
        await pilot.pause()
        assert "[bold red]not markup[/]" in app.text and "[@click=app.quit]x[/]" in app.text
        assert app.query_one(SaidBlock)


class Links(Stage):
    """Keeps what it is told of links, and what it is asked to open."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.opened_urls: list[str] = []

    def on_prose_link_chosen(self, event: AnswerBlock.LinkChosen) -> None:
        self.told.append(event.href)

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        self.opened_urls.append(url)


@pytest.mark.case(25)
async def test_a_link_is_told_of_and_not_opened() -> None:
    app = Links()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.feed.feed(turn("q", "see [here](https://example.com/x)"))
        await pilot.pause()
        await pilot.click(AnswerBlock, offset=(6, 0))
        assert (app.told, app.opened_urls) == (["https://example.com/x"], [])


async def test_code_that_streamed_as_a_call_is_shown_as_its_diff_alone() -> None:
    app = Stage()
    text = "I add them.\n\na.py\n```python\nreturn a + b\n```\n"
    async with app.run_test(size=(80, 24)) as pilot:
        await app.feed.feed([events.TurnStarted(text="fix"), TextDelta(text=text)])
        await pilot.pause()
        assert "return a + b" in app.text
        await app.feed.feed([answer(text, ToolCall(id="c1", name="edit", arguments={"path": "a.py"})), *tool_run()])
        await pilot.pause()
        assert "return a + b" not in app.text and "\n  a.py" not in app.text
        assert "I add them." in app.text and "Edit a.py" in app.text
