"""Builds a session from options: settings, trust, model, tools, gate, log. The one place that calls constructors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeagent import prompts
from codeagent.agent.candidates.copies import sweep_copies
from codeagent.agent.changes import ChangeLog
from codeagent.agent.checks import Checker
from codeagent.agent.config import Config, ConfigError, load_config, process_environment
from codeagent.agent.confinement import notices, runner_command, session_sandbox
from codeagent.agent.context.code import CodeContext
from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.instructions import read_instructions
from codeagent.agent.context.request import RequestComposer
from codeagent.agent.conversation import messages_of, without_tokens
from codeagent.agent.embedding import open_learning
from codeagent.agent.events import Emit, Event, ModelState, Notice, SessionStarted
from codeagent.agent.git.program import Git
from codeagent.agent.git.repository import Repository
from codeagent.agent.guards import Limits
from codeagent.agent.kept_changes import open_changes
from codeagent.agent.loading import load_settings_of
from codeagent.agent.logs import log_to
from codeagent.agent.obeying import news, obeyed
from codeagent.agent.paths import Paths
from codeagent.agent.permissions import Approver, Decision, PermissionGate, Rule, parse_rule, split_rules
from codeagent.agent.project_files import PROJECT_CONFIG, ProjectFiles
from codeagent.agent.secrets import Secrets
from codeagent.agent.session import Parts, Recorder, Session
from codeagent.agent.tool_runner import ToolRunner
from codeagent.agent.transcript import (
    Transcript,
    TranscriptError,
    company,
    find,
    load,
    new_session_id,
    newest,
)
from codeagent.agent.trust import TrustStore
from codeagent.agent.warm_start import warm_place
from codeagent.inference.client import ModelClient, ModelLoadError
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.scripted import ScriptedClient
from codeagent.inference.store import ModelStore, default_models_folder
from codeagent.tools.api import EffectKind, ToolError, relative
from codeagent.tools.files import sweep
from codeagent.tools.ledger import FileLedger
from codeagent.tools.parser import Parser
from codeagent.tools.process import Processes
from codeagent.tools.registry import builtin_tools, symbol_tools
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.sandbox.api import Level
from codeagent.tools.sandbox.hidden import SandboxError
from codeagent.tools.sandbox.sandbox import Sandbox
from codeagent.tools.workspace import Workspace

BAD_INPUT, BAD_CONFIG, UNTRUSTED, NO_SANDBOX, ERROR = 42, 52, 55, 56, 1
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
    given. `trust` holds for this run alone. `obey` is the digest of the project's files that the person agreed to for
    it; None: with `trust` whatever they are. `root` may be a copy that `stands_for` another folder, whose rules then
    hold in it. The model is to answer `at_once` requests at a time.
    """

    root: Path
    paths: Paths = field(default_factory=Paths.default)
    flags: Mapping[str, Any] = field(default_factory=dict[str, Any])
    limits: Limits = field(default_factory=Limits)
    trust: bool = False
    obey: str | None = None
    bare: bool = False
    verify: str | None = None
    add_dirs: tuple[Path, ...] = ()
    append_system_prompt: str | None = None
    continue_latest: bool = False
    resume: str | None = None
    fork: bool = False
    persist: bool = True
    replay: Path | None = None
    stands_for: Path | None = None
    at_once: int = 1


