"""The map of a repository: as much as fits, the same every time, and what changed since."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from index_stage import open_index, write

from codeagent.agent.context import repo_map
from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.repo_map import RepoMap, build_map, map_delta, map_tokens
from codeagent.agent.context.retrieval import Retriever

FILES = {
    "core/engine.py": '''class Engine:
    """Runs."""

    size = 3

    def start(self, speed: int) -> None:
        pass

    def stop(self) -> None:
        pass


def make_engine(size: int) -> Engine:
    return Engine()
''',
    "core/gear.py": "def shift_gear(engine, to):\n    return to\n",
    "app.py": "from core.engine import Engine, make_engine\n\n\ndef main() -> int:\n    make_engine(1).start(3)\n",
    "zoo.py": "from core.engine import Engine\n\n\ndef visit(engine: Engine) -> None:\n    engine.stop()\n",
    "data.json": '{"engine": {"size": 1}}',
}


class Counter:
    """Counts words and signs, and how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, text: str) -> int:
        self.calls += 1
        return len(text) // 3


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    write(root, FILES)
    return root


@pytest.fixture
async def index(root: Path, tmp_path: Path) -> AsyncGenerator[CodeIndex]:
    async with open_index(root, tmp_path / "cache" / "index.sqlite") as index:
        await index.refresh()
        yield index


async def map_of(index: CodeIndex, budget: int = 1000, request: str = "") -> RepoMap:
    return await build_map(index, await Retriever(index).rank(request), budget, Counter())


async def test_the_map_is_a_tree_of_signatures_by_path(index: CodeIndex) -> None:
    text = (await map_of(index)).text
    assert text.splitlines()[1:] == [
        "app.py",
        "  def main() -> int",
        "core/engine.py",
        "  class Engine",
        "    def start(self, speed: int) -> None",
        "    def stop(self) -> None",
        "  def make_engine(size: int) -> Engine",
        "core/gear.py",
        "  def shift_gear(engine, to)",
        "zoo.py",
        "  def visit(engine: Engine) -> None",
    ]


async def test_a_small_map_has_what_others_use_most(index: CodeIndex) -> None:
    text = (await map_of(index, 50)).text
    assert "class Engine" in text
    assert "shift_gear" not in text


async def test_a_method_stands_below_its_class(index: CodeIndex) -> None:
    text = (await map_of(index, 48, "`Engine.stop`")).text
    assert text.splitlines()[1:4] == ["core/engine.py", "  class Engine", "    def stop(self) -> None"]


async def test_a_map_of_a_request_has_what_it_is_about(index: CodeIndex) -> None:
    assert "shift_gear" in (await map_of(index, 50, "shifting the gear")).text


@pytest.mark.parametrize("budget", [0, 1, 20, 40, 50, 60, 70, 80, 90, 1000])
async def test_the_map_never_costs_more_than_it_may(index: CodeIndex, budget: int) -> None:
    counter = Counter()
    found = await build_map(index, await Retriever(index).rank(), budget, counter)
    assert found.tokens <= budget
    assert found.tokens == len(found.text) // 3
    assert counter.calls <= repo_map.COUNTS


