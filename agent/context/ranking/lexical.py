"""BM25 over the words of paths, names, signatures and documentation, for files and their definitions; knows no
database.

Names and paths of all files are kept as postings, which takes some ten bytes a name. Signatures and documentation are
looked at for a request, and only of the files that names and paths let hope most: postings of these would be as large
as everything else together, and be out of date with every edit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.index.graph import FileWords, Strings, SymbolGraph
from codeagent.agent.context.ranking.rows import Grouped, spans
from codeagent.agent.context.ranking.words import words_of

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

# How often a word counts that stands once in a file's path, in a name the file defines, in one it uses, in a signature
# or documentation; and the same of a definition's own name, the names around it, and its text. Then the two constants
# of BM25: how soon more of the same word tells no more, and how much a long text is held against it.
IN_PATH, DEFINED, USED, TOLD = 4.0, 0.5, 0.2, 0.5
IN_NAME, IN_SCOPE, IN_TEXT = 3.0, 2.0, 1.0
FILE_SATURATION, FILE_LENGTH = 2.4, 0.6
SATURATION, LENGTH = 0.8, 0.5


@dataclass(frozen=True)
class Scored:
    """What words earn: one figure for each of the `files`, and for each of the `definitions`, as rows of the graph."""

    files: Rows
    file_scores: Floats
    definitions: Rows
    definition_scores: Floats
    by_word: Floats
    """What each word, by row, adds to the score of each of the `files`."""

    @classmethod
    def nothing(cls) -> Scored:
        """Of no files."""
        return cls(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 0)))


class Postings:
    """Which texts each word stands in."""

    def __init__(self, texts: Strings) -> None:
        hashes, rows = [np.zeros(0, np.uint64)], [np.zeros(0, np.int32)]
        for part in words_of(texts):
            hashes.append(part.hashes)
            rows.append(part.rows.astype(np.int32))
        together, row = np.concatenate(hashes), np.concatenate(rows)
        del hashes, rows
        self.lengths: Floats = np.bincount(row, minlength=len(texts)).astype(np.float64)
        """How many words each text has."""
        order = np.argsort(together, kind="stable")
        together, row = together[order], row[order]
        self._words, starts = np.unique(together, return_index=True)
        self._first = np.append(starts, len(row))
        self._rows = row

    def of(self, word: int) -> NDArray[np.int32]:
        """The texts of a word, ascending; one in which it stands twice, twice."""
        at = int(np.searchsorted(self._words, np.uint64(word)))
        if at == len(self._words) or int(self._words[at]) != word:
            return self._rows[:0]
        return self._rows[int(self._first[at]) : int(self._first[at + 1])]


class Lexicon:
    """The words of one graph."""

    def __init__(self, graph: SymbolGraph, by_name: Grouped) -> None:
        """`by_name` are the definitions by their names."""
        self._graph = graph
        self._names, self._paths = Postings(graph.names), Postings(graph.paths)
        count = len(graph.names)
        self._defined, self._used = by_name, Grouped(graph.ref_name, count)
        self._scoped = Grouped(graph.def_scope, count)
        self._uses: NDArray[np.float32] = np.log2(1.0 + graph.ref_count).astype(np.float32)
        words = self._names.lengths
        lengths = IN_PATH * self._paths.lengths
        lengths += _sums(graph.def_file, DEFINED * words[graph.def_name], len(graph.paths))
        lengths += _sums(graph.ref_file, USED * self._uses * words[graph.ref_name], len(graph.paths))
        self._norm = _norm(lengths, FILE_LENGTH)

    def candidates(self, words: Iterable[int], limit: int) -> Rows:
        """The files whose paths and names have most of the words, best first."""
        scores = np.zeros(len(self._graph.paths))
        for word in words:
            scores += _weigh(self._in_files(word), self._norm, FILE_SATURATION)
        return np.argsort(-scores, kind="stable")[:limit]

    def score(self, words: Sequence[int], files: Rows, texts: Iterable[FileWords]) -> Scored:
        """What these files and their definitions earn; `texts` are those of the same files, in any order."""
        graph = self._graph
        counts = graph.first_def[files + 1] - graph.first_def[files]
        rows = spans(graph.first_def[files], graph.first_def[files + 1])
        place = np.full(len(graph.paths), -1)
        place[files] = np.cumsum(counts) - counts - graph.first_def[files]
        among = np.full(len(graph.paths), -1)
        among[files] = np.arange(len(files))
        told = _Told(graph, words, texts)
        lengths = IN_NAME * self._names.lengths[graph.def_name[rows]]
        scope = graph.def_scope[rows]
        lengths += IN_SCOPE * np.where(scope >= 0, self._names.lengths[scope], 0.0)
        lengths += IN_TEXT * told.lengths(place, len(rows))
        norm = _norm(lengths, LENGTH)
        of_definitions = np.zeros(len(rows))
        by_word = np.zeros((len(words), len(files)))

        def inside(definitions: NDArray[np.integer[Any]]) -> Rows:
            kept = definitions[among[graph.def_file[definitions]] >= 0].astype(np.int64)
            return place[graph.def_file[kept]] + kept

        for at, word in enumerate(words):
            names = self._names.of(word)
            texts_with, times = told.of(word)
            found = _sums(inside(texts_with), IN_TEXT * times, len(rows))
            found += IN_NAME * np.bincount(inside(self._defined.of(names)), minlength=len(rows))
            found += IN_SCOPE * np.bincount(inside(self._scoped.of(names)), minlength=len(rows))
            of_definitions += _weigh(found, norm, SATURATION)
            everywhere = self._in_files(word)
            everywhere += _sums(graph.def_file[texts_with], TOLD * times, len(graph.paths))
            by_word[at] = _weigh(everywhere, self._norm, FILE_SATURATION)[files]
        return Scored(files, by_word.sum(axis=0), rows, of_definitions, by_word)

    def _in_files(self, word: int) -> Floats:
        graph, files = self._graph, len(self._graph.paths)
        names = self._names.of(word)
        used = self._used.of(names)
        found = DEFINED * np.bincount(graph.def_file[self._defined.of(names)], minlength=files)
        found += _sums(graph.ref_file[used], USED * self._uses[used].astype(np.float64), files)
        return found + IN_PATH * np.bincount(self._paths.of(word), minlength=files)


class _Told:
    """Which signatures and documentation hold the words of a request."""

    def __init__(self, graph: SymbolGraph, words: Sequence[int], texts: Iterable[FileWords]) -> None:
        told: list[str] = []
        rows: list[Rows] = [np.zeros(0, np.int64)]
        for file in texts:
            defined = np.arange(int(graph.first_def[file.file]), int(graph.first_def[file.file + 1]))
            if len(file.signatures) == len(file.docs) == len(defined):
                told += file.signatures
                told += file.docs
                rows += [defined, defined]
        parts = list(words_of(Strings.of(told)))
        hashes = np.concatenate([np.zeros(0, np.uint64), *(part.hashes for part in parts)])
        self._all = np.concatenate(rows)[np.concatenate([np.zeros(0, np.int64), *(part.rows for part in parts)])]
        kept = np.isin(hashes, np.array(words, np.uint64))
        self._hashes, self._rows = hashes[kept], self._all[kept]
        self._files = graph.def_file

    def of(self, word: int) -> tuple[Rows, Floats]:
        """The definitions whose text has a word, and how often."""
        rows, times = np.unique(self._rows[self._hashes == np.uint64(word)], return_counts=True)
        return rows, times.astype(np.float64)

    def lengths(self, place: Rows, count: int) -> Floats:
        """How many words the text of each definition has, where `place` moves the rows of each file."""
        return np.bincount(self._all + place[self._files[self._all]], minlength=count).astype(np.float64)


def _sums(rows: NDArray[np.int32] | Rows, amounts: Floats, count: int) -> Floats:
    return np.bincount(rows, weights=amounts, minlength=count).astype(np.float64)


def _norm(lengths: Floats, share: float) -> Floats:
    mean = float(lengths.mean()) if len(lengths) else 0.0
    return 1.0 - share + share * lengths / (mean or 1.0)


def _weigh(found: Floats, norm: Floats, saturation: float) -> Floats:
    """What one word earns: the rarer, the more; the more often, the more, but ever less so. Robertson and Zaragoza,
    "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with fields."""
    having = int(np.count_nonzero(found))
    rarity = np.log(1.0 + (len(found) - having + 0.5) / (having + 0.5))
    return rarity * found * (1.0 + saturation) / (found + saturation * norm)
