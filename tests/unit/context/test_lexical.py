"""BM25 over names, paths, signatures and documentation."""

from __future__ import annotations

import numpy as np
from symbol_graphs import Source, by_name, graph_of, words_of

from codeagent.agent.context.ranking.fusion import fuse
from codeagent.agent.context.ranking.lexical import Lexicon
from codeagent.agent.context.ranking.rows import Grouped
from codeagent.agent.context.ranking.words import asked


def scores(files: dict[str, Source], request: str) -> tuple[dict[str, float], dict[str, float]]:
    graph = graph_of(files)
    lexicon = Lexicon(graph, Grouped(graph.def_name, len(graph.names)))
    words = list(asked(request))
    candidates = lexicon.candidates(words, 100)
    scored = lexicon.score(words, candidates, words_of(files, graph, candidates.tolist()))
    of_files = {graph.paths[file]: score for file, score in zip(scored.files.tolist(), scored.file_scores, strict=True)}
    everything = np.zeros(len(graph.def_file))
    everything[scored.definitions] = scored.definition_scores
    return of_files, by_name(graph, everything.tolist())


def test_a_rare_word_tells_more_than_a_common_one() -> None:
    common = {f"get{n}.py": Source(("function get_value",)) for n in range(10)}
    files, _ = scores({**common, "rare.py": Source(("function flush_cache",))}, "get the cache")
    assert max(files, key=files.__getitem__) == "rare.py"


def test_words_count_by_where_they_stand() -> None:
    files, definitions = scores(
        {
            "named.py": Source(("function merge_headers", "function other")),
            "told.py": Source(("function other",), docs={"other": "Merge the headers."}),
            "uses.py": Source(("function other",), ("merge_headers",)),
            "headers/merge.py": Source(("function other",)),
            "nothing.py": Source(("function other",)),
        },
        "merge headers",
    )
    assert files["headers/merge.py"] > files["named.py"] > files["uses.py"] > files["nothing.py"] == 0
    assert files["told.py"] > 0
    assert definitions["named.py:merge_headers"] > definitions["told.py:other"] > definitions["named.py:other"] == 0


def test_a_method_is_found_by_the_words_of_its_class() -> None:
    _, definitions = scores(
        {
            "a.py": Source(("class HeaderParser", "method HeaderParser.feed", "method HeaderParser.close")),
            "b.py": Source(("class Stream", "method Stream.feed")),
        },
        "feed the parser",
    )
    assert max(definitions, key=definitions.__getitem__) == "a.py:HeaderParser.feed"


def test_a_long_file_is_not_found_for_its_length() -> None:
    long = Source((*(f"function thing{n}_of_part{n}" for n in range(200)), "function load_font"))
    files, _ = scores({"long.py": long, "short.py": Source(("function load_font",))}, "load font")
    assert files["short.py"] > files["long.py"]


def test_words_that_stand_nowhere_earn_nothing() -> None:
    files, definitions = scores({"a.py": Source(("function f",))}, "quantum entanglement")
    assert set(files.values()) == {0.0}
    assert set(definitions.values()) == {0.0}


def test_candidates_are_the_files_with_most_of_the_words() -> None:
    graph = graph_of(
        {
            "both.py": Source(("function read_token",)),
            "one.py": Source(("function read",)),
            "none.py": Source(("function write",)),
        }
    )
    found = Lexicon(graph, Grouped(graph.def_name, len(graph.names))).candidates(list(asked("read token")), 2)
    assert [graph.paths[file] for file in found.tolist()] == ["both.py", "one.py"]


def test_an_empty_graph_has_no_words() -> None:
    assert scores({}, "anything") == ({}, {})


def test_rankings_are_joined_by_their_places_and_weights() -> None:
    first, second = np.array([9.0, 5.0, 0.0, 0.0]), np.array([0.0, 7.0, 8.0, 0.0])
    joined = fuse([(1.0, first), (1.0, second)], 4)
    assert int(np.argmax(joined)) == 1
    assert joined[3] == 0.0
    assert int(np.argmax(fuse([(5.0, first), (1.0, second)], 4))) == 1
    assert int(np.argmax(fuse([(1.0, first), (0.01, second)], 4))) == 0
    assert fuse([], 4).tolist() == [0.0] * 4
