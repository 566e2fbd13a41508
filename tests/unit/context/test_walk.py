"""Who uses whom decides what matters: PageRank on graphs written down by hand."""

from __future__ import annotations

import time

import numpy as np
import pytest
from symbol_graphs import Source, by_name, by_path, graph_of

from codeagent.agent.context.index.graph import Strings, SymbolGraph
from codeagent.agent.context.ranking.walk import Ranks, Walk


def ranks_of(files: dict[str, Source], *start: str, asked: tuple[str, ...] = ()) -> tuple[SymbolGraph, Ranks]:
    graph = graph_of(files)
    paths = list(graph.paths)
    weights = np.array([float(path in start) for path in paths]) if start else None
    return graph, Walk(graph).ranks(weights, np.array([path in asked for path in paths], np.bool_))


def test_what_most_files_use_ranks_first() -> None:
    graph, ranks = ranks_of(
        {
            "core.py": Source(("function load_settings",)),
            "leaf.py": Source(("function unused_helper",)),
            "a.py": Source(uses=("load_settings",)),
            "b.py": Source(uses=("load_settings",)),
            "c.py": Source(uses=("load_settings", "unused_helper")),
        }
    )
    files = by_path(graph, ranks.files)
    assert max(files, key=files.__getitem__) == "core.py"
    assert list(graph.paths)[int(graph.def_file[int(np.argmax(ranks.definitions))])] == "core.py"
    assert sum(files.values()) == pytest.approx(1.0)


def test_rank_flows_on_to_what_the_used_file_uses() -> None:
    graph, ranks = ranks_of(
        {
            "low.py": Source(("function bottom",)),
            "mid.py": Source(("function middle",), ("bottom",)),
            **{f"user{n}.py": Source(uses=("middle",)) for n in range(5)},
            "other.py": Source(("function aside",)),
            "one.py": Source(uses=("aside",)),
        }
    )
    files = by_path(graph, ranks.files)
    assert files["low.py"] > files["other.py"]


def test_a_name_that_stands_everywhere_weighs_little() -> None:
    users = {f"u{n}.py": Source(uses=("log",)) for n in range(30)}
    graph, ranks = ranks_of(
        {
            "log.py": Source(("function log",)),
            "rare.py": Source(("function parse_manifest",)),
            **users,
            "start.py": Source(uses=("log", "parse_manifest")),
        },
        "start.py",
    )
    files = by_path(graph, ranks.files)
    assert files["rare.py"] > 2 * files["log.py"]


def test_a_name_of_many_definitions_gives_each_less_than_its_share() -> None:
    graph, ranks = ranks_of(
        {
            **{f"many{n}.py": Source(("function handle",)) for n in range(4)},
            "one.py": Source(("function manage",)),
            "start.py": Source(uses=("handle", "manage")),
        },
        "start.py",
    )
    files = by_path(graph, ranks.files)
    assert sum(files[f"many{n}.py"] for n in range(4)) < files["one.py"]


def test_private_names_weigh_little() -> None:
    graph, ranks = ranks_of(
        {
            "private.py": Source(("function _shared",)),
            "public.py": Source(("function shared",)),
            "start.py": Source(uses=("_shared", "shared")),
        },
        "start.py",
    )
    files = by_path(graph, ranks.files)
    assert files["public.py"] > 5 * files["private.py"]


def test_what_a_file_defines_itself_is_not_meant_to_be_anothers() -> None:
    graph, ranks = ranks_of(
        {
            "a.py": Source(("function main", "function alpha"), ("main",)),
            "b.py": Source(("function main", "function beta"), ("main", "alpha")),
        },
        "a.py",
    )
    files = by_path(graph, ranks.files)
    assert files["b.py"] == 0.0


def test_languages_that_cannot_use_each_other_do_not_meet() -> None:
    graph, ranks = ranks_of(
        {
            "a.go": Source(("function Render",), language="go"),
            "b.js": Source(("function Render",), language="javascript"),
            "c.ts": Source(uses=("Render",), language="typescript"),
            "notes.txt": Source(("heading Render",), language=None),
        },
        "c.ts",
    )
    files = by_path(graph, ranks.files)
    assert files["b.js"] > 0
    assert files["a.go"] == files["notes.txt"] == 0.0


def test_a_method_counts_where_its_class_is_named() -> None:
    graph, ranks = ranks_of(
        {
            "log.py": Source(("class Log", "method Log.append", "method Log.rotate")),
            "uses.py": Source(uses={"Log": 1, "rotate": 1, "append": 1}),
            **{f"list{n}.py": Source(uses={"append": 9}) for n in range(20)},
        }
    )
    definitions = by_name(graph, ranks.definitions)
    assert definitions["log.py:Log"] > definitions["log.py:Log.rotate"] > definitions["log.py:Log.append"]


