"""How the model process is held: it reads its model and its libraries, and writes only where it is told; starts nothing
itself.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import codeagent
from codeagent.tools.process import supervised
from codeagent.tools.sandbox.api import Launch
from codeagent.tools.sandbox.kernel import Confinement
from codeagent.tools.sandbox.landlock import version as landlock_version
from codeagent.tools.sandbox.seccomp import AF_INET, AF_INET6, AF_NETLINK, supported

_LIBRARIES = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/opt", "/nix/store", "/gnu/store", "/proc", "/sys")
_SETTINGS = """
    ld.so.cache ld.so.conf ld.so.conf.d localtime timezone OpenCL vulkan glvnd alternatives nsswitch.conf hosts
    resolv.conf host.conf gai.conf passwd group
"""
_SHARED = "/dev/shm"  # noqa: S108  # not a folder for temporary files
_DEVICES = ("/dev/zero", "/dev/urandom", "/dev/random")
_GPUS = ("nvidia*", "dri", "kfd", "dxg", "mali*", "accel")
_PART = re.compile(r"-\d{5}-of-\d{5}(?=\.gguf$)")


def runner_prefix(
    model: Path, rpc: Sequence[str], environ: Mapping[str, str], writable: Sequence[str] = ()
) -> tuple[str, ...]:
    """What to put before the runner's command. Empty where this machine has no means to confine it.

    It may read `model`, with all its parts, its libraries and what the kernel tells of the machine; use GPUs; write
    in `writable` folders alone; and connect to the ports of the `rpc` servers ("host:port") and nowhere else.
    """
    ports = tuple(int(port) for _, _, port in (server.rpartition(":") for server in rpc) if port.isdigit())
    return _prefix(_parts(model), environ, ports, (), writable)


def worker_prefix(port: int, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What to put before the command of a worker that is called on this port. Empty where it cannot be confined.

    It may read its libraries, use GPUs, write nowhere and connect to nobody.
    """
    return _prefix((), environ, (), (port,))


def _prefix(
    models: Iterable[str],
    environ: Mapping[str, str],
    ports: tuple[int, ...],
    binds: tuple[int, ...],
    writable: Iterable[str] = (),
) -> tuple[str, ...]:
    if sys.platform != "linux" or not supported() or not landlock_version():
        return ()
    gpus = [str(path) for pattern in _GPUS for path in Path("/dev").glob(pattern)]
    libraries = {folder for folder in environ.get("LD_LIBRARY_PATH", "").split(":") if folder.startswith("/")}
    settings = {f"/etc/{name}" for name in _SETTINGS.split()}
    confinement = Confinement(
        read=sorted({*_python(environ), *_LIBRARIES, *libraries, *settings, *models, *_DEVICES}),
        # A driver shares memory with itself in /dev/shm.
        write=["/dev/null", "/proc/self/oom_score_adj", *gpus, *([_SHARED] if gpus else []), *writable],
        listed=("/",),
        families=(AF_INET, AF_INET6, AF_NETLINK) if ports or binds else (),
        ports=ports,
        binds=binds,
    )
    return tuple(supervised(Launch((), confinement.option())))


def _python(environ: Mapping[str, str]) -> Iterator[str]:
    """This Python and everything the runner imports from; not the folder that this program was started in."""
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, os.path.realpath(sys.executable))
    yield from (path for path in sys.path if Path(path).name in ("site-packages", "dist-packages"))
    yield from (path for path in environ.get("PYTHONPATH", "").split(":") if path.startswith("/"))
    package = Path(codeagent.__file__).parent
    yield from (os.path.realpath(path) for path in (package, *package.iterdir()))


def _parts(model: Path) -> Iterator[str]:
    """The file of a model, and the others where it is cut into several."""
    real = Path(os.path.realpath(model))
    yield str(real)
    if _PART.search(real.name):
        head, tail = _PART.split(real.name)
        yield from (str(path) for path in real.parent.iterdir() if _PART.sub("", path.name) == head + tail)
