"""The symbols of Bash."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.sh")) == snapshot(
        [
            '6-6 constant BUILD_DIR | readonly BUILD_DIR="build" | Where the build goes.',
            '7-7 constant PATH | export PATH="$PATH:$HOME/bin" LANG=C',
            '7-7 constant LANG | export PATH="$PATH:$HOME/bin" LANG=C',
            "8-8 variable targets | declare -a targets=(one two)",
            "9-9 constant VERSION | VERSION=$(git describe)",
            "10-10 variable count | count=0",
            "19-23 function log | log() | Says something",
            "25-32 function build | function build",
            "34-39 function deploy | function deploy()",
            "  35-35 function deploy.inner | inner()",
            "46-46 constant TRACE | TRACE=1",
            "47-47 function trace | trace()",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.sh")) == snapshot(
        [
            ": set:3",
            "VERSION: git:9",
            ": alias:12 source:14 .:15",
            "log: printf:22",
            "build: log:27 return:27 compile:28 tee:28 check_tools:29 cd:30 make:30",
            "deploy.inner: echo:35",
            "deploy: upload:37 latest_version:37",
            ": cat:41 inside_heredoc:42",
            "trace: set:47",
            ": trap:50 cleanup:50 sudo:51 main:52",
        ]
    )
