"""The git commands that only look, with the options that keep it so; a closed list, as data."""

from __future__ import annotations

from codeagent.tools.commands.options import Options
from codeagent.tools.commands.readers import Reader

# Set for every git that runs unasked: whatever a repository's configuration says, it starts nothing.
GUARDS = (
    "--no-pager",
    "--no-optional-locks",
    *(
        part
        for setting in (
            "core.fsmonitor=false",
            "core.hooksPath=/dev/null",
            "core.alternateRefsCommand=",
            "safe.bareRepository=explicit",
            "log.showSignature=false",
            "protocol.allow=never",
        )
        for part in ("-c", setting)
    ),
)

_DIFF = (
    "stat numstat shortstat dirstat summary name-only name-status color no-color word-diff color-words patch no-patch "
    "raw minimal patience histogram ignore-all-space ignore-space-change ignore-space-at-eol ignore-blank-lines "
    "ignore-cr-at-eol unified function-context find-renames find-copies no-renames exit-code quiet full-index binary "
    "pickaxe-all pickaxe-regex text relative compact-summary no-prefix abbrev check"
)
_LOG = (
    "oneline graph decorate no-decorate all branches tags remotes merges no-merges first-parent reverse abbrev-commit "
    "no-abbrev-commit topo-order date-order author-date-order left-right cherry-pick cherry boundary relative-date "
    "no-walk walk-reflogs follow full-history simplify-by-decoration pretty format invert-grep regexp-ignore-case "
    "extended-regexp fixed-strings perl-regexp all-match no-notes notes source count ancestry-path simplify-merges"
)
_LOG_VALUES = "author committer grep since until after before max-count skip date"
_WITHOUT_PROGRAMS = ("--no-ext-diff", "--no-textconv")
_LOG_READER = Reader(
    Options("pusiwbEFPgzcmrt", "nSGL", "UMCDl", f"{_LOG} {_DIFF}", "diff-filter diff-algorithm", _LOG_VALUES, True),
    added=_WITHOUT_PROGRAMS,
)

GIT_READERS: dict[str, Reader] = {
    "status": Reader(
        Options(
            "sbvz",
            "",
            "uM",
            "short branch porcelain long show-stash untracked-files ignored renames no-renames ahead-behind "
            "no-ahead-behind column no-column verbose",
        ),
        added=("--ignore-submodules=dirty",),
    ),
    "diff": Reader(
        Options(
            "puswbRaWz",
            "SG",
            "UMCBDl",
            f"{_DIFF} cached staged merge-base",
            "diff-filter diff-algorithm",
        ),
        added=(*_WITHOUT_PROGRAMS, "--ignore-submodules=dirty"),
    ),
    "log": _LOG_READER,
    "show": _LOG_READER,
    "reflog": _LOG_READER,
    "blame": Reader(
        Options("bcefklnstwMC", "L", long="line-porcelain porcelain show-name show-number show-email date"),
        added=("--no-textconv",),
    ),
    "branch": Reader(
        Options(
            "avri",
            long="all list remotes verbose show-current color no-color column no-column ignore-case",
            attached="sort format",
            long_valued="contains no-contains points-at",
        ),
        most=20,
    ),
    "tag": Reader(Options("l", "", "n", "list column no-column", "sort format", "contains points-at"), most=20),
    "remote": Reader(Options("v", long="verbose"), "text", most=2),
    "stash": Reader(operands="text", most=1),
    "worktree": Reader(Options(long="porcelain"), "text", most=1),
    "rev-parse": Reader(
        Options(
            long="abbrev-ref show-toplevel git-dir git-common-dir short verify is-inside-work-tree quiet "
            "symbolic-full-name show-prefix show-cdup all branches tags absolute-git-dir is-bare-repository"
        )
    ),
    "ls-files": Reader(
        Options(
            "cdmosktuzv",
            long="cached deleted modified others stage ignored exclude-standard unmerged full-name error-unmatch "
            "directory abbrev",
        )
    ),
    "ls-tree": Reader(Options("drtlz", long="name-only name-status full-name full-tree long abbrev")),
    "rev-list": Reader(Options("", "n", "", f"{_LOG} objects", "", _LOG_VALUES, True)),
    "merge-base": Reader(Options("a", long="all is-ancestor fork-point octopus")),
    "describe": Reader(Options(long="tags always long abbrev all contains exact-match first-parent")),
    "shortlog": Reader(Options("nse", long=f"numbered summary email {_LOG}", long_valued=_LOG_VALUES)),
    "grep": Reader(
        Options(
            "EFGPivwnlLchHoIpWq",
            "eABCm",
            long="extended-regexp fixed-strings basic-regexp perl-regexp ignore-case invert-match word-regexp "
            "line-number files-with-matches name-only files-without-match count cached untracked heading break "
            "show-function function-context color no-color only-matching all-match",
            long_valued="max-depth max-count after-context before-context context",
            numbers=True,
        ),
        "pattern and paths",
        added=("--no-textconv",),
        pattern_options=("-e",),
    ),
}
