"""One row of a measurement: ours, the limit or peer of the same run, the ratio and what was expected; measures nothing.

A script prints its rows as it goes. Run by table.py, it also leaves them in the file that CODEAGENT_BENCH_ROWS names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROWS = "CODEAGENT_BENCH_ROWS"


@dataclass(frozen=True)
class Row:
    """Both figures with their units. `met` is None where nothing was measured, and then `ours` says why."""

    what: str
    ours: str
    other: str
    ratio: str
    expected: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """One word."""
        return "-" if self.met is None else "yes" if self.met else "NO"


def report(
    what: str, ours: str, other: str, ratio: float, *, least: float | None = None, most: float | None = None,
    percent: bool = False,
) -> Row:  # fmt: skip
    """Print a row and keep it. The ratio is expected to be at least `least` or at most `most`."""

    def written(value: float) -> str:
        return f"{value:.1%}" if percent else f"{value:.3g}"

    if least is not None:
        expected, met = f"at least {written(least)}", ratio >= least
    elif most is not None:
        expected, met = f"at most {written(most)}", ratio <= most
    else:
        raise ValueError("a figure that nothing was expected of is no row")
    return keep(Row(what, ours, other, written(ratio), expected, met))


def unmeasured(what: str, why: str) -> Row:
    """A row for what this run could not measure."""
    return keep(Row(what, why, "", "", "", None))


def keep(row: Row) -> Row:
    """Print a row, and leave it for the table."""
    against = f" against {row.other}, ratio {row.ratio} (expected {row.expected}: {row.verdict})" if row.other else ""
    print(f"{row.what}: {row.ours}{against}", flush=True)
    if place := os.environ.get(ROWS):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
    return row


def read(place: Path) -> list[Row]:
    """The rows that scripts have left."""
    lines = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
    return [Row(**json.loads(line)) for line in lines]


def table(rows: Sequence[Row]) -> str:
    """All rows as a Markdown table whose columns line up."""
    cells = [("what", "ours", "limit or peer, same run", "ratio", "expected", "met")]
    cells += [(row.what, row.ours, row.other, row.ratio, row.expected, row.verdict) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
