"""Prose is drawn the same however it was cut while it came, and what is copied of it is what was written."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.selection import SELECT_ALL, Selection

from codeagent.tui.prose.growing import GrowingMarkdown
from codeagent.tui.prose.lines import lines_of
from codeagent.tui.prose.markdown import blocks_of
from codeagent.tui.prose.pieces import Piece
from codeagent.tui.prose.prose import Prose

TEXT = """# Title

A *paragraph* with `code`, a [link](https://example.com/a) and **strong words**,
over two lines.

- one
- two
  - inner

1. first

   more of it
2. second

3. third, after an empty line

```python
def f(x: int) -> str:
    '''A text
    of lines.'''

    return f"{x}"


class C:
    pass
```

~~~
no language
```
~~~

> quoted
> - in a list

| name | value |
|------|------:|
| a    | 1     |

---

the end
"""


def whole(text: str) -> list[Piece]:
    pieces: list[Piece] = []
    for block in blocks_of(text):
        if pieces:
            pieces.append(Piece(pieces[0].content[:0]))
        pieces += block.pieces
    return pieces


def told(pieces: list[Piece]) -> list[tuple[str, str, str, str]]:
    return [(piece.kind, piece.first, piece.rest, piece.content.plain) for piece in pieces]


def grown(text: str, sizes: list[int]) -> GrowingMarkdown:
    growing = GrowingMarkdown()
    at = turn = 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        growing.write(text[at : at + size])
        at, turn = at + size, turn + 1
    growing.finish()
    return growing


@pytest.mark.parametrize("size", [1, 2, 3, 7, 40, 1000])
def test_text_that_came_in_pieces_stands_as_if_it_had_come_whole(size: int) -> None:
    assert told(grown(TEXT, [size]).pieces) == told(whole(TEXT))


LINES = [
    "- item",
    "* star",
    "1. one",
    "2. two",
    "  nested",
    "    deep",
    "```",
    "```py",
    "~~~~",
    "x = 1",
    "# head",
    "===",
    "> said",
    "",
    "",
    "| a | b |",
    "|---|---|",
    "text *em*",
    "\tcode",
    "<div>",
]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(LINES), max_size=14), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_no_mixture_of_blocks_loses_a_letter_however_it_is_cut(lines: list[str], sizes: list[int]) -> None:
    text = "\n".join(lines)
    letters = sorted("".join(piece.content.plain for piece in grown(text, sizes).pieces).replace(" ", ""))
    assert letters == sorted("".join(piece.content.plain for piece in whole(text)).replace(" ", ""))


def test_what_is_written_at_the_end_leaves_what_stands_far_above() -> None:
    growing = GrowingMarkdown(TEXT)
    before = list(growing.pieces)
    first = growing.write("\n\nand more")
    assert first > len(before) - 12
    assert growing.pieces[:first] == before[:first]


def test_a_long_code_block_is_not_read_again_from_its_beginning() -> None:
    growing = GrowingMarkdown("```python\n")
    first = 0
    for number in range(200):
        first = growing.write(f"def f{number}():\n    return {number}\n\n")
    assert first > 590


@settings(deadline=None)
@given(st.text(max_size=80), st.integers(1, 30))
def test_every_letter_is_drawn_at_any_width(text: str, width: int) -> None:
    for piece in GrowingMarkdown(text).pieces:
        drawn = "".join(part.content.plain for line in lines_of(piece, width) for part in line)
        for letter in piece.content.plain.replace(" | ", ""):
            assert letter.isspace() or letter in drawn


class Page(App[None]):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.links: list[str] = []

    def compose(self) -> ComposeResult:
        yield Prose(self.text)

    def on_prose_link_chosen(self, event: Prose.LinkChosen) -> None:
        self.links.append(event.href)


@pytest.mark.case(25)
async def test_a_click_on_a_link_tells_where_it_leads_and_opens_nothing() -> None:
    app = Page("see [the manual](https://example.com/manual) for more")
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.click(Prose, offset=(7, 0))
        await pilot.click(Prose, offset=(2, 0))
    assert app.links == ["https://example.com/manual"]


async def test_lines_that_were_wrapped_are_copied_whole() -> None:
    words = " ".join(f"word{number}" for number in range(40))
    app = Page(f"- {words}\n- next\n\n```\nx = '{'y' * 60}'\n```")
    async with app.run_test(size=(30, 30)):
        found = app.query_one(Prose).get_selection(SELECT_ALL)
    assert found is not None
    assert found[0] == f"- {words}\n- next\n\nx = '{'y' * 60}'"


async def test_what_the_mouse_marks_is_what_is_copied() -> None:
    app = Page("first line here\n\n- an item of a list")
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.mouse_down(Prose, offset=(7, 0))
        await pilot.hover(Prose, offset=(8, 2))
        await pilot.mouse_up(Prose, offset=(8, 2))
        await pilot.pause()
        marked = app.screen.get_selected_text()
        assert app.query_one(Prose).text_selection == Selection(Offset(6, 0), Offset(8, 2))
    assert marked == "line here\n\n- an ite"


async def test_text_that_grows_makes_the_widget_higher_and_no_other() -> None:
    app = Page("one")
    async with app.run_test(size=(40, 20)) as pilot:
        prose = app.query_one(Prose)
        assert prose.size.height == 1
        prose.write(" two")
        await pilot.pause()
        assert prose.size.height == 1
        prose.write("\n\nthree")
        await pilot.pause()
        assert prose.size.height == 3
        prose.rewrite("other")
        await pilot.pause()
        assert prose.size.height == 1


@pytest.mark.case(24)
async def test_what_a_terminal_could_obey_is_made_visible() -> None:
    app = Page("a\x1b]52;c;x\x07b `\u202e` &#8238; [x](\x1b[2J)")
    async with app.run_test(size=(60, 10)):
        prose = app.query_one(Prose)
        drawn = "".join(prose.render_line(y).text for y in range(prose.size.height))
        drawn += str([segment.style for segment in prose.render_line(0)])
    assert not set(drawn) & {"\x1b", "\x07", "\u202e"}
    assert "<U+202E>" in drawn


@pytest.mark.case(24)
async def test_text_like_markup_is_text() -> None:
    app = Page("[bold]x[/bold] [@click=app.quit]y[/] **[red]z**")
    async with app.run_test(size=(60, 10)):
        assert "[bold]x[/bold] [@click=app.quit]y[/] [red]z" in app.query_one(Prose).render_line(0).text


async def test_random_text_never_breaks_the_drawing() -> None:
    chance = random.Random(7)
    alphabet = "ab `*_~[]()#>-+|\\\n\t1.!<&漢\u0301👩‍💻"
    for _ in range(60):
        text = "".join(chance.choice(alphabet) for _ in range(chance.randint(0, 300)))
        app = Page("")
        async with app.run_test(size=(chance.randint(10, 60), 20)) as pilot:
            prose = app.query_one(Prose)
            for at in range(0, len(text), 17):
                prose.write(text[at : at + 17])
            prose.finish()
            await pilot.pause()
