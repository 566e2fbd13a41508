"""Symbol graphs written down by hand, as an index would read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from codeagent.agent.context.index.graph import KINDS, FileWords, Strings, SymbolGraph


@dataclass
class Source:
    """A file: its definitions as "kind qualified.name", the names it uses, and how often if more than once."""

    defines: tuple[str, ...] = ()
    uses: tuple[str, ...] | Mapping[str, int] = ()
    language: str | None = "python"
    docs: Mapping[str, str] = field(default_factory=dict[str, str])


def graph_of(files: Mapping[str, Source]) -> SymbolGraph:
    """The graph; the definitions of a file stand on lines 1, 11, 21, … and are ten lines long, or up to the last one
    inside them."""
    paths = sorted(files)
    languages = tuple(dict.fromkeys(source.language for source in files.values() if source.language))
    names: dict[str, int] = {}
    rows: list[tuple[int, int, int, int, int, int, int]] = []
    first_def, first_ref = [0], [0]
    uses: list[tuple[int, int, int]] = []
    for file, path in enumerate(paths):
        source, before = files[path], len(rows)
        places = {text.split()[1]: place for place, text in enumerate(source.defines)}
        for place, text in enumerate(source.defines):
            kind, qualified = text.split()
            scope, _, name = qualified.rpartition(".")
            inside = [at for other, at in places.items() if other.startswith(qualified + ".")]
            rows.append(
                (
                    file,
                    names.setdefault(name, len(names)),
                    names.setdefault(scope, len(names)) if scope else -1,
                    KINDS.index(kind),  # type: ignore[arg-type]  # a wrong kind fails the test
                    place * 10 + 1,
                    max([place, *inside]) * 10 + 10,
                    before + places[scope] if scope in places else -1,
                )
            )
        counts = source.uses if isinstance(source.uses, Mapping) else dict.fromkeys(source.uses, 1)
        uses += sorted((file, names.setdefault(name, len(names)), count) for name, count in counts.items())
        first_def.append(len(rows))
        first_ref.append(len(uses))
    table = np.array(rows, np.int32).reshape(-1, 7)
    used = np.array(uses, np.int32).reshape(-1, 3)
    return SymbolGraph(
        generation=1,
        paths=Strings.of(paths),
        contents=np.arange(len(paths)),
        languages=languages,
        file_language=np.array([_number(languages, files[path].language) for path in paths], np.int16),
        file_lines=np.array([len(files[path].defines) * 10 for path in paths], np.int32),
        names=Strings.of(names),
        def_file=table[:, 0],
        def_name=table[:, 1],
        def_scope=table[:, 2],
        def_kind=table[:, 3].astype(np.uint8),
        def_start=table[:, 4],
        def_end=table[:, 5],
        def_parent=table[:, 6],
        first_def=np.array(first_def),
        ref_file=used[:, 0],
        ref_name=used[:, 1],
        ref_count=used[:, 2],
        first_ref=np.array(first_ref),
    )


def _number(languages: tuple[str, ...], language: str | None) -> int:
    return languages.index(language) if language else -1


def words_of(files: Mapping[str, Source], graph: SymbolGraph, wanted: Iterable[int]) -> list[FileWords]:
    """The texts of some files: the signature is kind and name."""
    found: list[FileWords] = []
    for file in wanted:
        source = files[graph.paths[file]]
        docs = [source.docs.get(text.split()[1], "") for text in source.defines]
        found.append(FileWords(file, [text.split()[1].rpartition(".")[2] for text in source.defines], docs))
    return found


def by_path(graph: SymbolGraph, scores: Iterable[float]) -> dict[str, float]:
    """Scores of files by path."""
    return dict(zip(graph.paths, scores, strict=True))


def by_name(graph: SymbolGraph, scores: Iterable[float]) -> dict[str, float]:
    """Scores of definitions by "path:qualified name"."""
    return {
        f"{graph.paths[int(graph.def_file[row])]}:{graph.qualified(row)}": score for row, score in enumerate(scores)
    }
