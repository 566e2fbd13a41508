"""Keys and passwords: in no log, export or index, and before the model only if the person opened their file."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import COMMAND, Command, Script
from terminal import Terminal

from codeagent.agent.bootstrap import SessionOptions, open_session
from codeagent.agent.events import Event, MessageAdded
from codeagent.agent.logs import MAX_BYTES, log_to
from codeagent.agent.paths import Paths
from codeagent.agent.permissions import Answer, Question
from codeagent.agent.secrets import Secrets, mask_shapes
from codeagent.agent.session_export import export
from codeagent.tools.sensitive import holds_secrets, runs_by_itself

CANARY = "CANARYENV8d2Kq5Lm"
DOTENV = f"API_KEY={CANARY}\nDATABASE_URL=postgres://me:Hunter2xyz@db/x\nNODE_ENV=production\nPORT=8080\n"
DONE = {"text": "Done."}


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"calls": [{"name": name, "arguments": arguments}]}


def state(home: dict[str, str]) -> str:
    """All that was written outside of the workspace."""
    files = [path for path in Path(home["HOME"]).rglob("*") if path.is_file()]
    return "".join(path.read_text(errors="replace") for path in files)


@pytest.mark.case(47)
@pytest.mark.parametrize(
    "command", ["cat .env", "python3 show.py", "python3 -m unittest test_env", "sed -n p .env >&2; cat .e*"]
)
def test_what_a_command_prints_of_a_dotenv_file_is_masked_everywhere(
    codeagent: Command, home: dict[str, str], workspace: Path, script: Script, command: str
) -> None:
    (workspace / ".env").write_text(DOTENV)
    (workspace / "show.py").write_text("print('before', open('.env').read(), 'production')\n")
    (workspace / "test_env.py").write_text(
        "import unittest\n\n\nclass Env(unittest.TestCase):\n    def test_env(self):\n"
        "        self.fail(open('.env').read())\n"
    )
    replay = script(call("run", command=command), DONE)
    done = codeagent("--task", "x", "--trust", "--yolo", "--replay", replay, "--output-format", "stream-json")
    assert "[masked API_KEY]" in done.out, done.out
    said = done.out + done.err + state(home)
    assert [secret for secret in (CANARY, "Hunter2xyz") if secret in said] == []
    assert "production" in done.out  # not all that stands in such a file is a secret


@pytest.mark.case(47)
@pytest.mark.parametrize("task", ["fix it", "what is in .env?", "what is in @.env?"])
def test_an_unattended_run_shows_no_secret_file_whatever_the_task_names(
    codeagent: Command, home: dict[str, str], workspace: Path, script: Script, task: str
) -> None:
    (workspace / "a.py").write_text("one = 1\n")
    (workspace / ".env").write_text(DOTENV)
    (workspace / "secrets.yaml").write_text(f"key: {CANARY}\n")
    steps = [call("read", path=".env"), call("grep", pattern="CANARY"), call("grep", pattern="API", path=".env")]
    steps += [call("edit", path=".env", old="API_KEX=", new="x"), call("outline", path="secrets.yaml")]
    done = codeagent("--task", task, "--trust", "--replay", script(*steps, DONE), "--output-format", "stream-json")
    assert done.code == 65
    assert "one = 1" in state(home)  # the composer did show the other file
    assert CANARY not in done.out + done.err + state(home)
    reasons = [denial["reason"] for denial in done.result["permission_denials"]]
    assert [reason for reason in reasons if "may hold secrets" not in reason] == []
    assert "Matches in .env, secrets.yaml are left out" in done.out


class Person:
    """Answers every question alike."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []
        self._answer = answer

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question.call.title)
        return self._answer


async def said_in(folder: Path, script: Path, person: Person, request: str) -> str:
    """What the model was given in one turn of an attended session."""
    events: list[Event] = []
    homes = [folder / "home" / name for name in ("config", "state", "cache", "data")]
    options = SessionOptions(root=folder / "workspace", paths=Paths(*homes), trust=True, bare=True, replay=script)
    opened = await asyncio.to_thread(open_session, options, events.append, person)
    try:
        await opened.session.run_turn(request)
    finally:
        await opened.session.close()
    return json.dumps([event.message.content for event in events if isinstance(event, MessageAdded)])


@pytest.mark.case(47)
@pytest.mark.parametrize(
    ("request_", "answer", "shown", "asked"),
    [
        ("look", Answer("once"), True, 1),
        ("look", Answer("no"), False, 1),
        ("look at .env", Answer("no"), False, 1),
        ("look at @.env", Answer("no"), True, 1),
    ],
)
async def test_the_person_opens_a_secret_file_by_an_answer_or_by_pointing_at_it(
    tmp_path: Path, workspace: Path, script: Script, request_: str, answer: Answer, shown: bool, asked: int
) -> None:
    (workspace / ".env").write_text(DOTENV)
    person = Person(answer)
    said = await said_in(tmp_path, script(call("read", path=".env"), DONE), person, request_)
    assert ((CANARY in said), len(person.asked)) == (shown, asked)


