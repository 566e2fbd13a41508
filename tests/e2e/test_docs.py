"""What the docs and examples tell a reader to type exists, and the sample repository has exactly the bug it says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import codeagent

ROOT = Path(codeagent.__file__).resolve().parent.parent.parent
COMMAND = Path(sys.executable).parent / "codeagent"
READERS = ("README.md", "CONTRIBUTING.md", "AGENTS.md", "docs/cli.md", "examples/README.md")
WORKFLOWS = ("examples/github-actions/codeagent.yml", ".github/workflows/ci.yml")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def help_of(*path: str) -> str:
    return subprocess.run([COMMAND, *path, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout


def commands_in(text: str) -> list[list[str]]:
    """Every codeagent command that a code block of the text would run, as words."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines if "eval" not in line]
    return [line[1:] for line in words if line and line[0].endswith("/codeagent")]


def assert_exists(command: list[str]) -> None:
    """The subcommands and flags of the command are in its own help."""
    path: list[str] = []
    for word in command:
        if word.startswith("-") or f"\n  {word} " not in help_of(*path):
            break
        path.append(word)
    known = help_of(*path)
    for flag in FLAG.findall(" ".join(command)):
        assert flag in known, f"{flag} is not a flag of codeagent {' '.join(path)}"


@pytest.mark.parametrize("name", READERS)
def test_the_commands_that_a_document_shows_exist(name: str) -> None:
    for command in commands_in((ROOT / name).read_text(encoding="utf-8")):
        assert_exists(command)


@pytest.mark.parametrize("name", READERS)
def test_the_make_targets_that_a_document_names_exist(name: str) -> None:
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^make ([a-z]+)", listed, re.MULTILINE))
    named = set(re.findall(r"`(?:[A-Z_]+=\S* )?make ([a-z]+)", (ROOT / name).read_text(encoding="utf-8")))
    assert named <= targets


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_is_valid_yaml_with_scripts_that_bash_can_read(name: str) -> None:
    workflow = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    scripts = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert scripts
    for script in scripts:
        assert "${{" not in script, "expressions belong in env:, where they cannot become code"
        subprocess.run(["bash", "-n", "-c", script], check=True, timeout=20)


def test_the_flags_in_the_example_workflow_exist() -> None:
    text = (ROOT / WORKFLOWS[0]).read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = (line for line in text.splitlines() if "codeagent --task-file" in line)
    assert_exists(shlex.split(line.partition(" > ")[0])[1:])


def test_the_sample_has_one_failing_test_and_the_fix_makes_all_pass(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    shutil.copytree(ROOT / "examples" / "sample", sample, ignore=shutil.ignore_patterns("__pycache__"))
    assert "FAILED (failures=1)" in run_sample_tests(sample)
    source = sample / "cart" / "discounts.py"
    broken = source.read_text(encoding="utf-8")
    source.write_text(broken.replace("price * percent", "price * percent // 100"), "utf-8")
    assert run_sample_tests(sample).rstrip().endswith("OK")


def run_sample_tests(sample: Path) -> str:
    command = [sys.executable, "-B", "-m", "unittest"]
    return subprocess.run(command, cwd=sample, capture_output=True, text=True, check=False, timeout=60).stderr


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete -o nosort"), ("zsh", "#compdef"), ("fish", "complete ")]
)
def test_the_completion_script_of_each_shell_is_printed(shell: str, mark: str) -> None:
    environ = {"_CODEAGENT_COMPLETE": f"{shell}_source", "PATH": f"{COMMAND.parent}:/usr/bin:/bin"}
    answer = subprocess.run([COMMAND], env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert mark in answer.stdout
