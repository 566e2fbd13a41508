"""Assembles the filter of system calls in the kernel's own machine code (BPF); applies nothing, imports little.

The supervisor imports this without site-packages: standard library only, and no slow part of it.
"""

from __future__ import annotations

import platform
import struct

AF_INET, AF_INET6, AF_NETLINK = 2, 10, 16
LOOPBACK = (AF_INET, AF_INET6)
"""Address families for a process that has a network namespace of its own. AF_UNIX is in none of the lists: a socket
file outside could be connected to, and the filter cannot see which file is meant."""

_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data; arguments have eight bytes each
_X32 = 0x40000000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
# CLONE_NEW{TIME, NS, CGROUP, UTS, IPC, USER, PID, NET}; NEWTIME shares its bit with CLONE's exit signal and is left.
_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

# Reading other processes, the kernel's own programs, mounts, keys, time and modules.
_DENIED = """
    ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp io_uring_setup io_uring_enter io_uring_register
    mount umount2 pivot_root chroot setns unshare open_tree move_mount fsopen fsconfig fsmount fspick
    mount_setattr bpf perf_event_open userfaultfd keyctl add_key request_key open_by_handle_at kexec_load
    kexec_file_load init_module finit_module delete_module reboot swapon swapoff acct settimeofday clock_settime
"""

_COMMON = {
    "pidfd_getfd": 438, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442,
    "clone3": 435,
}  # fmt: skip
_X86_64 = _COMMON | {
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "mount": 165, "umount2": 166,
    "pivot_root": 155, "chroot": 161, "setns": 308, "unshare": 272, "bpf": 321, "perf_event_open": 298,
    "userfaultfd": 323, "keyctl": 250, "add_key": 248, "request_key": 249, "open_by_handle_at": 304,
    "kexec_load": 246, "kexec_file_load": 320, "init_module": 175, "finit_module": 313, "delete_module": 176,
    "reboot": 169, "swapon": 167, "swapoff": 168, "acct": 163, "settimeofday": 164, "clock_settime": 227,
    "socket": 41, "ioctl": 16, "clone": 56,
}  # fmt: skip
_AARCH64 = _COMMON | {
    "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "mount": 40, "umount2": 39,
    "pivot_root": 41, "chroot": 51, "setns": 268, "unshare": 97, "bpf": 280, "perf_event_open": 241,
    "userfaultfd": 282, "keyctl": 219, "add_key": 217, "request_key": 218, "open_by_handle_at": 265,
    "kexec_load": 104, "kexec_file_load": 294, "init_module": 105, "finit_module": 273, "delete_module": 106,
    "reboot": 142, "swapon": 224, "swapoff": 225, "acct": 89, "settimeofday": 170, "clock_settime": 112,
    "socket": 198, "ioctl": 29, "clone": 220,
}  # fmt: skip
_MACHINES = {"x86_64": (0xC000003E, _X86_64), "aarch64": (0xC00000B7, _AARCH64)}


def supported(machine: str | None = None) -> bool:
    """Whether there is a filter for this processor."""
    return (machine or platform.machine()) in _MACHINES


def filter_program(families: tuple[int, ...], machine: str | None = None) -> bytes:
    """The filter, for a process that may make sockets of these families only. Raises KeyError where unsupported."""
    architecture, numbers = _MACHINES[machine or platform.machine()]
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_AT_LEAST, 0, 1, _X32),  # the same calls by other numbers
        (_RETURN, 0, 0, _ERRNO | _EPERM),
    ]
    for name in _DENIED.split():
        code += [(_JUMP_EQUAL, 0, 1, numbers[name]), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    # The C library then takes clone, whose flags can be looked at: those of clone3 lie behind a pointer.
    code += [(_JUMP_EQUAL, 0, 1, numbers["clone3"]), (_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    code += _judged(numbers["clone"], 0, [(_JUMP_BITS, _NEW_NAMESPACES)], matching=False)
    code += _judged(numbers["ioctl"], 1, [(_JUMP_EQUAL, _TIOCSTI), (_JUMP_EQUAL, _TIOCLINUX)], matching=False)
    code += _judged(numbers["socket"], 0, [(_JUMP_EQUAL, family) for family in families], matching=True)
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _judged(
    number: int, argument: int, tests: list[tuple[int, int]], matching: bool
) -> list[tuple[int, int, int, int]]:
    """A call that is allowed if one of the tests on an argument matches or, with `matching` false, refused then."""
    verdicts = (_ALLOW, _ERRNO | _EPERM) if matching else (_ERRNO | _EPERM, _ALLOW)
    body = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument)]
    for left, (kind, value) in zip(range(len(tests), 0, -1), tests, strict=True):
        body.append((kind, left, 0, value))
    body += [(_RETURN, 0, 0, verdicts[1]), (_RETURN, 0, 0, verdicts[0])]
    return [(_JUMP_EQUAL, 0, len(body), number), *body]