def test_what_stands_inside_a_function_cannot_be_used_by_others() -> None:
    graph, ranks = ranks_of(
        {
            "a.py": Source(("function make", "function make.setter")),
            "b.py": Source(uses=("setter",)),
        },
        "b.py",
    )
    assert by_path(graph, ranks.files)["a.py"] == 0.0


def test_a_walk_from_a_file_ranks_what_it_uses_above_what_all_use() -> None:
    graph, ranks = ranks_of(
        {
            "hub.py": Source(("function connect_all",)),
            "near.py": Source(("function compute_tax",)),
            **{f"u{n}.py": Source(uses=("connect_all",)) for n in range(20)},
            "start.py": Source(uses=("compute_tax",)),
        },
        "start.py",
    )
    files = by_path(graph, ranks.files)
    assert files["near.py"] > files["hub.py"]


def test_definitions_in_tests_rank_low_unless_they_are_asked_for() -> None:
    files = {
        "app.py": Source(("function serve",)),
        "tests/test_app.py": Source(("function test_serve",), ("serve",)),
        "src/app.test.ts": Source(("function checkServe",), language="typescript"),
    }
    graph, ranks = ranks_of(files)
    definitions = by_name(graph, ranks.definitions)
    assert definitions["tests/test_app.py:test_serve"] < definitions["app.py:serve"] / 10
    assert definitions["src/app.test.ts:checkServe"] < definitions["app.py:serve"] / 10
    _, asked = ranks_of(files, asked=("tests/test_app.py",))
    assert by_name(graph, asked.definitions)["tests/test_app.py:test_serve"] == pytest.approx(
        20 * definitions["tests/test_app.py:test_serve"]
    )


@pytest.mark.parametrize(
    "path", ["tests/a.py", "test/a.c", "a/b/__tests__/x.js", "x_test.go", "x.spec.ts", "AppTest.java", "conftest.py"]
)
def test_files_that_are_tests(path: str) -> None:
    assert Walk(graph_of({path: Source(), "latest.py": Source(), "protest/contest.py": Source()})).tests.tolist() == [
        name == path for name in sorted([path, "latest.py", "protest/contest.py"])
    ]


@pytest.mark.parametrize("files", [{}, {"a.py": Source()}, {"a.py": Source(uses=("x",))}])
def test_a_graph_without_links_is_ranked_too(files: dict[str, Source]) -> None:
    graph, ranks = ranks_of(files)
    assert len(ranks.files) == len(graph.paths)
    assert len(ranks.definitions) == 0
    assert np.isfinite(ranks.files).all()


def test_a_hundred_thousand_files_are_ranked_in_seconds() -> None:
    files, definitions, uses = 100_000, 500_000, 1_000_000
    random = np.random.default_rng(1)
    def_file = np.sort(random.integers(0, files, definitions)).astype(np.int32)
    ref_file = np.sort(random.integers(0, files, uses)).astype(np.int32)
    common = np.minimum(random.zipf(1.3, uses), 399_999)
    graph = SymbolGraph(
        generation=1,
        paths=Strings.of(f"d{n // 100:04}/f{n:06}.py" for n in range(files)),
        contents=np.arange(files),
        languages=("python",),
        file_language=np.zeros(files, np.int16),
        file_lines=np.ones(files, np.int32),
        names=Strings.of(f"name_{n}" for n in range(400_000)),
        def_file=def_file,
        def_name=random.integers(0, 400_000, definitions).astype(np.int32),
        def_scope=np.full(definitions, -1, np.int32),
        def_kind=np.full(definitions, 6, np.uint8),
        def_start=np.ones(definitions, np.int32),
        def_end=np.ones(definitions, np.int32),
        def_parent=np.full(definitions, -1, np.int32),
        first_def=np.searchsorted(def_file, np.arange(files + 1)),
        ref_file=ref_file,
        ref_name=np.where(random.random(uses) < 0.5, random.integers(0, 400_000, uses), common).astype(np.int32),
        ref_count=np.ones(uses, np.int32),
        first_ref=np.searchsorted(ref_file, np.arange(files + 1)),
    )
    start = time.process_time()
    walk = Walk(graph)
    ranks = walk.ranks()
    assert time.process_time() - start < 10  # about half a second on an idle machine
    assert ranks.files.sum() == pytest.approx(1.0)
