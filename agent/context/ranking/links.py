"""Which file uses whose definitions, as sparse lists with weights; knows no rank and no request.

From a file to the names it uses, from a name to the definitions of it: one entry a reference and one a definition. A
graph of files with an edge for each pair of user and definer would need their product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.index.graph import SymbolGraph
from codeagent.agent.context.ranking.kinds import classes, families, hidden, kind_weights, referable
from codeagent.agent.context.ranking.rows import Grouped, find_sorted

Floats = NDArray[np.float64]
Rows = NDArray[np.int32]

PRIVATE = 0.1
"""What the use of a name weighs that begins with an underscore."""
UNSURE = 0.1
"""What the use of a method's name weighs in a file that names none of the classes that have such a method: it is more
often a method of something from elsewhere, as `join` or `items`."""
FEW = 8
"""A method's name that is defined more often is unsure anyway."""
HIDDEN = 0.1
"""What a definition inside a function weighs, which others cannot use."""
LOCAL = 0.1
"""What a use inside the defining file adds to a definition, measured by a use from elsewhere."""
PRESENCE = 0.05
"""What the definitions of a file get together for standing in it, used or not."""


@dataclass(frozen=True)
class Links:
    """Weights are shares: those of a file's uses and what is to spare add up to 1, and so do those of the definitions
    of a name."""

    user: Rows
    """U: the file that uses a name which others define."""
    used: Rows
    """U: the name, as one of `names`."""
    use_weight: NDArray[np.float32]
    spare: Floats
    """F: the rest up to 1, where a walk goes on anywhere: the fewer names a file uses, the more."""

    names: int
    """How many different names there are, those of languages that cannot use each other counted apart."""
    definition: Rows
    """The definitions that others may use, as rows of the graph."""
    defines: Rows
    """The name of each."""
    definition_weight: NDArray[np.float32]

    inside: NDArray[np.float32]
    """D: what a definition gets of its own file's rank."""


def links_of(graph: SymbolGraph) -> Links:
    """The links of a graph. Uses that no definition of the workspace can be meant by are left out; what a file defines
    itself counts as its own, whoever else defines that name. Where several files define a name, none is preferred.
    """
    files = len(graph.paths)
    inner = hidden(graph)
    weights = kind_weights()[graph.def_kind] * np.where(inner, HIDDEN, 1.0)
    family = np.append(families(graph.languages), np.int16(-1))[graph.file_language].astype(np.int64)
    span = max(1, len(graph.names))
    definition = np.flatnonzero(referable()[graph.def_kind] & ~inner & (family[graph.def_file] >= 0))
    definition = definition.astype(np.int32)
    keys, defines = _numbered(family[graph.def_file[definition]] * span + graph.def_name[definition])
    used = find_sorted(keys, family[graph.ref_file] * span + graph.ref_name)
    used[family[graph.ref_file] < 0] = -1
    reference = np.flatnonzero(used >= 0).astype(np.int32)
    used, user = used[reference], graph.ref_file[reference]
    wide = max(1, len(keys))  # more than there are names, where several families of languages share one
    pairs, pair_of = _numbered(graph.def_file[definition].astype(np.int64) * wide + defines)
    own = find_sorted(pairs, user.astype(np.int64) * wide + used)
    definers = np.bincount(pairs % wide, minlength=len(keys))
    amount = np.sqrt(graph.ref_count[reference]) * _telling(graph, keys % span, used, definers)[used]
    far = own < 0
    sure = ~far | _sure(graph, definition, defines, reference, used)
    surely = (1.0 + np.bincount(used, weights=sure, minlength=len(keys))) / (
        1.0 + np.bincount(used, minlength=len(keys))
    )
    amount *= np.where(sure, 1.0, UNSURE) * surely[used]
    abroad = np.bincount(user[far], weights=amount[far], minlength=files)
    whole = np.bincount(user, weights=amount, minlength=files)
    rest = np.log(1.0 + files / 2.0)
    at_home = np.bincount(own[~far], weights=LOCAL * amount[~far] / whole[user[~far]], minlength=len(pairs))
    present = np.bincount(graph.def_file, weights=weights, minlength=files)
    inside = PRESENCE * weights / np.maximum(1.0, present[graph.def_file])
    inside[definition] += at_home[pair_of] * _shares(pair_of, weights[definition])
    return Links(
        user=user[far],
        used=used[far],
        use_weight=(amount[far] / (abroad + rest)[user[far]]).astype(np.float32),
        spare=rest / (abroad + rest),
        names=len(keys),
        definition=definition,
        defines=defines,
        definition_weight=_shares(defines, weights[definition]).astype(np.float32),
        inside=inside.astype(np.float32),
    )


def _numbered(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], Rows]:
    """The different keys, ascending, and which of them each one is."""
    different, places = np.unique(keys, return_inverse=True)
    return different, places.astype(np.int32)


def _shares(groups: Rows, weights: Floats) -> Floats:
    return weights / np.bincount(groups, weights=weights)[groups] if len(groups) else weights


def _telling(graph: SymbolGraph, names: NDArray[np.int64], used: Rows, definers: NDArray[np.int64]) -> Floats:
    """What a use of each name tells: the more files use or define it, the less; private names little."""
    users = np.bincount(used, minlength=len(names))
    rarity = np.log(1.0 + len(graph.paths) / (1.0 + users)) / np.sqrt(np.maximum(1, definers))
    first = np.frombuffer(graph.names.block, np.uint8)[
        np.minimum(graph.names.starts[names], len(graph.names.block) - 1)
    ]
    return rarity * np.where(first == ord("_"), PRIVATE, 1.0)


def _sure(graph: SymbolGraph, definition: Rows, defines: Rows, reference: Rows, used: Rows) -> NDArray[np.bool_]:
    """Which uses are of a name that not only methods have, or stand in a file that names a class with such a method."""
    parent = graph.def_parent[definition]
    method = (parent >= 0) & classes()[graph.def_kind[np.maximum(parent, 0)]]
    owner = graph.def_name[np.maximum(parent, 0)].astype(np.int64)
    names = int(defines.max(initial=-1)) + 1
    sure = (np.bincount(defines[~method], minlength=names) > 0)[used]
    grouped = Grouped(defines, names)
    sizes = grouped.sizes()[used]
    doubtful = np.flatnonzero(~sure & (sizes <= FEW))
    rows = grouped.of(used[doubtful])
    asking = np.repeat(np.arange(len(doubtful)), sizes[doubtful])
    span = max(1, len(graph.names))
    uses = np.sort(graph.ref_file.astype(np.int64) * span + graph.ref_name)
    wanted = graph.ref_file[reference[doubtful[asking]]].astype(np.int64) * span + owner[rows]
    sure[doubtful[asking[find_sorted(uses, wanted) >= 0]]] = True
    return sure
