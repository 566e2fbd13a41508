"""What kinds of definitions and which files weigh in a ranking; knows no graph walk."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.index.graph import KINDS, Strings, SymbolGraph

_WEIGHTS = {
    "module": 0.5,
    "class": 1.0,
    "interface": 1.0,
    "struct": 1.0,
    "enum": 1.0,
    "trait": 1.0,
    "function": 1.0,
    "method": 0.8,
    "constant": 0.3,
    "variable": 0.2,
    "field": 0.1,
    "type": 0.8,
    "macro": 0.6,
    "table": 0.8,
    "element": 0.02,
    "rule": 0.02,
    "key": 0.02,
    "heading": 0.05,
}
_REFERABLE = frozenset(KINDS) - {"field", "element", "rule", "key", "heading"}
# Languages whose files use each other's definitions.
_FAMILIES = {
    "javascript": "js",
    "typescript": "js",
    "tsx": "js",
    "c": "c",
    "cpp": "c",
    "java": "jvm",
    "kotlin": "jvm",
    "scala": "jvm",
}
_TEST = re.compile(
    rb"\n(?:[^\n]*/)?(?:(?:tests?|__tests__|testing|specs?|testdata|fixtures)/[^\n]*|"
    rb"tests?_[^\n/]*|conftest\.py|[^\n/]*(?:_tests?|_spec|\.test|\.spec|Tests?)\.[A-Za-z0-9]+)(?=\n)"
)


def kind_weights() -> NDArray[np.float64]:
    """How much a definition tells of a repository, by its place in `KINDS`."""
    return np.array([_WEIGHTS[kind] for kind in KINDS])


def referable() -> NDArray[np.bool_]:
    """Which kinds a reference can mean, by their place in `KINDS`."""
    return np.array([kind in _REFERABLE for kind in KINDS])


def classes() -> NDArray[np.bool_]:
    """Which kinds have methods, by their place in `KINDS`."""
    return np.array([kind in ("class", "interface", "struct", "enum", "trait") for kind in KINDS])


def routines() -> NDArray[np.bool_]:
    """Which kinds hide what is defined inside them, by their place in `KINDS`."""
    return np.array([kind in ("function", "method") for kind in KINDS])


def hidden(graph: SymbolGraph) -> NDArray[np.bool_]:
    """Which definitions stand inside a function, where nobody else can use them."""
    around = (
        routines()[graph.def_kind[np.maximum(graph.def_parent, 0)]] if len(graph.def_kind) else np.zeros(0, np.bool_)
    )
    return (graph.def_parent >= 0) & around


def families(languages: tuple[str, ...]) -> NDArray[np.int16]:
    """A number for each language, equal for those that use each other's names."""
    names = [_FAMILIES.get(language, language) for language in languages]
    known = {name: at for at, name in enumerate(dict.fromkeys(names))}
    return np.array([known[name] for name in names], np.int16)


def test_files(paths: Strings) -> NDArray[np.bool_]:
    """Which files are tests by their names or folders."""
    found = np.zeros(len(paths), np.bool_)
    starts = [match.start() + 1 for match in _TEST.finditer(paths.block)]
    found[np.searchsorted(paths.starts, np.array(starts, np.int64))] = True
    return found
