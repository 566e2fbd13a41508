"""Makes the project's environment in .venv from uv.lock, compiling llama.cpp, or says in one sentence what is missing.

Standard library only. `CMAKE_ARGS` in the environment goes to llama.cpp's build and is remembered for later runs;
`CMAKE_ARGS=` (empty) forgets it. `--plan` prints what a run would do and changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from console import BIN, ROOT, MissingError, clock, say
from progress import run_logged

UV_PIN = "uv==0.13.9"
NEEDED_BYTES = 3 * 1024**3
UV_FOLDER = ROOT / ".uv"
UV = UV_FOLDER / "bin" / "uv"
LOG = UV_FOLDER / "setup.log"
STAMP = ROOT / ".venv" / "codeagent-setup.json"
CXX_PROBE = (
    "#include <thread>\n#include <filesystem>\nint main() { return std::thread::hardware_concurrency() == 0; }\n"
)


@dataclass(frozen=True)
class Plan:
    """What a run does: `cmake_args` shape llama.cpp, `compiles` says whether it is built, `notes` are to be printed."""

    fingerprint: str
    cmake_args: tuple[str, ...]
    up_to_date: bool
    compiles: bool
    notes: tuple[str, ...] = ()


def fingerprint() -> str:
    """A hash over everything the environment is made from."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "uv.lock"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def read_stamp() -> dict[str, object]:
    """What the last complete run left, or nothing."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def make_plan(environ: Mapping[str, str]) -> Plan:
    """Compare what is wanted with what is there."""
    stamp = read_stamp()
    kept = stamp.get("cmake_args")
    notes: list[str] = []
    if "CMAKE_ARGS" in environ:
        cmake_args = tuple(shlex.split(environ["CMAKE_ARGS"]))
    elif isinstance(kept, list):
        cmake_args = tuple(str(arg) for arg in kept)
    else:
        cmake_args, notes = gpu_build(environ)
    wanted = fingerprint()
    same_build = kept == list(cmake_args)
    return Plan(
        fingerprint=wanted,
        cmake_args=cmake_args,
        up_to_date=same_build and stamp.get("fingerprint") == wanted and (BIN / "codeagent").exists() and UV.exists(),
        compiles=not (same_build and installed_llama() == locked_llama()),
        notes=tuple(notes),
    )


def gpu_build(environ: Mapping[str, str]) -> tuple[tuple[str, ...], list[str]]:
    """The arguments that make llama.cpp use this machine's GPU where that is certain, and notes on what is possible."""
    nvcc = shutil.which("nvcc", path=f"{environ.get('PATH', '')}:/usr/local/cuda/bin")
    nvidia = nvidia_gpu(environ)
    if nvidia and nvcc:
        return ("-DGGML_CUDA=on", f"-DCMAKE_CUDA_COMPILER={nvcc}"), [
            f"{nvidia} and the CUDA toolkit found: llama.cpp is built for them (without: CMAKE_ARGS= make setup)."
        ]
    notes: list[str] = []
    if nvidia:
        notes.append(f"{nvidia} found, but not the CUDA toolkit: install it, then CMAKE_ARGS=-DGGML_CUDA=on make setup")
    elif nvcc:
        notes.append(
            "CUDA toolkit found, but no NVIDIA GPU answers; to build for one: CMAKE_ARGS=-DGGML_CUDA=on make setup"
        )
    headers = Path(environ.get("VULKAN_SDK", "/usr")) / "include" / "vulkan" / "vulkan.h"
    if shutil.which("glslc", path=environ.get("PATH")) and headers.exists():
        notes.append("Vulkan SDK found; to run models on a GPU through it: CMAKE_ARGS=-DGGML_VULKAN=on make setup")
    if platform.system() == "Darwin":
        notes.append("llama.cpp is built for this Mac's GPU (Metal).")
    return (), notes


def nvidia_gpu(environ: Mapping[str, str]) -> str:
    """The name of the first NVIDIA GPU that the driver answers for, or nothing."""
    program = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if program is None:
        return ""
    try:
        answer = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    first = answer.stdout.partition("\n")[0]
    return (
        first.partition(": ")[2].partition(" (UUID")[0] if answer.returncode == 0 and first.startswith("GPU ") else ""
    )