async def test_a_large_repository_takes_few_counts_and_fills_its_tokens(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    width = [3, 90, 10, 40]
    write(
        root,
        {
            f"m{n // 20}/f{n}.py": "".join(
                f"def f{n}_{k}({'x' * width[(n + k) % 4]}):\n    return f{(n * 7 + k) % 300}_{k}()\n" for k in range(9)
            )
            for n in range(300)
        },
    )
    async with open_index(root, tmp_path / "cache" / "index.sqlite") as index:
        await index.refresh()
        for budget in (200, 1000, 4000):
            counter = Counter()
            found = await build_map(index, await Retriever(index).rank(), budget, counter)
            assert budget * 0.93 < found.tokens <= budget
            assert counter.calls <= repo_map.COUNTS


async def test_a_tokenizer_of_any_density_is_kept_to(index: CodeIndex) -> None:
    async def dense(text: str) -> int:
        return len(text) * 4

    async def sparse(text: str) -> int:
        return len(text) // 50

    ranked = await Retriever(index).rank()
    full = (await map_of(index)).text
    assert (await build_map(index, ranked, len(full) * 4, dense)).text == full
    assert 0 < (await build_map(index, ranked, 600, dense)).tokens <= 600
    assert (await build_map(index, ranked, 50, sparse)).text == full


async def test_the_same_index_gives_the_same_map(index: CodeIndex, root: Path, tmp_path: Path) -> None:
    first = await map_of(index, 60)
    assert (await map_of(index, 60)).text == first.text
    async with open_index(root, tmp_path / "other" / "index.sqlite") as other:
        await other.refresh()
        assert (await map_of(other, 60)).text == first.text


async def test_what_files_hold_cannot_break_the_lines_of_the_map(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write(
        root,
        {
            "evil\u202ename.py": "def f(a='\u202e\x07\x1b[2J'):\n    pass\n",
            "long.py": f"def g({', '.join(f'argument_{n}: int' for n in range(500))}):\n    pass\n",
            "split.py": "def h(a,\n      b='\r',\n      c=1):\n    pass\n",
        },
    )
    async with open_index(root, tmp_path / "cache" / "index.sqlite") as index:
        await index.refresh()
        lines = (await map_of(index)).text.split("\n")
    assert len(lines) == 7
    assert all(line.isprintable() and len(line) < 160 for line in lines)
    assert any(line.endswith("…") for line in lines)


async def test_an_empty_folder_has_no_map(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    async with open_index(tmp_path / "root", tmp_path / "cache" / "index.sqlite") as index:
        await index.refresh()
        empty = await map_of(index)
        assert (empty.text, empty.tokens) == ("", 0)
        write(tmp_path / "root", {"new.py": "def born():\n    pass\n"})
        await index.refresh()
        text, _ = map_delta(empty, index, ())
        assert text.splitlines()[1:] == ["+ new.py", "  + def born()"]


@pytest.mark.parametrize(
    ("parameters", "window", "tokens"), [(500_000_000, 32_768, 500), (7_000_000_000, 32_768, 1000), (0, 4096, 204)]
)
def test_small_models_and_windows_get_small_maps(parameters: int, window: int, tokens: int) -> None:
    assert map_tokens(parameters, window) == tokens


async def changed(index: CodeIndex, root: Path, files: dict[str, str | None]) -> None:
    for name, text in files.items():
        if text is None:
            (root / name).unlink()
        else:
            write(root, {name: text})
    await index.refresh()


async def test_nothing_is_told_while_nothing_changes(index: CodeIndex, root: Path) -> None:
    known = await map_of(index)
    assert map_delta(known, index, ())[0] == ""
    await changed(index, root, {"core/engine.py": FILES["core/engine.py"].replace("pass", "return None")})
    text, known = map_delta(known, index, ())
    assert text == ""
    assert map_delta(known, index, ()) == ("", known)


async def test_what_is_new_gone_and_different_is_told_once(index: CodeIndex, root: Path) -> None:
    known = await map_of(index)
    engine = FILES["core/engine.py"].replace("speed: int", "speed: float").replace("def stop(self)", "def halt(self)")
    await changed(index, root, {"core/engine.py": engine, "zoo.py": None, "park.py": "class Park:\n    pass\n"})
    text, after = map_delta(known, index, ())
    assert text.splitlines()[1:] == [
        "- zoo.py",
        "core/engine.py",
        "  - Engine.stop",
        "  ~ Engine: def start(self, speed: float) -> None",
        "  + Engine: def halt(self) -> None",
        "+ park.py",
        "  + class Park",
    ]
    assert map_delta(after, index, ())[0] == ""
    assert after.text == known.text
    await changed(index, root, {"park.py": None})
    assert map_delta(after, index, ())[0].splitlines()[1:] == ["- park.py"]


async def test_a_file_that_moves_is_told_as_such(index: CodeIndex, root: Path) -> None:
    known = await map_of(index)
    await changed(index, root, {"core/gear.py": None, "parts/gear.py": FILES["core/gear.py"]})
    text, after = map_delta(known, index, ())
    assert text.splitlines()[1:] == ["core/gear.py → parts/gear.py"]
    await changed(index, root, {"parts/gear.py": "def shift_gear(engine):\n    pass\n"})
    assert map_delta(after, index, ())[0].splitlines()[1:] == ["parts/gear.py", "  ~ def shift_gear(engine)"]


async def test_what_the_map_does_not_show_is_told_only_where_it_is_new(index: CodeIndex, root: Path) -> None:
    known = await map_of(index, 50)
    assert "core/gear.py" not in known.shown
    await changed(index, root, {"core/gear.py": "def shift_gear(engine):\n    pass\n\n\ndef brake():\n    pass\n"})
    text, known = map_delta(known, index, ())
    assert text.splitlines()[1:] == ["core/gear.py", "  + def brake()"]
    await changed(index, root, {"core/gear.py": None})
    assert map_delta(known, index, ())[0].splitlines()[1:] == ["- core/gear.py"]


async def test_what_the_model_did_itself_is_not_told_now_or_later(index: CodeIndex, root: Path) -> None:
    known = await map_of(index)
    await changed(index, root, {"own.py": "def mine():\n    pass\n", "zoo.py": None})
    text, known = map_delta(known, index, {"own.py", "zoo.py"})
    assert text == ""
    assert map_delta(known, index, ())[0] == ""


async def test_private_and_inner_definitions_are_no_news(index: CodeIndex, root: Path) -> None:
    known = await map_of(index)
    text = FILES["core/gear.py"] + "\n\ndef _hidden():\n    def inner():\n        pass\n\n\nLIMIT = 3\n"
    await changed(index, root, {"core/gear.py": text})
    assert map_delta(known, index, ())[0] == ""


async def test_of_much_that_changed_only_the_first_is_told(index: CodeIndex, root: Path) -> None:
    known = await map_of(index)
    many = "".join(f"def f{n}():\n    pass\n\n\n" for n in range(50))
    await changed(index, root, {f"new/f{n:02}.py": many for n in range(30)})
    lines = map_delta(known, index, ())[0].splitlines()
    assert lines[-1] == "… 10"
    assert lines.count("  … 42") == 20
    assert len(lines) == 2 + 20 * 10