@pytest.mark.case(47)
def test_the_index_holds_nothing_of_secret_files(codeagent: Command, home: dict[str, str], workspace: Path) -> None:
    (workspace / "seen.py").write_text("def seen_by_the_index():\n    pass\n")
    for name in ("secrets.yaml", ".env", "credentials.json", "prod.env"):
        (workspace / name).write_text(f'{{"{CANARY}": 1}}\n' if name.endswith("json") else f"{CANARY}: 1\n")
    assert codeagent("index", "--trust").code == 0
    files = list(Path(home["XDG_CACHE_HOME"]).rglob("*.sqlite*"))
    found = b"".join(path.read_bytes() for path in files)
    assert (b"seen_by_the_index" in found, CANARY.encode() in found) == (True, False)


@pytest.mark.case(47)
def test_the_log_and_an_export_hold_no_secrets_and_are_for_the_owner_alone(
    tmp_path: Path, workspace: Path, codeagent: Command, home: dict[str, str], script: Script
) -> None:
    (workspace / ".env").write_text(DOTENV)
    log = tmp_path / "deep" / "codeagent.log"
    log_to(log, Secrets([workspace], {"MY_TOKEN": "Tok3nOfMine99"}).mask)
    token = "ghp_" + "a1B2" * 9
    try:
        raise ValueError(f"with {CANARY} and {token} and Tok3nOfMine99")
    except ValueError:
        logging.getLogger("codeagent.test").exception("it broke on %s", f"password = 'S3cr3t!pass{1}'")
    text = log.read_text()
    assert "Traceback" in text and "it broke on" in text
    assert [word for word in (CANARY, token, "Tok3nOfMine99", "S3cr3t!pass1") if word in text] == []
    assert (stat.S_IMODE(log.stat().st_mode), stat.S_IMODE(log.parent.stat().st_mode)) == (0o600, 0o700)

    (workspace / "a.txt").write_text(f"{token}\n")
    codeagent("--task", "x", "--trust", "--replay", script(call("read", path="a.txt"), DONE))
    (session,) = Path(home["XDG_STATE_HOME"]).rglob("sessions/*/*.jsonl")
    export(session, tmp_path / "session.md", "A session")
    exported = (tmp_path / "session.md").read_text()
    assert ("[masked GitHub token]" in exported, token in exported) == (True, False)
    assert "is left out" in exported


