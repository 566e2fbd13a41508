"""Builds a session from options: settings, trust, model, tools, gate, log. The one place that calls constructors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeagent import prompts
from codeagent.agent.changes import ChangeLog
from codeagent.agent.checks import Checker
from codeagent.agent.config import Config, ConfigError, load_config, process_environment
from codeagent.agent.context.code import CodeContext
from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.instructions import read_instructions
from codeagent.agent.context.request import RequestComposer
from codeagent.agent.conversation import messages_of, without_tokens
from codeagent.agent.events import Emit, Event, ModelState, Notice, SessionStarted
from codeagent.agent.guards import Limits
from codeagent.agent.paths import Paths
from codeagent.agent.permissions import Approver, Decision, PermissionGate, Rule, parse_rule, split_rules
from codeagent.agent.session import Parts, Recorder, Session
from codeagent.agent.tool_runner import ToolRunner
from codeagent.agent.transcript import Transcript, TranscriptError, find, load, new_session_id, newest
from codeagent.agent.trust import PROJECT_CONFIG, TrustStore
from codeagent.inference.client import ModelClient, ModelLoadError
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.scripted import ScriptedClient
from codeagent.inference.store import ModelStore, default_models_folder
from codeagent.tools.api import EffectKind, ToolError, relative
from codeagent.tools.ledger import FileLedger
from codeagent.tools.process import Processes
from codeagent.tools.registry import builtin_tools, symbol_tools
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.workspace import Workspace

BAD_INPUT, BAD_CONFIG, UNTRUSTED, ERROR = 42, 52, 55, 1
TEST_SECONDS = 120.0
LARGE_MODEL = 2_400_000_000
"""Bytes of the file of a model that is worth more tools: about four billion parameters at four bits."""


class SetupError(Exception):
    """A session cannot be opened; `exit_code` is the contract's code and the text a sentence for the person."""

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class SessionOptions:
    """How to open a session. `flags` are settings from the command line; None or an empty tuple in them means not
    given.
    """

    root: Path
    paths: Paths = field(default_factory=Paths.default)
    flags: Mapping[str, Any] = field(default_factory=dict[str, Any])
    limits: Limits = field(default_factory=Limits)
    trust: bool = False
    bare: bool = False
    verify: str | None = None
    add_dirs: tuple[Path, ...] = ()
    append_system_prompt: str | None = None
    continue_latest: bool = False
    resume: str | None = None
    fork: bool = False
    persist: bool = True
    replay: Path | None = None


@dataclass(frozen=True)
class Opened:
    """An open session and what a front end needs beside it; `past` are the events of the session it goes on with."""

    session: Session
    client: ModelClient
    checker: Checker
    changes: ChangeLog
    limits: Limits
    model_name: str
    config: Config
    root: Path
    processes: Processes
    ripgrep: Ripgrep
    code: CodeContext
    log_folder: Path
    past: tuple[Event, ...]

    async def files(self) -> list[str]:
        """The workspace's files that no ignore rule excludes, relative to its root; none without ripgrep."""
        try:
            return [relative(path, self.root) for path in await self.ripgrep.files(self.root)]
        except ToolError:
            return []


def open_session(
    options: SessionOptions, emit: Emit, approver: Approver | None, loaded: tuple[ModelClient, str] | None = None
) -> Opened:
    """Everything up to the first turn; the model is not loaded yet. Without an approver nobody is asked.

    `loaded` is a client with its model's name to go on with, instead of a new one. Raises SetupError.
    """
    root = _folder(options.root)
    extra = tuple(_folder(path) for path in options.add_dirs)
    paths = options.paths
    trust = TrustStore(paths.trust_file)
    if not options.trust and not trust.is_trusted(root):
        raise SetupError(
            UNTRUSTED,
            f"The folder {root} is not trusted yet, so nothing in it was read. "
            "If you trust what is in it, run `codeagent trust` there once, or add --trust to this run.",
        )
    try:
        config = _config(options, root, paths, trust)
        rules = _rules(config, options.verify)
    except ConfigError as e:
        raise SetupError(BAD_CONFIG, str(e)) from e
    client, model_name = loaded or _client(options, config, emit)
    transcript, session_id, past = _log(options, paths.sessions(root))
    recorder = Recorder(transcript, emit)

    workspace = Workspace(root, extra)
    ledger = FileLedger()
    changes = ChangeLog(root)
    gate = PermissionGate(config.permission_mode, rules, root, approver)
    environ = process_environment()
    processes = Processes(root, environ)
    ripgrep = Ripgrep(workspace, processes)
    index = CodeIndex(root, paths.index(root), lambda: ripgrep.files(root))
    code = CodeContext(index, processes, lambda text: recorder(Notice(level="warning", text=text)))
    tools = builtin_tools(
        workspace, ledger, environ, options.verify or config.test_command, _test_timeout(options.limits)
    )
    if config.symbol_tools or (config.symbol_tools is None and _is_large(options, config)):
        tools += symbol_tools(workspace, ledger, index, ripgrep)
    runner = ToolRunner(tools, gate, changes, recorder)
    checker = Checker(runner, changes, root, required=options.verify is not None)
    limits = (
        options.limits
        if options.limits.max_turns
        else options.limits.model_copy(update={"max_turns": config.max_turns})
    )
    instructions = read_instructions(root, trusted=not options.bare)
    system = "\n\n".join(
        part
        for part in (prompts.load("system/agent.md").rstrip(), instructions.text, options.append_system_prompt)
        if part
    )
    parts = Parts(
        client=client,
        runner=runner,
        checker=checker,
        composer=RequestComposer(workspace, ledger, ripgrep, code),
        code=code,
        changes=changes,
        ledger=ledger,
        config=config,
        limits=limits,
        root=root,
        system_prompt=system,
        verify=options.verify,
        unattended=approver is None,
        gate=gate,
        processes=processes,
    )
    recorder(
        SessionStarted(
            session_id=session_id,
            cwd=str(root),
            model=model_name,
            tools=tuple(spec.name for spec in runner.specs),
            permission_mode=config.permission_mode,
            resumed_from=past.source,
        )
    )
    if past.damaged:
        text = f"{past.damaged} damaged lines of the session log were skipped; everything else is there."
        recorder(Notice(level="warning", text=text))
    for warning in instructions.warnings:
        recorder(Notice(level="warning", text=warning))
    messages = messages_of(past.events)
    if past.model != model_name:
        messages = without_tokens(messages)
    session = Session(session_id, parts, messages, recorder, past.events)
    return Opened(
        session,
        client,
        checker,
        changes,
        limits,
        model_name,
        config,
        root,
        processes,
        ripgrep,
        code,
        paths.sessions(root),
        past.events,
    )


