"""Machines that lend memory and cores: where they may be, and what is said of one that is gone; knows no model."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

_KNOCK_S = 2.0
_HANGUP_S = 0.3


class AddressError(ValueError):
    """An address that no worker may have; the text says why, and what to do."""


def split_address(text: str) -> tuple[str, int]:
    """Host and port of "host:port". Raises AddressError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise AddressError(f"{text!r} is no address: write HOST:PORT, such as 127.0.0.1:50052")
    return host, int(port)


def require_loopback(host: str, port: int) -> None:
    """Raise AddressError unless the address is this machine's own."""
    if host == "localhost":
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        pass  # a name: it may mean anything
    raise AddressError(
        f"{host} is not this machine's own address. The protocol of workers has no authentication and no encryption: "
        "whoever reaches the port can read and write the memory behind it. Keep the worker on 127.0.0.1 and use a "
        f"tunnel, on the machine that uses it: ssh -N -L {port}:127.0.0.1:{port} USER@WORKER (then --device "
        f"127.0.0.1:{port} reaches it)"
    )


def checked_device(text: str) -> str:
    """The address of a worker as it may be used. Raises AddressError."""
    host, port = split_address(text)
    require_loopback(host, port)
    return f"{host}:{port}"


def is_open(host: str, port: int) -> bool:
    """Whether a program can be called there."""
    try:
        socket.create_connection((host, port), _KNOCK_S).close()
    except OSError:
        return False
    return True


class Workers:
    """The workers that a model process was told to use, and which of them are gone."""

    def __init__(self, endpoints: Sequence[str]) -> None:
        self.left = tuple(endpoints)
        self.gone: tuple[str, ...] = ()

    async def look(self) -> tuple[str, ...]:
        """Look for those that are left, in bounded time; the ones found gone now are never used again."""
        answers = await asyncio.gather(*(_answers(endpoint) for endpoint in self.left))
        lost = tuple(endpoint for endpoint, there in zip(self.left, answers, strict=True) if not there)
        self.left = tuple(endpoint for endpoint in self.left if endpoint not in lost)
        self.gone += lost
        return lost


def lost_sentence(lost: Sequence[str]) -> str:
    """What is said of the turn in which workers were lost."""
    one = len(lost) == 1
    return (
        f"{'The worker' if one else 'The workers'} {', '.join(lost)}, with a part of the model, "
        f"{'is' if one else 'are'} gone. The next message loads the model without {'it' if one else 'them'}."
    )


def without_sentence(gone: Sequence[str]) -> str:
    """What is said when a model was loaded without workers that were to hold a part of it."""
    one = len(gone) == 1
    return (
        f"{'The worker' if one else 'The workers'} {', '.join(gone)} {'is' if one else 'are'} gone, so the model was "
        f"loaded without {'it' if one else 'them'}. To use {'it' if one else 'them'} again, start "
        f"{'it' if one else 'them'} and open codeagent anew."
    )


async def _answers(endpoint: str) -> bool:
    """Whether somebody is there who waits to be asked. A tunnel whose far end is gone takes a call and hangs up."""
    host, port = split_address(endpoint)
    try:
        async with asyncio.timeout(_KNOCK_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    try:
        async with asyncio.timeout(_HANGUP_S):
            return bool(await reader.read(1))
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        writer.close()
