"""Completion of files, symbols and commands while the person types."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from prompt_stage import PromptStage, source, symbols, until
from textual import events

from codeagent.tui.prompt.completion import find_trigger, reference
from codeagent.tui.prompt.fuzzy import Index
from codeagent.tui.prompt.listing import Listing

HOSTILE = (
    "src/\x1b[31mred.py",
    "src/[red]bold[@click=app.quit].py",
    "src/\u202ecod.exe",
    "src/two\nlines.py",
    "src/\udcff.py",
    'src/quo"te.py',
    "src/\x1b]52;c;eA==\x07.py",
)


async def test_at_offers_files_and_tab_takes_one(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("src/calc.py", "tests/test_calc.py", "README.md"))
    async with app.run_test() as pilot:
        await pilot.press(*"fix @cal")
        await until(pilot, lambda: app.offered)
        assert app.offered == ["calc.py  src", "test_calc.py  tests"]
        await pilot.press("tab", *"now", "enter")
        assert app.said == [("said", "fix @src/calc.py now")]


async def test_arrows_choose_and_enter_takes_without_sending(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("a.py", "b.py", "c.py"))
    async with app.run_test() as pilot:
        await pilot.press("@")
        await until(pilot, lambda: app.offered == ["a.py", "b.py", "c.py"])
        await pilot.press("down", "down", "up", "enter")
        assert (app.prompt.text, app.said, app.offered) == ("@b.py ", [], [])
        await pilot.press("enter")
        assert app.said == [("said", "@b.py")]


async def test_enter_sends_when_nothing_is_left_to_take(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("a.py", "ab.py"))
    async with app.run_test() as pilot:
        await pilot.press(*"see @a.py")
        await until(pilot, lambda: app.offered)
        await pilot.press("enter")
        assert app.said == [("said", "see @a.py")]


async def test_a_candidate_is_taken_with_the_mouse(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("a.py", "b.py", "c.py"))
    async with app.run_test() as pilot:
        await pilot.press("@")
        await until(pilot, lambda: app.offered)
        await pilot.click(app.popup, offset=(5, 2))
        await pilot.press(*"and")
        assert app.prompt.text == "@c.py and"


async def test_escape_closes_the_candidates_until_another_word_is_begun(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("a.py", "b.py"))
    async with app.run_test() as pilot:
        await pilot.press("@")
        await until(pilot, lambda: app.offered)
        await pilot.press("escape", "a")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.offered == []
        await pilot.press(" ", "@")
        await until(pilot, lambda: app.offered)


async def test_a_list_behind_the_typing_is_never_taken_from(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("apple.py", "banana.py", "cherry.py"))
    async with app.run_test() as pilot:
        await pilot.press("@")
        await until(pilot, lambda: app.offered)
        app.burst(*"che", "tab")
        await until(pilot, lambda: app.prompt.text.endswith(" "))
        assert app.prompt.text == "@cherry.py "


async def test_paths_with_spaces_are_quoted_and_can_be_completed_again(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("my docs/a b.md", "plain.md"))
    async with app.run_test() as pilot:
        await pilot.press("@", "b", ".")
        await until(pilot, lambda: app.offered == ["a b.md  my docs"])
        await pilot.press("tab")
        assert app.prompt.text == '@"my docs/a b.md" '
        await pilot.press("ctrl+u", *'@"my do')
        await until(pilot, lambda: app.offered == ["a b.md  my docs"])


async def test_symbols_are_offered_beside_files(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("calc.py"), symbols=symbols("Calculator.add", "main"))
    async with app.run_test() as pilot:
        await pilot.press(*"@calc")
        await until(pilot, lambda: app.offered == ["calc.py", "Calculator.add  calc.py:1"])
        await pilot.press("down", "tab")
        assert app.prompt.text == "@Calculator.add "


async def test_an_address_is_no_reference(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("example.org"))
    async with app.run_test() as pilot:
        await pilot.press(*"ask me@example", "enter")
        assert app.said == [("said", "ask me@example")]


async def test_slash_offers_commands_with_their_descriptions(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("/")
        await until(pilot, lambda: app.offered)
        assert [line.split()[0] for line in app.offered] == ["/help", "/rewind", "/undo", "/model"]
        assert "Take the last turn back" in app.shown
        await pilot.press("u")
        await until(pilot, lambda: len(app.offered) == 1)
        await pilot.press("enter")
        assert app.said == [("command", "undo", "")]


async def test_a_command_that_takes_an_argument_waits_for_it(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"/mo")
        await until(pilot, lambda: app.offered)
        await pilot.press("enter", *"small", "enter")
        assert app.said == [("command", "model", "small")]


async def test_candidates_leave_the_screen_with_the_keyboard(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("a.py"))
    async with app.run_test() as pilot:
        await pilot.press("@")
        await until(pilot, lambda: app.offered)
        app.set_focus(None)
        await until(pilot, lambda: not app.offered)
        app.prompt.focus()
        await until(pilot, lambda: app.offered)


async def test_moving_out_of_the_word_closes_the_candidates(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("a.py"))
    async with app.run_test() as pilot:
        await pilot.press(*"x @")
        await until(pilot, lambda: app.offered)
        await pilot.press("home")
        await until(pilot, lambda: not app.offered)


async def test_hostile_names_are_drawn_safely_and_sent_without_escapes(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source(*HOSTILE))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("@")
        await until(pilot, lambda: len(app.offered) == len(HOSTILE))
        await pilot.pause()
        assert "<U+001B>[31mred.py" in app.shown
        assert "[red]bold[@click=app.quit].py" in app.shown
        assert "two<U+000A>lines.py" in app.shown
        assert "<U+202E>cod.exe" in app.shown
        for n in range(len(HOSTILE)):
            app.prompt.set_text("")
            await pilot.press("@")
            await until(pilot, lambda: app.offered)
            await pilot.press(*["down"] * n, "tab")
            await pilot.pause()
            assert not {"\x1b", "\x07", "\u202e", "\udcff"} & set(app.shown)
            assert not {"\x1b", "\x07", "\udcff"} & set(app.prompt.text)
            if "\u202e" in HOSTILE[n]:
                assert app.prompt.text == f"@{HOSTILE[n]} "  # what is only invisible is sent as it is


async def test_a_source_that_fails_is_told_once_and_typing_goes_on(tmp_path: Path) -> None:
    async def broken() -> Sequence[str]:
        raise OSError("no such [red]folder\x1b")

    app = PromptStage(tmp_path, files=broken)
    async with app.run_test() as pilot:
        await pilot.press(*"@a @b ")
        await until(pilot, lambda: app.said)
        assert app.said == [("notice", "Names after @ cannot be completed: no such [red]folder<U+001B>")]
        assert app.prompt.text == "@a @b "


async def test_a_slow_source_holds_up_nothing(tmp_path: Path) -> None:
    released = asyncio.Event()

    async def slow() -> Sequence[str]:
        await released.wait()
        return ["later.py"]

    app = PromptStage(tmp_path, files=slow)
    async with app.run_test() as pilot:
        await pilot.press(*"@lat")
        assert (app.prompt.text, app.offered) == ("@lat", [])
        released.set()
        await until(pilot, lambda: app.offered == ["later.py"])


async def test_a_list_is_fetched_once_for_a_few_seconds() -> None:
    calls: list[int] = []

    async def counted() -> Sequence[str]:
        calls.append(1)
        return ["a"]

    listing = Listing(counted)
    assert listing.wants_fetching
    await listing.fetch()
    assert (listing.wants_fetching, listing.index.items, len(calls)) == (False, ("a",), 1)


async def test_a_hundred_thousand_files_do_not_hold_up_the_keys(tmp_path: Path) -> None:
    words = ("agent", "tools", "view", "model", "parser", "index", "history", "test")
    names = [f"{words[n % 8]}/{words[n % 7]}_{n}/{words[n % 5]}_{n}.py" for n in range(100_000)]
    app = PromptStage(tmp_path, files=source(*names, "deep/down/needle_in_hay.py"))
    async with app.run_test() as pilot:
        await pilot.press("@")
        await until(pilot, lambda: app.offered)
        longest = 0.0
        for key in "needlehay":
            started = time.perf_counter()
            app.post_message(events.Key(key, key))
            typed = app.prompt.text + key
            for _ in range(5000):
                if app.prompt.text == typed:
                    break
                await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - started)
        await until(pilot, lambda: app.offered == ["needle_in_hay.py  deep/down"])
        assert longest < 0.5


# Which candidates fit best


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("loop", ["agent/loop.py", "agent/main_loop.py", "web/sloops.py", "loop/a.py"]),
        ("ml", ["agent/main_loop.py"]),
        ("agent/l", ["agent/loop.py", "agent/main_loop.py"]),
        ("LOOP", ["agent/loop.py", "agent/main_loop.py", "web/sloops.py", "loop/a.py"]),
        ("zzz", []),
    ],
)
def test_a_match_in_the_name_goes_before_one_in_the_folder(query: str, order: list[str]) -> None:
    index = Index(["loop/a.py", "web/sloops.py", "agent/main_loop.py", "agent/loop.py"])
    assert [match.text for match in index.best(query, 10)] == order


def test_ties_keep_the_order_of_the_source() -> None:
    names = ["new/view_b.py", "old/view_a.py", "oldest/view_a_long_name.py"]
    assert [match.text for match in Index(names).best("view", 10)] == names


def test_no_name_makes_matching_slow() -> None:
    index = Index(["a" * 4000] * 300)
    started = time.perf_counter()
    assert index.best("a" * 40 + "b", 10) == []
    assert time.perf_counter() - started < 1


def test_letters_whose_small_form_is_longer_do_not_shift_the_matches() -> None:
    [match] = Index(["\u0130\u0130x.py"]).best("x", 10)
    assert match.positions == (2,)


@pytest.mark.parametrize(
    ("line", "column", "found"),
    [
        ("@a", 2, ("reference", "a", 0, 2)),
        ("see @src/x.py", 8, ("reference", "src", 4, 13)),
        ('see @"a b', 9, ("reference", "a b", 4, 9)),
        ('see @"a b" x', 12, None),
        ("(@x", 3, ("reference", "x", 1, 3)),
        ("a@b", 3, None),
        ("/he", 3, ("command", "he", 0, 3)),
        ("/help me", 8, None),
        (" /he", 4, None),
        ("/etc/ho", 7, None),
    ],
)
def test_what_is_completed_depends_on_the_word_at_the_cursor(
    line: str, column: int, found: tuple[str, str, int, int] | None
) -> None:
    trigger = find_trigger(line, 0, column)
    assert (None if trigger is None else (trigger.kind, trigger.query, trigger.start, trigger.end)) == found


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("a.py", "@a.py"),
        ("a b.py", '@"a b.py"'),
        ('a"b', r'@"a\"b"'),
        ("notes.", '@"notes."'),
        ("src/@types/x.ts", '@"src/@types/x.ts"'),
        ("日本.py", "@日本.py"),
    ],
)
def test_a_reference_is_quoted_where_its_end_would_not_be_clear(path: str, written: str) -> None:
    assert reference(path) == written
