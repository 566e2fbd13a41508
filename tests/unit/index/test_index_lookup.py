"""How symbols are found by name, and what the flat arrays hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from index_stage import open_index, write

from codeagent.agent.context.index.graph import KINDS, Strings
from codeagent.agent.context.index.index import CodeIndex

TREE = {
    "app/session.py": """
class Session:
    def run(self):
        return self.step(helper())

    def step(self, x):
        return helper()

    class Inner:
        def run(self):
            pass


def run():
    return Session().run()


def helper():
    return None
""",
    "app/other.py": """
class Runner:
    def run(self):
        return RUN


def RUN():
    return helper(helper())


def run_all_tests():
    helper()


class ReadFileBytes:
    pass


def read_file_back():
    pass
""",
    "lib/copy.py": "def helper():\n    return None\n",
    "lib/copy2.py": "def helper():\n    return None\n",
    "README.md": "# Session\n\nText.\n\n## run\n",
    "empty.py": "",
}


@pytest_asyncio.fixture
async def index(workspace: Path, tmp_path: Path) -> AsyncGenerator[CodeIndex]:
    write(workspace, TREE)
    async with open_index(workspace, tmp_path / "cache" / "index.sqlite") as index:
        await index.refresh()
        yield index


def found(index: CodeIndex, name: str, limit: int = 50) -> list[str]:
    return [f"{f.path}:{f.symbol.qualified}" for f in index.find(name, limit)]


def completed(index: CodeIndex, part: str, limit: int = 50) -> list[str]:
    return [f.symbol.qualified for f in index.complete(part, limit)]


async def test_a_plain_name_finds_what_stands_alone_first_then_members_then_other_cases(index: CodeIndex) -> None:
    names = found(index, "run")
    assert names[0] == "app/session.py:run"
    assert set(names[1:-1]) == {
        "app/session.py:Session.run",
        "app/session.py:Session.Inner.run",
        "app/other.py:Runner.run",
        "README.md:Session.run",
    }
    assert names[-1] == "app/other.py:RUN"
    assert found(index, "run", 2) == names[:2]


async def test_a_qualified_name_finds_it_then_other_cases_then_what_ends_in_it(index: CodeIndex) -> None:
    assert set(found(index, "Session.run")) == {"app/session.py:Session.run", "README.md:Session.run"}
    assert found(index, "Inner.run") == ["app/session.py:Session.Inner.run"]
    assert set(found(index, "session.RUN")) == {"app/session.py:Session.run", "README.md:Session.run"}
    assert found(index, "Nothing.run") == []


async def test_a_definition_that_several_files_share_is_found_in_each(index: CodeIndex) -> None:
    assert sorted(found(index, "helper")) == ["app/session.py:helper", "lib/copy.py:helper", "lib/copy2.py:helper"]


async def test_completion_begins_with_the_part_then_spells_humps_then_holds_it(index: CodeIndex) -> None:
    assert completed(index, "run")[:2] == ["run", "Session.run"]
    assert completed(index, "run")[-2:] == ["run_all_tests", "Runner"] or "Runner" in completed(index, "run")
    assert completed(index, "rfb") == ["ReadFileBytes", "read_file_back"]
    assert completed(index, "file") == ["ReadFileBytes", "read_file_back"]
    assert completed(index, "RUN")[0] == "RUN"
    assert completed(index, "zzz") == []
    assert len(completed(index, "", 3)) == 3


async def test_a_part_with_a_dot_completes_members(index: CodeIndex) -> None:
    assert sorted(set(completed(index, "Session."))) == ["Session.Inner", "Session.run", "Session.step"]
    assert completed(index, "session.ST") == ["Session.step"]
    assert completed(index, "Session.Inner.r") == ["Session.Inner.run"]
    assert completed(index, "Nothing.r") == []


async def test_references_say_where_and_inside_what(index: CodeIndex) -> None:
    uses = {(f.path, f.line, f.inside.qualified if f.inside else None) for f in index.references("helper")}
    assert uses == {
        ("app/session.py", 4, "Session.run"),
        ("app/session.py", 7, "Session.step"),
        ("app/other.py", 8, "RUN"),
        ("app/other.py", 12, "run_all_tests"),
    }
    assert len(index.references("helper", 2)) == 2


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a.", ".a", "%", "_", "\\", "'", "\0", "\n", "\ud800", "run\ud800", "x" * 100_000, "." * 999],
)
async def test_any_text_may_be_asked_for(index: CodeIndex, text: str) -> None:
    index.find(text)
    index.complete(text)
    index.references(text)
    index.symbols(text)
    assert index.find("%") == []
    assert index.complete("%") == []


async def test_the_statistics_count_what_there_is(index: CodeIndex) -> None:
    stats = index.stats()
    assert (stats.files, dict(stats.languages), dict(stats.partial)) == (6, {"Python": 5, "Markdown": 1}, {})
    assert stats.definitions == sum(len(index.symbols(file.path)) for file in index.files())
    assert stats.bytes == sum(len(text) for text in TREE.values())
    assert stats.database_bytes > 0


async def test_the_arrays_hold_the_same_as_the_questions(index: CodeIndex) -> None:
    graph = index.graph()
    assert graph.generation == index.generation
    assert list(graph.paths) == [file.path for file in index.files()]
    for number, file in enumerate(index.files()):
        language = graph.file_language[number]
        assert (graph.languages[language] if language >= 0 else None) == file.language
        assert graph.file_lines[number] == file.lines
        first, end = int(graph.first_def[number]), int(graph.first_def[number + 1])
        symbols = index.symbols(file.path)
        assert [
            (
                graph.names[int(graph.def_name[row])],
                graph.qualified(row),
                KINDS[int(graph.def_kind[row])],
                int(graph.def_start[row]),
                int(graph.def_end[row]),
                int(graph.def_parent[row]) - first if graph.def_parent[row] >= 0 else None,
                int(graph.def_file[row]),
            )
            for row in range(first, end)
        ] == [(s.name, s.qualified, s.kind, s.start, s.end, s.parent, number) for s in symbols]
    uses = Counter[tuple[str, str]]()
    for row in range(len(graph.ref_name)):
        path, name = graph.paths[int(graph.ref_file[row])], graph.names[int(graph.ref_name[row])]
        assert graph.first_ref[graph.ref_file[row]] <= row < graph.first_ref[graph.ref_file[row] + 1]
        uses[path, name] += int(graph.ref_count[row])
    for name in graph.names:
        assert Counter(f.path for f in index.references(name)) == {p: n for (p, of), n in uses.items() if of == name}
    contents = dict(zip(graph.paths, graph.contents.tolist(), strict=True))
    assert contents["lib/copy.py"] == contents["lib/copy2.py"] != contents["app/session.py"]


async def test_words_are_the_signatures_and_documentation_in_the_order_of_the_arrays(index: CodeIndex) -> None:
    graph = index.graph()
    for words in index.words(graph):
        symbols = index.symbols(graph.paths[words.file])
        assert list(words.signatures) == [s.signature for s in symbols]
        assert list(words.docs) == [s.doc for s in symbols]
    assert [words.file for words in index.words(graph, [3, 1])] == [3, 1]


async def test_words_of_a_content_that_went_are_none(index: CodeIndex, workspace: Path) -> None:
    graph = index.graph()
    for file in index.files():
        (workspace / file.path).unlink()
    await index.refresh()
    assert len(list(index.words(graph))) == 6
    assert len(index.graph().paths) == 0


def test_strings_are_a_sequence_of_any_texts() -> None:
    texts = ["a", "", "new\nline", "bad\udcff", "ümlaut", "a.b/c"]
    strings = Strings.of(texts)
    assert (list(strings), len(strings), strings[-1], strings[1:3]) == (texts, 6, "a.b/c", texts[1:3])
    assert [strings.find(text) for text in texts] == list(range(6))
    assert [strings.find(text) for text in ("b", "new", "\ud800")] == [-1, -1, -1]
    assert list(Strings.of([])) == []
    with pytest.raises(IndexError):
        strings[6]