@pytest.mark.case(47)
def test_a_log_does_not_grow_without_end_and_a_broken_one_breaks_nothing(tmp_path: Path) -> None:
    log = tmp_path / "codeagent.log"
    log_to(log, str)
    for _ in range(5):
        logging.getLogger("codeagent.test").error("x" * (MAX_BYTES // 2))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 4 * MAX_BYTES
    log_to(tmp_path / "codeagent.log" / "below", str)
    logging.getLogger("codeagent.test").error("nowhere to go")


@pytest.mark.case(47)
def test_all_that_is_written_outside_of_the_workspace_is_for_the_owner_alone_whatever_the_umask(
    home: dict[str, str], python_repo: Path, script: Script
) -> None:
    edit = call("edit", path="calc.py", old="return a - b", new="return a + b")
    env = home | {"XDG_CONFIG_HOME": f"{home['HOME']}/x/config", "XDG_STATE_HOME": f"{home['HOME']}/y/z/state"}
    for words in (
        ["trust"],
        ["index"],
        ["--task", "x", "--permission-mode", "acceptEdits", "--replay", script(edit, call("run", command="ls"), DONE)],
    ):
        subprocess.run([COMMAND, *words], env=env, cwd=python_repo, check=True, umask=0, capture_output=True)
    shell = ["/bin/sh", "-c", 'umask 0; exec "$@"', "sh"]
    with Terminal([*shell, COMMAND, "--replay", script(DONE)], env, python_repo) as one:
        one.wait_for("type a request")
        one.send("hello\r")
        one.wait_for("Done.")
        one.send("\x03\x03")
        one.process.wait(60)
    top = Path(home["HOME"])
    made = sorted(path for path in top.rglob("*") if not path.is_symlink())
    kinds = {path.suffix for path in made}
    assert {".jsonl", ".json", ".sqlite", ".lock"} <= kinds, kinds
    wide = {str(path.relative_to(top)): oct(path.stat().st_mode) for path in made if path.stat().st_mode & 0o077}
    assert wide == {}


TOKENS = [
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2c3" * 6,
    "glpat-" + "a1B2c3d4" * 3,
    "xoxb-123456789012-abcdefghij",
    "sk-ant-api03-" + "aB3d" * 10,
    "sk-proj-" + "aB3d" * 10,
    "AIza" + "aB3dE" * 7,
    "sk_live_" + "aB3d" * 6,
    "npm_" + "aB3d" * 9,
    "hf_" + "aB3d" * 9,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
]
CODE = [
    "password = getpass.getpass()",
    "api_key = os.environ['API_KEY']",
    "token: str | None = None",
    "def set_password(self, password: str) -> None:",
    'secret_name = "production"',
    "auth = Authenticator(config)",
    "PASSWORD_FIELD = 'password'",
    "sha256 cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    "commit 5fbc96c3c1d8e2a4b6f7089a1b2c3d4e5f607182",
    "https://example.com/path?x=1",
    "task-manager-with-a-long-name-that-is-no-key",
    "key = KeyError('x')",
]


@pytest.mark.case(47)
@pytest.mark.parametrize("token", TOKENS)
def test_tokens_of_known_shapes_are_masked_wherever_they_stand(token: str) -> None:
    for text in (token, f"export X='{token}'", f'{{"k": "{token}"}}', f"a {token}.", f"\n{token}\n"):
        assert token not in mask_shapes(text)
        assert "[masked" in mask_shapes(text)


@pytest.mark.case(47)
@pytest.mark.parametrize(
    "text",
    ["password = 'Tr0ub4dor&3'", 'DB_PASSWORD: "x9!kQ2mmZ"', "api_key=9f8a7b6c5d4e3f2a1b", "https://u:Hunter2@h/x"],
)
def test_a_password_given_to_a_name_is_masked(text: str) -> None:
    assert "[masked" in mask_shapes(text)


@pytest.mark.case(47)
@pytest.mark.parametrize("text", CODE)
def test_code_about_secrets_is_left_as_it_is(text: str) -> None:
    assert mask_shapes(text) == text


def test_masking_takes_no_longer_than_reading() -> None:
    for text in ("password=" * 100_000, "a" * 1_000_000, "eyJ" * 300_000, "://a:" * 200_000, "-----BEGIN " * 90_000):
        mask_shapes(text)


SECRET = """.env .env.local prod.env .envrc id_rsa id_ed25519 server.pem a/b/tls.key .netrc .npmrc .pypirc .ssh/config
    .aws/credentials secrets.yaml .git-credentials deploy/.ENV.production"""
OPEN = ".env.example secrets.py src/secret.rs id_rsa.pub keys.py environment.ts a/env.py README.md tokens.json"


@pytest.mark.case(47)
@pytest.mark.parametrize(("names", "expected"), [(SECRET, True), (OPEN, False)])
def test_which_files_hold_secrets_is_told_by_their_names(tmp_path: Path, names: str, expected: bool) -> None:
    assert {name: holds_secrets(tmp_path / name, tmp_path) for name in names.split()} == dict.fromkeys(
        names.split(), expected
    )


AUTORUN = """conftest.py a/conftest.py ConfTest.py Makefile package.json .github/workflows/a.yml .vscode/tasks.json
    x.pth .mcp.json AGENTS.md pyproject.toml .gitattributes sub/.husky/pre-commit .GitHub/workflows/b.yml build.rs"""
PLAIN = "a.py test_a.py src/main.rs README.md data.json workflows/a.yml mcp.json confest.py"


@pytest.mark.case(48)
@pytest.mark.parametrize(("names", "expected"), [(AUTORUN, True), (PLAIN, False)])
def test_which_files_run_by_themselves_is_told_by_their_names(tmp_path: Path, names: str, expected: bool) -> None:
    assert {name: runs_by_itself(tmp_path / name, tmp_path) for name in names.split()} == dict.fromkeys(
        names.split(), expected
    )


@pytest.mark.case(48)
@pytest.mark.parametrize("rule", ["Edit,Write", "Write(*)"])
def test_a_tool_allowed_as_a_whole_is_not_allowed_on_what_is_obeyed_at_once(
    codeagent: Command, workspace: Path, script: Script, rule: str
) -> None:
    replay = script(call("write", path=".vscode/tasks.json", content="{}"), DONE)
    flags = ["--trust", "--permission-mode", "acceptEdits", "--allowed-tools", rule]
    assert codeagent("--task", "x", "--replay", replay, *flags).code == 65
    named = "Write(.vscode/tasks.json)"
    assert codeagent("--task", "x", "--replay", replay, *flags[:-1], named).code == 0
    assert (workspace / ".vscode" / "tasks.json").read_text() == "{}\n"


@pytest.fixture(autouse=True)
def _quiet_log() -> Callable[[], None] | None:
    """A test may have turned this process's log to its own folder; the next one starts anew."""
    logger = logging.getLogger("codeagent")
    logger.handlers.clear()
    logger.propagate = True
    assert os.environ.get("CODEAGENT_DEBUG") is None
    return None
