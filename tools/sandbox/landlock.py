"""Confines the process that calls it, for good: file access by Landlock, no capabilities, the filter of system calls.

The supervisor imports this without site-packages: standard library only, and no slow part of it.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every processor
_RULE_PATH, _RULE_PORT = 1, 2
_ASK_VERSION = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_BIND, _CONNECT = 1, 2
_SCOPES = 3  # abstract UNIX sockets and signals end at the border
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_CAP_AMBIENT = 24, 38, 22, 47
_FILTER, _CLEAR_ALL = 2, 4
_CAPABILITY_VERSION = 0x20080522

READ = _EXECUTE | _READ_FILE | _READ_DIR
LIST = _READ_DIR


def version() -> int:
    """The version of Landlock this kernel has; 0: none, or it was not started with it."""
    return max(0, int(_libc().syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_ASK_VERSION))))


def confine(
    read: Iterable[str],
    write: Iterable[str],
    listed: Iterable[str],
    ports: Iterable[int] | None,
    program: bytes,
    binds: Iterable[int] = (),
) -> None:
    """Leave this process and all it starts these files: below `read` to read and execute, below `write` to do anything
    with, below `listed` to list. Files that are not there are passed over.

    `ports` are the TCP ports it may connect to, `binds` those it may be called on; None puts no rule on TCP. `program`
    is a filter of system calls. Raises OSError if any of it cannot be done; nothing must be run then.
    """
    libc, known = _libc(), version()
    if known < 1:
        raise OSError(38, "this kernel has no Landlock")
    everything = (1 << 13) - 1
    everything |= sum(bit for bit, since in ((_REFER, 2), (_TRUNCATE, 3), (_IOCTL, 5)) if known >= since)
    tcp = _BIND | _CONNECT if known >= 4 and ports is not None else 0
    attributes = struct.pack("=QQQ", everything, tcp, _SCOPES if known >= 6 else 0)
    size = 8 if known < 4 else 16 if known < 6 else 24
    rules = _checked(libc.syscall(_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0)))
    for paths, rights in ((read, READ), (write, everything), (listed, LIST)):
        for path in paths:
            _allow(libc, rules, path, rights & everything)
    allowed = [*((_CONNECT, port) for port in ports or ()), *((_BIND, port) for port in binds)]
    for right, port in allowed if tcp else ():
        rule = struct.pack("=QQ", right, port)
        _checked(libc.syscall(_ADD, rules, _RULE_PORT, rule, ctypes.c_uint(0)))
    drop_capabilities(libc)
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.syscall(_RESTRICT, rules, ctypes.c_uint(0)))
    os.close(rules)
    apply_filter(libc, program)


def _allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(found).st_mode):
            rights &= _ON_FILES
        if rights:
            rule = struct.pack("=Qi", rights, found)
            _checked(libc.syscall(_ADD, rules, _RULE_PATH, rule, ctypes.c_uint(0)))
    finally:
        os.close(found)


def drop_capabilities(libc: ctypes.CDLL) -> None:
    """Give up what root may do beyond an owner of files, for this process and all it will execute."""
    for capability in range(64):
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break  # past the last one, or not root: then there is nothing to drop
    libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    _checked(libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION, 0), bytes(24)))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def apply_filter(libc: ctypes.CDLL, program: bytes) -> None:
    """Put the filter of system calls on this process; needs no_new_privs before."""
    _checked(libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(_Program(len(program) // 8, program)), 0, 0))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
