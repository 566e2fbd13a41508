"""Checks the packages that the project needs at run time: their licences, and that none is older than is safe."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from console import ROOT

PERMISSIVE = re.compile(
    r"\b(?:0?BSD(?:-\d-Clause)?|MIT(?:-0)?|MIT-CMU|Apache|MPL|Mozilla Public License|ISC|PSF|Python Software Foundation"
    r"|Unlicense|CC0|Zlib|HPND|BSL-1\.0)\b",
    re.IGNORECASE,
)
# The first version without a known hole that this project's use would meet, and why.
FLOORS = {
    "gitpython": ("3.1.58", "runs programs that a repository's settings name"),
    "jinja2": ("3.1.6", "sandbox escape through |attr"),
    "llama-cpp-python": ("0.3.36", "bundles a llama.cpp with the GGUF overflow GHSA-3p4r-fq3f-q74v closed"),
    "mcp": ("1.23", "DNS rebinding"),
}


def runtime_closure() -> set[str]:
    """The names of all installed packages that the project needs at run time on this machine, its own excluded."""
    wanted: list[tuple[str, str]] = [("codeagent", "")]
    seen: set[tuple[str, str]] = set()
    while wanted:
        name, extra = wanted.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for line in metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                needed = canonicalize_name(requirement.name)
                wanted += [(needed, ""), *((needed, wish) for wish in requirement.extras)]
    return {name for name, _ in seen} - {"codeagent"}


def licence_terms(name: str) -> list[str]:
    """What the package says its licence is: an SPDX expression, else classifiers, else the free text's first line."""
    about = metadata.metadata(name)
    if "License-Expression" in about:
        return [about["License-Expression"]]
    classifiers = [line for line in about.get_all("Classifier") or [] if line.startswith("License :: OSI Approved ::")]
    return classifiers or [about["License"].strip().partition("\n")[0] if "License" in about else ""]


def is_permissive(terms: str) -> bool:
    """Whether the licence allows shipping: all parts of an AND, one part of an OR; never a GPL of any kind."""
    parts = [part.strip(" ()") for part in terms.split(" AND ")]
    return all(
        any(PERMISSIVE.search(choice) and "GPL" not in choice for choice in part.split(" OR ")) for part in parts
    )


def licence_problems() -> list[str]:
    """One sentence for each run-time dependency whose licence is not permissive, or not known."""
    terms = {name: licence_terms(name) for name in sorted(runtime_closure())}
    return [
        f"{name} is under “{' / '.join(stated)}”, which is not a permissive licence"
        for name, stated in terms.items()
        if not any(is_permissive(term) for term in stated)
    ]


def floor_problems() -> list[str]:
    """One sentence for each dependency that is locked, or allowed by pyproject.toml, below its floor."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    locked = {package["name"]: package["version"] for package in packages if "version" in package}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    allowed = {str(canonicalize_name(requirement.name)): requirement for requirement in map(Requirement, declared)}
    problems: list[str] = []
    for name, (floor, reason) in FLOORS.items():
        if name in locked and Version(locked[name]) < Version(floor):
            problems.append(f"{name} is locked at {locked[name]}, below {floor} ({reason})")
        if name in allowed:
            bounds = [
                Version(bound.version) for bound in allowed[name].specifier if bound.operator in {">=", "==", "~="}
            ]
            if not bounds or max(bounds) < Version(floor):
                problems.append(f"pyproject.toml allows {name} below {floor} ({reason})")
    return problems
