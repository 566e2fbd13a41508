"""The search for a passing state: what got better is kept, the rest is undone."""

from __future__ import annotations

from pathlib import Path

from codeagent.agent.attempts import PATIENCE, REPAIRS, Attempts, repairs_for
from codeagent.agent.changes import Files
from codeagent.agent.checkpoints.states import State
from codeagent.agent.checks import CheckReport
from codeagent.agent.conversation import Conversation
from codeagent.agent.events import Event
from codeagent.inference.client import Message, Sampling

FILE = Path("/w/a.py")


class World:
    """A conversation and one file, with the attempts over them."""

    def __init__(self, repairs: int | None) -> None:
        self.events: list[Event] = []
        self.file = b"start"
        self.conversation = Conversation([Message(role="user", content="task")], self.events.append)
        self.attempts = Attempts(self.conversation, self.snapshot, self.restore, 2, repairs)

    def snapshot(self) -> Files:
        return {FILE: State("file", self.file.decode())}

    def restore(self, files: Files) -> tuple[str, ...]:
        self.file = files[FILE].digest.encode()
        return (str(FILE),)

    def try_(self, content: bytes, passed: int, repeated: bool = False) -> None:
        self.file = content
        self.conversation.add(Message(role="assistant", content=content.decode()))
        self.attempts.failed(CheckReport(passed=False, passed_tests=passed, repeated=repeated))

    @property
    def state(self) -> tuple[bytes, int]:
        return self.file, len(self.conversation)


def test_an_attempt_that_does_not_help_is_undone() -> None:
    world = World(repairs=0)
    world.try_(b"worse", passed=1)
    assert world.state == (b"start", 1)


def test_an_attempt_that_helps_is_kept_and_gone_back_to() -> None:
    world = World(repairs=0)
    world.try_(b"better", passed=3)
    assert world.state == (b"better", 2)
    world.try_(b"worse again", passed=2)
    assert world.state == (b"better", 2)


def test_when_patience_ends_the_turn_begins_anew() -> None:
    world = World(repairs=0)
    world.try_(b"better", passed=3)
    for _ in range(PATIENCE):
        world.try_(b"no", passed=0)
    assert world.state == (b"start", 1)


def test_a_large_model_may_repair_some_times_before_it_is_undone() -> None:
    world = World(repairs=2)
    world.try_(b"one", passed=0)
    world.try_(b"two", passed=0)
    assert world.state == (b"two", 3)
    world.try_(b"three", passed=0)
    assert world.state == (b"start", 1)


def test_a_state_that_failed_before_is_undone_at_once() -> None:
    world = World(repairs=2)
    world.try_(b"same", passed=0, repeated=True)
    assert world.state == (b"start", 1)


def test_with_a_person_there_nothing_is_undone() -> None:
    world = World(repairs=None)
    for _ in range(9):
        world.try_(b"no", passed=0, repeated=True)
    assert world.state == (b"no", 10)


def test_each_failure_throws_other_dice() -> None:
    world = World(repairs=0)
    base = Sampling(temperature=0.2, seed=7)
    seen = [world.attempts.sampling(base)]
    for _ in range(3):
        world.try_(b"no", passed=0)
        seen.append(world.attempts.sampling(base))
    assert seen[0] == base
    assert [s.seed for s in seen] == [7, 8, 9, 10]
    assert seen[0].temperature < seen[1].temperature <= seen[2].temperature


def test_small_models_get_no_repairs() -> None:
    assert repairs_for(1_500_000_000) == 0
    assert repairs_for(7_000_000_000) == REPAIRS
    assert repairs_for(0) == REPAIRS
