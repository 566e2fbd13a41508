"""Runs the git program with an environment and settings of our own; the one place that does, and knows no command."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from codeagent.tools.api import ToolError
from codeagent.tools.process import Finished, Processes

OLDEST = (2, 32)
"""Older ones do not know the variables that the settings below are given in, and would run what they should not."""
MAX_OUTPUT = 16 * 1024 * 1024
_PASSED_ON = ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "LD_LIBRARY_PATH", "DEVELOPER_DIR", "SDKROOT")
_OWN = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",  # none: a missing object is not fetched, by whatever command its remote names
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ASKPASS": "false",
    "GIT_SSH_COMMAND": "false",
    "GIT_EDITOR": "false",
    "GIT_PAGER": "cat",
}
SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
    "core.sshCommand": "false",
    "core.askPass": "false",
    "core.untrackedCache": "false",
    "safe.bareRepository": "explicit",
    "protocol.allow": "never",
    "submodule.recurse": "false",
    "diff.external": "false",
    "diff.ignoreSubmodules": "all",
    "diff.submodule": "short",
    "log.showSignature": "false",
    "commit.gpgSign": "false",
    "gpg.program": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "color.ui": "false",
    "core.quotePath": "false",
}
"""What a repository's settings could make git run or wait for, turned off."""
_REDIRECTED = 'from=$1 to=$2; shift 2; exec "$@" <"$from" >"$to"'


class GitError(Exception):
    """Git is not there, too old, or refused; the text is a sentence for the person."""


class Git:
    """The git program of this machine, never one that the workspace brings along."""

    def __init__(self, processes: Processes) -> None:
        """Nothing is looked for until it is needed."""
        self._processes = processes
        self._program: str | None = None

    async def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        seconds: float,
        environment: Mapping[str, str | None],
        settings: Mapping[str, str] | None = None,
        files: tuple[Path, Path] | None = None,
    ) -> bytes:
        """What git printed. `environment` comes over ours, None takes a variable away; `settings` come over SETTINGS.

        With `files` its input comes from the first and its output goes to the second. Raises GitError where it is not
        there, is stopped, prints too much, or fails.
        """
        program = self._program = self._program or await self._find()
        command = self._command(program, arguments, environment, settings or {})
        if files is not None:
            shell = self._processes.find("sh") or "/bin/sh"
            command = [shell, "-c", _REDIRECTED, "git", str(files[0]), str(files[1]), *command]
        done = await self._start(command, folder, seconds)
        if done.timed_out:
            raise GitError(f"git took longer than {seconds:.0f} seconds")
        if done.exit_code != 0:
            said = done.errors.strip().splitlines()
            raise GitError(f"git failed: {said[-1][:300]}" if said else f"git failed ({done.signal or done.exit_code})")
        if done.left_out:
            raise GitError("git said more than can be taken in")
        return done.beginning

    async def _start(self, command: Sequence[str], folder: Path, seconds: float) -> Finished:
        try:
            return await self._processes.run(
                command, seconds, max_output=MAX_OUTPUT, separate_errors=True, folder=folder
            )
        except ToolError as e:
            raise GitError(str(e)) from e

    def _command(
        self, program: str, arguments: Sequence[str], environment: Mapping[str, str | None], settings: Mapping[str, str]
    ) -> list[str]:
        """The arguments that start it. Settings are variables, since a name can hold the "=" that ends one in `-c`."""
        env = self._processes.find("env")
        if env is None:
            raise GitError("the program env is not there")
        passed = {name: value for name in _PASSED_ON if (value := self._processes.environment.get(name))}
        variables = {name: value for name, value in (passed | _OWN | dict(environment)).items() if value is not None}
        pairs = list((SETTINGS | dict(settings)).items())
        variables["GIT_CONFIG_COUNT"] = str(len(pairs))
        for number, (name, value) in enumerate(pairs):
            variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return [env, "-i", *(f"{name}={value}" for name, value in variables.items()), program, *arguments]

    async def _find(self) -> str:
        program = self._processes.find("git")
        if program is None:
            raise GitError("git is not installed")
        done = await self._start([program, "version"], Path("/"), 10.0)
        found = re.match(r"git version (\d+)\.(\d+)", done.output)
        if found is None:
            raise GitError("git does not say which version it is")
        version = (int(found[1]), int(found[2]))
        if version < OLDEST:
            raise GitError(f"git {version[0]}.{version[1]} is too old: {OLDEST[0]}.{OLDEST[1]} is needed")
        return program
