"""Which files and definitions a request speaks of."""

from __future__ import annotations

import pytest
from symbol_graphs import Source, graph_of

from codeagent.agent.context.ranking.meaning import CERTAIN, Meaning
from codeagent.agent.context.ranking.rows import Grouped
from codeagent.agent.context.ranking.seeds import Place, Seeds

NOTHING = Seeds()
FILES = {
    "app/session.py": Source(("class Session", "method Session.run", "method Session.close", "function open_session")),
    "app/loop.py": Source(("class Loop", "method Loop.run", "method Loop.close")),
    "app/util/text.py": Source(("function trim", "constant WIDTH")),
    "data/package.json": Source(("key trim", "key scripts"), language="json"),
    "tests/test_session.py": Source(("function test_run",)),
    "lib/util/text.py": Source(("function pad_left",)),
}


def meant(request: str, seeds: Seeds = NOTHING) -> dict[str, float]:
    graph = graph_of(FILES)
    found: dict[str, float] = {}
    for one in Meaning(graph, Grouped(graph.def_name, len(graph.names))).of(request, seeds):
        name = f":{graph.qualified(one.definition)}" if one.definition >= 0 else ""
        found[graph.paths[one.file] + name] = one.sure
    return found


def certain(request: str, seeds: Seeds = NOTHING) -> set[str]:
    return {name for name, sure in meant(request, seeds).items() if sure >= CERTAIN}


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        ("Session.run hangs", {"app/session.py:Session.run"}),
        ("`self.close()` in `Session.close`", {"app/session.py:Session.close", "app/loop.py:Loop.close"}),
        ("why does open_session() fail", {"app/session.py:open_session"}),
        ("app.session.Session.run", {"app/session.py:Session.run"}),
        ("text.trim is wrong", {"app/util/text.py:trim"}),
        ("WIDTH in `WIDTH`", {"app/util/text.py:WIDTH"}),
        ("see app/session.py", {"app/session.py"}),
        ("see session.py", {"app/session.py"}),
        ("see ./app/loop.py:3", {"app/loop.py"}),
        ("/home/me/src/app/loop.py is slow", {"app/loop.py"}),
        ("import app.util.text", {"app/util/text.py"}),
        ("nothing_like_this and no/such/file.py", set()),
        ("", set()),
    ],
)
def test_what_is_named_for_certain(request_: str, names: set[str]) -> None:
    assert certain(request_) >= names
    assert {name.partition(":")[0] for name in certain(request_)} == {name.partition(":")[0] for name in names}


def test_code_is_meant_rather_than_a_key_of_the_same_name() -> None:
    assert "data/package.json:trim" not in meant("`trim`")


def test_another_case_and_many_definitions_make_it_less_sure() -> None:
    assert 0 < meant("`OPEN_SESSION`")["app/session.py:open_session"] < CERTAIN
    many = {f"m{n}.py": Source(("function handle",)) for n in range(20)}
    graph = graph_of(many)
    found = Meaning(graph, Grouped(graph.def_name, len(graph.names))).of("`handle`", Seeds())
    assert len(found) == 20
    assert all(one.sure < 0.5 for one in found)


def test_a_path_that_fits_several_files_is_shared_among_them() -> None:
    found = meant("util/text.py")
    assert found["app/util/text.py"] == found["lib/util/text.py"] == pytest.approx(0.5)


def test_files_of_a_named_folder_are_meant_a_little() -> None:
    assert 0 < meant("everything in app/util/")["app/util/text.py"] < CERTAIN


def test_a_place_in_a_traceback_means_the_definition_around_it() -> None:
    found = meant('File "/ci/build/app/session.py", line 15, in run')
    assert found["app/session.py:Session.run"] > 0.5
    seeds = Seeds(places=(Place("app/session.py", 15),))
    assert meant("fix it", seeds)["app/session.py:Session.run"] > 0.5


def test_seeds_name_symbols_and_paths() -> None:
    assert certain("", Seeds(names=("Loop",), paths=("lib/util/text.py",))) == {"app/loop.py:Loop", "lib/util/text.py"}


def test_plain_words_mean_little() -> None:
    found = meant("The Session should trim what we run")
    assert 0 < found["app/session.py:Session"] < 0.5
    assert 0 < found["app/util/text.py:trim"] < 0.5


@pytest.mark.parametrize(
    "text", ["\ud800.\ud800", "`\udce4`", "a\nb/c.py", "\x00", "../../../etc/passwd.txt", "." * 999]
)
def test_strange_texts_mean_nothing(text: str) -> None:
    assert certain(text, Seeds(names=(text,), paths=(text,), places=(Place(text, 1),))) == set()
