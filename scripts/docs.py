"""Writes the generated parts of the docs (`--write`) or says what differs or dangles in them (`--check`)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from codeagent.agent.config import ENVIRONMENT, Config
from codeagent.agent.events import CandidateReport
from codeagent.agent.headless.outcome import EXIT_MEANINGS
from console import BIN, ROOT, say

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "AGENTS.md",
    "CHANGELOG.md",
    "docs/cli.md",
    "docs/engine.md",
    "examples/README.md",
)
BLOCK = re.compile(r"(<!-- generated:(?P<name>[a-z-]+) by `make docs` -->\n).*?(<!-- end -->)", re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^)#\s]+)[^)]*\)|src=\"(?P<source>[^\"]+)\"")
COMMAND_ROW = re.compile(r"^  ([a-z][a-z-]*)(?:  .*)?$")


def help_text(path: tuple[str, ...]) -> str:
    """What `codeagent ... --help` prints on a terminal of 80 columns. Raises CalledProcessError."""
    # A person's settings and shell must not change the docs.
    environ = {
        "PATH": os.environ.get("PATH", ""),
        "COLUMNS": "80",
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
        "HOME": os.devnull,
    }
    command = [str(BIN / "codeagent"), *path, "--help"]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout.rstrip() + "\n"


def commands(path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every command with its help, parents first."""
    text = help_text(path)
    yield path, text
    _, _, listing = text.partition("\nCommands:\n")
    for line in listing.splitlines():
        if row := COMMAND_ROW.match(line):
            yield from commands((*path, row[1]))


def cli_reference() -> str:
    """The help of all commands as Markdown."""
    return (
        "".join(f"\n## `{' '.join(('codeagent', *path))}`\n\n```text\n{text}```\n" for path, text in commands()) + "\n"
    )


def exit_codes() -> str:
    """The table of exit codes."""
    rows = "".join(f"| {code.value} | {meaning} |\n" for code, meaning in EXIT_MEANINGS.items())
    return f"\n| code | meaning |\n|---:|---|\n{rows}\n"


def settings() -> str:
    """The table of settings with their defaults; those without one are chosen automatically."""
    variables = {setting: variable for variable, setting in ENVIRONMENT.items()}
    rows = ""
    for name, field in Config.model_fields.items():
        value = to_jsonable_python(field.default)
        variable = f"`{variables[name]}`" if name in variables else ""
        default = "automatic" if value is None else f"`{json.dumps(value)}`"
        rows += f"| `{name}` | {default} | {variable} | {field.description} |\n"
    return f"\n| setting | default | environment | meaning |\n|---|---|---|---|\n{rows}\n"


def candidate_fields() -> str:
    """The table of what is told of each candidate."""
    fields = CandidateReport.model_json_schema()["properties"]
    rows = "".join(f"| `{name}` | {kinds(field)} | {field['description']} |\n" for name, field in fields.items())
    return f"\n| field | type | meaning |\n|---|---|---|\n{rows}\n"


def kinds(schema: dict[str, Any]) -> str:
    """What values a field of a JSON schema has, in words."""
    if "anyOf" in schema:
        return " or ".join(kinds(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return f"`{schema['const']}`" if "const" in schema else str(schema.get("type", ""))


def make_targets() -> str:
    """What `make help` prints."""
    listing = subprocess.run(["make", "-s", "help"], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return f"\n```text\n{listing}```\n\n"


BLOCKS: dict[str, Callable[[], str]] = {
    "cli": cli_reference,
    "settings": settings,
    "exit-codes": exit_codes,
    "candidate-fields": candidate_fields,
    "make": make_targets,
}


def regenerate(text: str) -> str:
    """The document with its generated blocks as they should be."""
    return BLOCK.sub(lambda found: found[1] + BLOCKS[found["name"]]() + found[3], text)


def dangling(document: Path) -> Iterator[str]:
    """Links to files that are not there, and figures still to be measured."""
    text = document.read_text(encoding="utf-8")
    for found in LINK.finditer(text):
        target = found["target"] or found["source"]
        if "://" not in target and not (document.parent / target).exists():
            yield f"{document.relative_to(ROOT)} links to {target}, which is not there"


def check() -> list[str]:
    """Everything in the docs that is not as it should be, one sentence each."""
    problems: list[str] = []
    for name in DOCUMENTS:
        document = ROOT / name
        if not document.exists():
            problems.append(f"{name} is not there")
            continue
        text = document.read_text(encoding="utf-8")
        if regenerate(text) != text:
            problems.append(f"{name} is not what the program says: run `make docs` and look at the difference")
        problems.extend(dangling(document))
        if pending := text.count("FIGURE_PENDING"):
            problems.append(f"{name} has {pending} figure(s) still to be measured (FIGURE_PENDING)")
    return problems


def main(arguments: list[str]) -> int:
    """0 when the docs are right, or have been written."""
    if arguments == ["--write"]:
        for document in (ROOT / name for name in DOCUMENTS):
            document.write_text(regenerate(document.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    if arguments != ["--check"]:
        sys.exit("usage: docs.py --write | --check")
    problems = check()
    for problem in problems:
        say(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