@dataclass(frozen=True)
class Opened:
    """An open session and what a front end needs beside it; `past` are the events of the session it goes on with,
    `obeyed` the digest of the project's files that hold in it, "" for none.
    """

    session: Session
    client: ModelClient
    checker: Checker
    changes: ChangeLog
    limits: Limits
    model_name: str
    config: Config
    root: Path
    repository: Repository
    ripgrep: Ripgrep
    code: CodeContext
    log_folder: Path
    past: tuple[Event, ...]
    obeyed: str
    sandbox: Sandbox
    tools: ToolRunner
    ledger: FileLedger

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
    root = _swept(options)
    extra = tuple(_folder(path) for path in options.add_dirs)
    paths = options.paths
    trust = TrustStore(paths.trust_file)
    if not options.trust and not trust.is_trusted(root):
        raise SetupError(
            UNTRUSTED,
            f"The folder {root} is not trusted yet, so nothing in it was read. "
            "If you trust what is in it, run `codeagent trust` there once, or add --trust to this run."
            + (f" {trust.problem}" if trust.problem else ""),
        )
    project, ignored = (None, ()) if options.bare else obeyed(root, trust, options.trust, options.obey)
    try:
        config = _config(options, root, project)
        rules = [rule.moved(options.stands_for or root, root) for rule in _rules(config, options.verify)]
    except ConfigError as e:
        raise SetupError(BAD_CONFIG, str(e)) from e
    environ = process_environment()
    sandbox = _sandbox((root, *extra), config, paths, approver)
    client, model_name = loaded or _client(options, config, emit)
    transcript, session_id, past = _log(options, paths.sessions(root))
    recorder = Recorder(transcript, emit)

    workspace = Workspace(root, extra)
    ledger = FileLedger()
    gate = PermissionGate(config.permission_mode, rules, root, approver, sandbox.confines, sandbox.level is Level.NONE)
    processes = Processes(root, environ)  # for our own programs, which only look
    commands = Processes(root, environ, sandbox, lambda text: recorder(Notice(level="warning", text=text)))
    ripgrep = Ripgrep(workspace, processes)
    index = CodeIndex(root, paths.index(root), lambda: _files(ripgrep, root))
    repository = Repository(Git(processes), root)
    code = CodeContext(
        index,
        repository,
        lambda text: recorder(Notice(level="warning", text=text)),
        open_learning(config, paths.vectors(root), environ, lambda text: recorder(Notice(level="warning", text=text))),
    )
    changes, lacking = open_changes(
        root,
        paths.checkpoints(root) if options.persist else None,
        session_id,
        past.source,
        repository.git,
        lambda text: recorder(Notice(level="warning", text=text)),
    )
    parser = Parser()
    tools = builtin_tools(
        workspace, ledger, environ, options.verify or config.test_command, _test_timeout(options.limits), commands
    )
    if config.symbol_tools or (config.symbol_tools is None and _is_large(options, config)):
        tools += symbol_tools(workspace, ledger, index, ripgrep, parser)
    secrets = Secrets(workspace.roots, environ)
    log_to(paths.log_file, secrets.mask)
    runner = ToolRunner(tools, gate, changes, recorder, secrets)
    checker = Checker(runner, changes, root, required=options.verify is not None, parser=parser)
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
        composer=RequestComposer(workspace, ledger, ripgrep, code, secrets.reveal),
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
        processes=commands,
        parser=parser,
        reads_ahead=options.stands_for is None,
    )
    recorder(
        SessionStarted(
            session_id=session_id,
            cwd=str(root),
            model=model_name,
            tools=tuple(spec.name for spec in runner.specs),
            permission_mode=config.permission_mode,
            resumed_from=past.source,
            sandbox=sandbox.level,
        )
    )
    for text in (*notices(sandbox, root), *lacking, *company(paths.sessions(root), transcript)):
        recorder(Notice(level="warning", text=text))
    if past.damaged:
        text = f"{past.damaged} damaged lines of the session log were skipped; everything else is there."
        recorder(Notice(level="warning", text=text))
    for warning in (*ignored, *instructions.warnings, *(() if options.bare else news(root, instructions, trust))):
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
        repository,
        ripgrep,
        code,
        paths.sessions(root),
        past.events,
        project.digest if project is not None else "",
        sandbox,
        runner,
        ledger,
    )


async def _files(ripgrep: Ripgrep, root: Path) -> list[Path]:
    """The files to index. What killed writes left among them is removed."""
    return sweep(await ripgrep.open_files(root))


def _sandbox(roots: Sequence[Path], config: Config, paths: Paths, approver: Approver | None) -> Sandbox:
    try:
        return session_sandbox(roots, config, paths, process_environment(), attended=approver is not None)
    except SandboxError as e:
        raise SetupError(NO_SANDBOX, str(e)) from e


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


def _swept(options: SessionOptions) -> Path:
    """The folder to work in, after what killed runs left of copies is gone."""
    if options.stands_for is None:
        sweep_copies(options.paths)
    return _folder(options.root)


def _folder(path: Path) -> Path:
    try:
        root = path.resolve(strict=True)
    except OSError as e:
        raise SetupError(BAD_INPUT, f"The folder {path} cannot be opened ({e.strerror}).") from e
    if not root.is_dir():
        raise SetupError(BAD_INPUT, f"{path} is not a folder. Name the folder to work in with -C.")
    return root


def _config(options: SessionOptions, root: Path, project: ProjectFiles | None) -> Config:
    user = None if options.bare else options.paths.config_file
    data = project.config if project is not None else None
    file = root / PROJECT_CONFIG if data is not None else None
    return load_config(user, file, process_environment(), options.flags, data)


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
    name = config.model if "/" not in config.model else path.stem
    settings = load_settings_of(config, path, name)
    # What was read is what was said; and at another time it was read in other batches, which a seed is to exclude.
    if options.persist and config.sampling.seed is None:
        settings = settings.model_copy(update={"warm": warm_place(config, options.paths, path)})
    settings = settings.model_copy(update={"sequences": max(settings.sequences, options.at_once)})

    def on_state(state: str, detail: str, progress: float | None) -> None:
        emit(ModelState(state=state, detail=detail, progress=progress))

    return RunnerClient(settings, on_state, runner_command(settings, process_environment())), settings.name


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