def _is_large(options: SessionOptions, config: Config) -> bool:
    """Whether the model's file is that of one which makes good use of more tools."""
    if options.replay is not None:
        return False
    try:
        return ModelStore(default_models_folder()).resolve(config.model).stat().st_size >= LARGE_MODEL
    except (ModelLoadError, OSError):
        return False


def _test_timeout(limits: Limits) -> float:
    """Seconds one test run may take: in a run with a time limit, an endless loop must leave time to mend it."""
    return TEST_SECONDS if limits.max_seconds is None else min(TEST_SECONDS, max(20.0, limits.max_seconds / 8))


def _folder(path: Path) -> Path:
    try:
        root = path.resolve(strict=True)
    except OSError as e:
        raise SetupError(BAD_INPUT, f"The folder {path} cannot be opened ({e.strerror}).") from e
    if not root.is_dir():
        raise SetupError(BAD_INPUT, f"{path} is not a folder. Name the folder to work in with -C.")
    return root


def _config(options: SessionOptions, root: Path, paths: Paths, trust: TrustStore) -> Config:
    user = None if options.bare else paths.config_file
    project = None if options.bare or not (options.trust or trust.config_trusted(root)) else root / PROJECT_CONFIG
    return load_config(user, project, process_environment(), options.flags)


def _rules(config: Config, verify: str | None) -> list[Rule]:
    rules = [parse_rule(text, Decision.ALLOW) for text in split_rules(config.allowed_tools)]
    rules += [parse_rule(text, Decision.DENY) for text in split_rules(config.disallowed_tools)]
    if verify is not None:
        # The person wrote this very command, so it needs no asking; a DENY rule or plan mode still wins.
        rules.append(
            Rule(decision=Decision.ALLOW, kind=EffectKind.EXECUTE, tool="test", pattern=verify, source="--verify")
        )
    return rules


def _client(options: SessionOptions, config: Config, emit: Emit) -> tuple[ModelClient, str]:
    if options.replay is not None:
        try:
            return ScriptedClient.from_file(options.replay), f"script:{options.replay.name}"
        except ModelLoadError as e:
            raise SetupError(BAD_CONFIG, str(e)) from e
    try:
        path = ModelStore(default_models_folder()).resolve(config.model)
    except ModelLoadError as e:
        raise SetupError(BAD_CONFIG, str(e)) from e
    settings = LoadSettings(
        path=str(path),
        name=config.model if "/" not in config.model else path.stem,
        context=config.context,
        gpu_layers=config.gpu_layers,
        threads=config.threads,
        rpc=config.rpc,
    )

    def on_state(state: str, detail: str, progress: float | None) -> None:
        emit(ModelState(state=state, detail=detail, progress=progress))

    return RunnerClient(settings, on_state=on_state), settings.name


@dataclass(frozen=True)
class _Past:
    """The session that is gone on with; `model` is the one that wrote its latest messages."""

    source: str | None = None
    events: tuple[Event, ...] = ()
    damaged: int = 0

    @property
    def model(self) -> str:
        started = [event for event in self.events if isinstance(event, SessionStarted)]
        return started[-1].model if started else ""


def _log(options: SessionOptions, folder: Path) -> tuple[Transcript | None, str, _Past]:
    """The log to write, the session's id, and what it goes on from."""
    try:
        source: Path | None = None
        if options.resume is not None:
            source = find(folder, options.resume)
        elif options.continue_latest:
            source = newest(folder)
            if source is None:
                raise SetupError(
                    BAD_INPUT, "There is no session to continue in this folder. Start one without --continue."
                )
        past = _Past()
        if source is not None:
            loaded = load(source)
            past = _Past(source.stem, loaded.events, loaded.damaged)
        same = source is not None and not options.fork
        session_id = source.stem if source is not None and same else new_session_id()
        if not options.persist:
            return None, session_id, past
        transcript = Transcript(folder / f"{session_id}.jsonl")
        if not same:
            transcript.extend(past.events)
        return transcript, session_id, past
    except TranscriptError as e:
        raise SetupError(BAD_INPUT if options.resume else ERROR, str(e)) from e
