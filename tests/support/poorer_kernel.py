"""A script: runs a command as on a kernel that lacks something, by a filter of system calls that all of it inherits.

python poorer_kernel.py landlock,namespaces COMMAND [ARGUMENT ...]
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

ALLOW, NOT_PERMITTED, NOT_THERE = 0x7FFF0000, 0x00050001, 0x00050026
LOAD, EQUAL, BITS, RETURN = 0x20, 0x15, 0x45, 0x06
CLONE, UNSHARE, CLONE3, LANDLOCK = {"x86_64": (56, 272, 435, 444), "aarch64": (220, 97, 435, 444)}[os.uname().machine]
NEW_USER = 0x10000000


def program(lacking: set[str]) -> bytes:
    """Only the low half of arguments is looked at: flags of interest are there."""
    code = [(LOAD, 0, 0, 0)]
    if "landlock" in lacking:
        code += [(EQUAL, 0, 1, LANDLOCK), (RETURN, 0, 0, NOT_THERE)]
    if "namespaces" in lacking:
        code += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, NOT_THERE)]
        for number in (CLONE, UNSHARE):
            code += [(EQUAL, 0, 4, number), (LOAD, 0, 0, 16), (BITS, 0, 1, NEW_USER), (RETURN, 0, 0, NOT_PERMITTED)]
            code += [(RETURN, 0, 0, ALLOW)]
    code.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def main(lacking: str, command: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    code = program(set(lacking.split(",")))
    libc.prctl(38, 1, 0, 0, 0)
    if libc.prctl(22, 2, ctypes.byref(Filter(len(code) // 8, code)), 0, 0) != 0:
        sys.exit("no filter")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
