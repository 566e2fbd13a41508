"""The programs that only look, with the options and operands that keep it so; a closed list, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from codeagent.tools.commands.options import Options
from codeagent.tools.commands.reach import SECRET_NAMES

Operands = Literal["paths", "pattern and paths", "text", "none"]


@dataclass(frozen=True)
class Reader:
    """What one program may be given. `most` is how many operands; `added` goes behind its options: it takes secrets
    out of a search and keeps configuration from mattering. `pattern_options` stand for the pattern operand.
    """

    options: Options = field(default_factory=Options)
    operands: Operands = "paths"
    most: int = 1000
    added: tuple[str, ...] = ()
    pattern_options: tuple[str, ...] = ()
    recursive: tuple[str, ...] = ()


_HASHES = Reader(Options("bt", long="binary text tag zero"))
_TEXT = Reader(operands="text")

READERS: dict[str, Reader] = {
    "ls": Reader(
        Options(
            "aAbBcCdfFgGhHiklLmnNopqQrRsStuUvxXZ1",
            "IwT",
            long="all almost-all human-readable recursive reverse size inode directory classify full-time color "
            "group-directories-first no-group si numeric-uid-gid dereference",
            attached="sort time time-style format indicator-style block-size quoting-style",
            long_valued="ignore hide",
        )
    ),
    "cat": Reader(Options("AbeEnstTuv", long="number number-nonblank show-all show-ends show-tabs squeeze-blank")),
    "tac": Reader(),
    "rev": Reader(),
    "nl": Reader(Options("p", "bdfhilnsvw")),
    "head": Reader(Options("qvz", "nc", long="quiet verbose", long_valued="lines bytes", numbers=True)),
    "tail": Reader(Options("qvz", "nc", long="quiet verbose", long_valued="lines bytes", numbers=True)),
    "wc": Reader(Options("clmwL", long="lines words bytes chars max-line-length")),
    "grep": Reader(
        Options(
            "EFGPivwxcLlnoqsHhbTUzarI",
            "eABCm",
            long="extended-regexp fixed-strings basic-regexp perl-regexp ignore-case no-ignore-case invert-match "
            "word-regexp line-regexp count color colour files-with-matches files-without-match only-matching quiet "
            "silent no-messages line-number with-filename no-filename byte-offset recursive text null",
            attached="binary-files",
            long_valued="regexp max-count after-context before-context context include exclude exclude-dir",
            numbers=True,
        ),
        "pattern and paths",
        added=tuple(f"--{kind}={name}" for name in SECRET_NAMES for kind in ("exclude", "exclude-dir")),
        pattern_options=("-e", "--regexp"),
        recursive=("-r", "--recursive"),
    ),
    "rg": Reader(
        Options(
            "nNiswSxvclFoHIPU0.u",
            "egtTABCmMjdr",
            long="line-number no-line-number ignore-case smart-case case-sensitive word-regexp line-regexp "
            "invert-match count count-matches files-with-matches files-without-match fixed-strings only-matching "
            "with-filename no-filename heading no-heading files type-list stats vimgrep json multiline pcre2 hidden "
            "no-ignore no-ignore-vcs trim column no-messages passthru unrestricted text",
            long_valued="regexp glob iglob type type-not max-count after-context before-context context max-columns "
            "max-depth max-filesize color colors sort sortr replace threads",
        ),
        "pattern and paths",
        added=("--no-config", *(f"--iglob=!{name}" for name in SECRET_NAMES)),
        pattern_options=("-e", "--regexp", "--files", "--type-list"),
        recursive=("",),
    ),
    "sort": Reader(
        Options(
            "bdfghiMnRrVcCmsuz",
            "kt",
            long="numeric-sort reverse unique human-numeric-sort version-sort ignore-case stable check "
            "ignore-leading-blanks general-numeric-sort month-sort zero-terminated",
            long_valued="key field-separator",
        )
    ),
    "uniq": Reader(Options("cdDiuz", "fsw", long="count repeated unique ignore-case"), most=1),
    "cut": Reader(
        Options("nsz", "bcdf", long="complement only-delimited", long_valued="bytes characters fields delimiter")
    ),
    "paste": Reader(Options("sz", "d")),
    "comm": Reader(Options("123z"), most=2),
    "tr": Reader(Options("cCdst", long="complement delete squeeze-repeats truncate-set1"), "text"),
    "diff": Reader(
        Options(
            "abBcdeEilnNpqstTuwyZ",
            "CUWIxF",
            long="brief unified context side-by-side ignore-case ignore-all-space ignore-space-change "
            "ignore-blank-lines color minimal strip-trailing-cr suppress-common-lines text report-identical-files",
            numbers=True,
        ),
        most=2,
    ),
    "cmp": Reader(Options("bls", "in", long="verbose silent quiet print-bytes"), most=4),
    "du": Reader(
        Options(
            "abchHkmsSx0",
            "dBt",
            long="all apparent-size bytes human-readable summarize total max-depth si separate-dirs",
        )
    ),
    "df": Reader(Options("ahHiklPT", "tx", long="human-readable all inodes print-type total local")),
    "tree": Reader(
        Options(
            "adfshpugDCFrtin",
            "LPI",
            long="dirsfirst noreport gitignore prune du si inodes device ignore-case filesfirst",
            attached="filelimit timefmt sort",
        )
    ),
    "file": Reader(Options("bhikLNr", long="brief mime mime-type mime-encoding dereference no-dereference")),
    "stat": Reader(Options("Ltf", "c", long="dereference terse file-system", long_valued="format", attached="printf")),
    "realpath": Reader(
        Options("eLmPqsz", long="strip zero quiet", attached="relative-to relative-base"),
    ),
    "readlink": Reader(Options("efmnqsvz", long="canonicalize no-newline quiet")),
    "column": Reader(Options("txneL", "sco", long="table", long_valued="separator output-separator columns")),
    "od": Reader(Options("abcdfilosxv", "AjNtw")),
    "hexdump": Reader(Options("bcCdoxv", "ns")),
    "sha256sum": _HASHES,
    "sha1sum": _HASHES,
    "sha512sum": _HASHES,
    "md5sum": _HASHES,
    "cksum": Reader(),
    "basename": Reader(Options("az", "s", long="multiple zero"), "text"),
    "dirname": Reader(Options("z"), "text"),
    "pwd": Reader(Options("LP"), "none"),
    "date": Reader(
        Options("uR", "d", "I", long="utc universal iso-8601 rfc-email", long_valued="date"), "text", most=1
    ),
    "which": Reader(Options("a"), "text"),
    "seq": Reader(Options("w", "fs"), "text"),
    "uname": Reader(Options("asnrvmpio", long="all"), "none"),
    "whoami": Reader(operands="none"),
    "id": Reader(Options("ugnGr"), "none"),
    "nproc": Reader(Options(long="all"), "none"),
    "true": _TEXT,
    "false": _TEXT,
}