def locked_llama() -> str:
    """The version of llama-cpp-python that uv.lock pins."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    return next(str(package["version"]) for package in packages if package["name"] == "llama-cpp-python")


def installed_llama() -> str:
    """The version of llama-cpp-python in .venv, or nothing."""
    for folder in (ROOT / ".venv").glob("lib/python3*/site-packages/llama_cpp_python-*.dist-info"):
        return folder.name.removesuffix(".dist-info").partition("-")[2]
    return ""


def check_space(environ: Mapping[str, str]) -> None:
    """Raise MissingError unless the project, uv's cache and the folder for temporary files have room."""
    cache = Path(environ.get("UV_CACHE_DIR") or Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv")
    for folder in (ROOT, cache, Path(tempfile.gettempdir())):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(there).free
        if free < NEEDED_BYTES:
            raise MissingError(
                f"Setting up needs 3 GB of free disk space and {there} has {free / 1024**3:.1f} GB: free some there"
                " (UV_CACHE_DIR and TMPDIR name other places for the cache and for temporary files)."
            )


def find_compilers(environ: Mapping[str, str]) -> dict[str, str]:
    """CC and CXX as the build is to use them. Raises MissingError unless both are there and a C++17 program links."""
    install = "xcode-select --install" if platform.system() == "Darwin" else "for example: apt-get install g++"
    compilers: dict[str, str] = {}
    for variable, language, names in (("CC", "C", ("cc", "gcc", "clang")), ("CXX", "C++", ("c++", "g++", "clang++"))):
        named = environ.get(variable, "").strip()
        found = next((name for name in names if shutil.which(name, path=environ.get("PATH"))), None)
        if not named and found is None:
            raise MissingError(
                f"llama.cpp is compiled here and no {language} compiler is there: install one ({install})."
            )
        compilers[variable] = named or str(found)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.cpp"
        source.write_text(CXX_PROBE, encoding="utf-8")
        command = [*shlex.split(compilers["CXX"]), "-std=c++17", "-pthread", str(source), "-o", f"{source}.out"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise MissingError(f"The compiler CXX={compilers['CXX']} cannot be started: {error.strerror}.") from None
    if answer.returncode != 0:
        complaint = next((line for line in answer.stderr.splitlines() if "error" in line), "no reason given")
        raise MissingError(
            f"The C++ compiler cannot build a small C++17 program ({complaint.strip()[:120]}): {install}."
        )
    return compilers


def bring_uv(environ: Mapping[str, str]) -> None:
    """Install the project's own uv into .uv if it is not there. Raises MissingError."""
    version = UV_PIN.partition("==")[2]
    if UV.exists() and version in subprocess.run([UV, "--version"], capture_output=True, text=True, check=False).stdout:
        return
    say(f"Installing {UV_PIN} into .uv")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([sys.executable, "-m", "venv", UV_FOLDER], capture_output=True, check=False).returncode == 0:
        command = [str(UV_FOLDER / "bin" / "python"), *pip[1:], UV_PIN]
    elif subprocess.run([*pip[:3], "--version"], capture_output=True, check=False).returncode == 0:
        command = [*pip, "--upgrade", "--target", str(UV_FOLDER), UV_PIN]
    else:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise MissingError(
            f"{sys.executable} has neither venv nor pip: install one, for example: apt-get install {package}."
        )
    own = {**environ, "PIP_USER": "0"}
    run_logged(command, log=LOG, first_phase="downloading uv", environ=own, cwd=ROOT)


def sync(plan: Plan, compilers: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Bring .venv to what uv.lock says. Raises MissingError."""
    command = [str(UV), "sync", "--frozen", "--verbose", "--color", "never"]
    if not (BIN / "python").exists():
        command += ["--python", sys.executable]
    for arg in plan.cmake_args:
        command += ["--config-settings-package", f"llama-cpp-python:cmake.args={arg}"]
    # What shapes the build travels as settings, which are part of the key of uv's cache; CMAKE_ARGS is not.
    hidden = {"CMAKE_ARGS", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "UV_FROZEN", "UV_LOCKED", "UV_NO_DEV"}
    # Compilers are named, because the build would else look for the one that Python itself was compiled with.
    own = {key: value for key, value in environ.items() if key not in hidden} | dict(compilers)
    own.setdefault("UV_HTTP_TIMEOUT", "120")
    own["UV_PYTHON_DOWNLOADS"] = "never"
    first_phase = "collecting packages" if plan.compiles else "comparing packages"
    if read_stamp().get("cmake_args") not in (None, list(plan.cmake_args)):
        # uv keeps an installed package whose build settings changed; --reinstall-package would ignore its cache.
        run_logged(
            [str(UV), "pip", "uninstall", "llama-cpp-python"], log=LOG, first_phase=first_phase, environ=own, cwd=ROOT
        )
    try:
        # Asked online, uv may find a cached source package "modified" and compile what it has compiled before.
        run_logged([*command, "--offline"], log=LOG, first_phase=first_phase, environ=own, cwd=ROOT)
    except MissingError:
        run_logged(command, log=LOG, first_phase=first_phase, environ=own, cwd=ROOT)
    probe = subprocess.run([BIN / "python", "-c", "import llama_cpp"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        reason = (probe.stderr.strip().splitlines() or [f"exit code {probe.returncode}"])[-1]
        raise MissingError(
            f"llama-cpp-python was built and cannot be loaded ({reason[:160]}): rm -rf .venv, then make setup."
        )


def main(arguments: list[str]) -> int:
    """Run the plan; 0 when .venv is complete."""
    plan = make_plan(os.environ)
    if "--plan" in arguments:
        for note in plan.notes:
            say(note)
        say("up to date" if plan.up_to_date else "compile llama.cpp" if plan.compiles else "update packages")
        say(f"cmake: {shlex.join(plan.cmake_args)}")
        return 0
    if plan.up_to_date:
        return 0
    started = time.monotonic()
    UV_FOLDER.mkdir(exist_ok=True)
    LOG.write_text("", encoding="utf-8")
    for note in plan.notes:
        say(note)
    compilers: dict[str, str] = {}
    if plan.compiles:
        check_space(os.environ)
        compilers = find_compilers(os.environ)
        say(f"Setting up .venv; llama.cpp is compiled once, six minutes on two cores (log: {os.path.relpath(LOG)})")
    bring_uv(os.environ)
    sync(plan, compilers, os.environ)
    STAMP.write_text(json.dumps({"fingerprint": plan.fingerprint, "cmake_args": plan.cmake_args}), encoding="utf-8")
    say(f"Environment ready in .venv after {clock(time.monotonic() - started)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MissingError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"Setting up failed: {error.strerror or error} ({error.filename or 'no file named'}).")
    except KeyboardInterrupt:
        sys.exit("Setting up was interrupted: the same command continues it.")
