"""Profiles that this machine cannot try: the filter for other processors, and what macOS is told."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest

from codeagent.tools.sandbox.api import Places, Request
from codeagent.tools.sandbox.bubblewrap import failure, version_of
from codeagent.tools.sandbox.limits import Limits
from codeagent.tools.sandbox.seatbelt import Seatbelt
from codeagent.tools.sandbox.seccomp import LOOPBACK, filter_program

ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003
NEW_USER, THREAD, FORK = 0x10000000, 0x003D0F00, 0x01200011


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the kernel would answer to a call: the filter is run as it runs it."""
    own = {"x86_64": X86_64, "aarch64": AARCH64}[machine]
    data = struct.pack("=IIQ", number, own if architecture is None else architecture, 0)
    data += b"".join(struct.pack("=Q", argument) for argument in (*arguments, 0, 0, 0, 0, 0, 0)[:6])
    program = filter_program(LOOPBACK, machine)
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at = value = 0
    while True:
        kind, yes, no, operand = code[at]
        at += 1
        match kind:
            case 0x20:
                (value,) = struct.unpack_from("=I", data, operand)
            case 0x15:
                at += yes if value == operand else no
            case 0x35:
                at += yes if value >= operand else no
            case 0x45:
                at += yes if value & operand else no
            case 0x06:
                return operand
            case _:
                raise AssertionError(kind)


REFUSED = ERRNO | errno.EPERM
CALLS = {
    "x86_64": {"read": 0, "socket": 41, "ioctl": 16, "clone": 56, "ptrace": 101, "mount": 165, "openat": 257},
    "aarch64": {"read": 63, "socket": 198, "ioctl": 29, "clone": 220, "ptrace": 117, "mount": 40, "openat": 56},
}


@pytest.mark.parametrize("machine", CALLS)
def test_the_filter_refuses_what_it_should_on_every_processor(machine: str) -> None:
    calls = CALLS[machine]
    assert verdict(machine, calls["read"]) == ALLOW
    assert verdict(machine, calls["openat"]) == ALLOW
    assert verdict(machine, calls["ptrace"]) == REFUSED
    assert verdict(machine, calls["mount"]) == REFUSED
    assert [verdict(machine, calls["socket"], family) for family in (2, 10)] == [ALLOW, ALLOW]
    assert {verdict(machine, calls["socket"], family) for family in (0, 1, 3, 16, 17, 38, 40)} == {REFUSED}
    assert [verdict(machine, calls["ioctl"], 0, request) for request in (0x5412, 0x541C)] == [REFUSED, REFUSED]
    assert verdict(machine, calls["ioctl"], 0, 0x5413) == ALLOW
    assert [verdict(machine, calls["clone"], flags) for flags in (THREAD, FORK)] == [ALLOW, ALLOW]
    assert [verdict(machine, calls["clone"], bit | 17) for bit in (NEW_USER, 0x20000, 0x40000000)] == [REFUSED] * 3
    assert verdict(machine, 435) == ERRNO | errno.ENOSYS
    assert {verdict(machine, number) for number in (425, 426, 427, 428, 438, 442)} == {REFUSED}


def test_calls_by_the_numbers_of_another_architecture_are_not_let_past() -> None:
    assert verdict("x86_64", 0, architecture=I386) == KILL
    assert verdict("x86_64", 0x40000000) == REFUSED
    assert verdict("aarch64", 63, architecture=0x40000028) == KILL


def test_macos_is_told_what_may_be_written_and_what_may_not_be_seen(tmp_path: Path) -> None:
    home, root, cache = tmp_path / "home", tmp_path / 'we "quote"', tmp_path / "cache"
    for folder in (home / ".ssh", root / ".git", cache):
        folder.mkdir(parents=True)
    launch = Seatbelt(Places((root,), home, cache, (tmp_path / "state",))).launch(Request(["ls", "-l"], root))
    program, option, profile, *command = launch.arguments
    assert (program, option, command) == ("/usr/bin/sandbox-exec", "-p", ["ls", "-l"])
    lines = profile.splitlines()
    quoted = str(root).replace('"', '\\"')
    order = [
        "(deny file-write*)",
        f'(allow file-write* (subpath "{quoted}"))',
        f'(deny file-read* file-write* (subpath "{home}/.ssh"))',
        f'(deny file-write* (subpath "{quoted}/.git"))',
        "(deny network*)",
    ]
    assert [lines.index(line) for line in order] == sorted(lines.index(line) for line in order)
    assert profile.count("(") == profile.count(")")
    granted = Seatbelt(Places((root,), home, cache)).launch(Request(["ls"], root, network=True))
    assert "(deny network*)" not in granted.arguments[2]


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("bwrap: setting up uid map: Permission denied", "keeps ordinary users from user namespaces"),
        ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", "a network namespace cannot be set up"),
        ("bwrap: Failed to make / slave: Permission denied", "does not allow mounting"),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "does not allow mounting /proc"),
        ("bwrap: No permissions to create a new namespace, likely because", "user namespaces"),
        ("bwrap: something quite new", "something quite new"),
    ],
)
def test_the_way_in_which_bubblewrap_fails_is_recognised(said: str, meaning: str) -> None:
    assert meaning in failure(said)


@pytest.mark.parametrize("said", ["", "hello", "make: bwrap: nothing", "bwrap: x\n" + "and much more\n" * 9])
def test_what_a_command_says_is_not_taken_for_a_failure(said: str) -> None:
    assert failure(said) == ""


def test_versions_are_read_and_odd_ones_taken_for_old() -> None:
    assert [version_of(text) for text in ("bubblewrap 0.8.0", "0.11", "?")] == [(0, 8), (0, 11), ()]


def test_limits_are_named_in_sizes_that_people_use() -> None:
    limits = Limits(4_000_000_000, 2048, 300_000_000, 500_000_000)
    assert [limits.told(name) for name in ("memory", "processes", "file", "disk")] == [
        "it used more than 4 GB of memory",
        "it started more than 2,048 processes and threads",
        "it wrote a file of more than 300 MB",
        "it left less than 500 MB free on the disk",
    ]
