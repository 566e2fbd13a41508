"""The symbols of YAML."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample

from codeagent.tools.symbols.extract import symbols_of


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.yaml")) == snapshot(
        [
            "2-2 key name | name: build | How the shop is built.",
            "3-7 key on | on",
            "  4-5 key on.push | push",
            '    5-5 key on.push.branches | branches: [main, "release/*"]',
            "  6-7 key on.schedule | schedule",
            "10-12 key x-defaults | x-defaults: &defaults | Common to all.",
            "  11-11 key x-defaults.image | image: python:3.11",
            "  12-12 key x-defaults.env | env",
            '    12-12 key x-defaults.env.CI | CI: "true"',
            "    12-12 key x-defaults.env.LEVEL | LEVEL: 2",
            "14-33 key jobs | jobs",
            "  16-25 key jobs.test | test | Runs the tests.",
            "    17-17 key jobs.test.<< | <<: *defaults",
            "    18-18 key jobs.test.runs-on | runs-on: ubuntu-latest",
            "    19-25 key jobs.test.steps | steps",
            '  26-33 key jobs.deploy it | "deploy it"',
            "    27-28 key jobs.deploy it.needs | needs",
            "    29-33 key jobs.deploy it.environment | environment",
            "34-34 key quoted | 'quoted': yes",
            "35-36 key complex key | ? complex key…",
            "37-37 key empty | empty:",
            "40-40 key kind | kind: Service | Another document.",
            "41-44 key metadata | metadata",
            "  42-44 key metadata.labels | labels",
            "    43-43 key metadata.labels.app.kubernetes.io/name | app.kubernetes.io/name: shop",
            "    44-44 key metadata.labels.tier | tier: !!str back",
            "45-47 key items | items",
        ]
    )


def test_references_are_aliases() -> None:
    assert references(sample("sample.yaml")) == snapshot(["jobs.test.<<: defaults:17"])


def test_more_levels_than_the_grammar_can_take_are_refused() -> None:
    deep = "".join(f"{' ' * level}a:\n" for level in range(1000)).encode()
    found = symbols_of("deep.yaml", deep)
    assert found.definitions == ()
    assert found.partial == snapshot("It may be indented in more than 240 levels, which the grammar cannot take.")
