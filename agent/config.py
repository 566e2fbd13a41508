"""Settings: defaults, then the user's file, the trusted project's file, the environment, and flags; knows no front
end.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from codeagent.inference.client import Frozen, Sampling
from codeagent.inference.frames import CacheKind, SplitMode
from codeagent.inference.workers import checked_device

PermissionMode = Literal["plan", "default", "acceptEdits", "dontAsk", "bypassPermissions"]

ENVIRONMENT = {
    "CODEAGENT_MODEL": "model",
    "CODEAGENT_CTX": "context",
    "CODEAGENT_GPU_LAYERS": "gpu_layers",
    "CODEAGENT_THREADS": "threads",
    "CODEAGENT_PERMISSION_MODE": "permission_mode",
    "CODEAGENT_SANDBOX": "sandbox",
}

_TABLES = ("sampling", "keys")
_PERSONAL = ("sandbox", "devices", "warm_start_gb")
"""What no project may decide for the person."""


class ConfigError(Exception):
    """A setting is wrong; the text says which, where, and what is allowed."""


class Config(Frozen):
    """All settings. None for a size means that it is chosen automatically."""

    model: str = Field(
        default="qwen2.5-coder-1.5b", description="Catalogue name of the model, or the path of a GGUF file."
    )
    context: Annotated[int, Field(ge=512)] | None = Field(
        default=None, description="Size of the context window, in tokens."
    )
    gpu_layers: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Layers to put on GPUs, the last ones first."
    )
    threads: Annotated[int, Field(ge=1)] | None = Field(default=None, description="CPU threads for the model.")
    devices: tuple[Annotated[str, AfterValidator(checked_device)], ...] = Field(
        default=(),
        description="Workers (host:port, on this machine or at the end of a tunnel) whose memory and cores hold layers "
        "too; see `codeagent worker`. A project cannot set it.",
    )
    kv_type: CacheKind | None = Field(
        default=None, description="How the cache is kept; q8_0 takes half of the memory of f16, q4_0 a quarter."
    )
    flash_attention: bool | None = Field(
        default=None, description="Compute attention without its table of scores; a quantized cache needs it."
    )
    cpu_moe: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Layers, the first ones, whose experts stay on the CPU."
    )
    split_mode: SplitMode | None = Field(
        default=None, description="How several GPUs share a model: by layer, by row of each matrix, or not at all."
    )
    mmap: bool = Field(default=True, description="Map the model's file instead of reading it.")
    mlock: bool = Field(default=False, description="Keep the model's weights from being swapped out.")
    warm_start: bool = Field(
        default=True,
        description="Keep what the model has read on the disk: the next session loads what it has in common with "
        "earlier ones instead of reading it again.",
    )
    warm_start_gb: Annotated[float, Field(gt=0)] = Field(
        default=2, description="Space for it on the disk, in GB. A project cannot set it."
    )
    permission_mode: PermissionMode = Field(default="default", description="What may happen without asking.")
    sandbox: Literal["auto", "off", "require"] = Field(
        default="auto",
        description="Whether commands run in a sandbox: `auto` takes the strongest this machine has, `require` only a "
        "full one, `off` none. A project cannot set it.",
    )
    command_memory_gb: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Memory of one command with all it starts, in GB; half of the machine's by default."
    )
    allowed_tools: tuple[str, ...] = Field(
        default=(), description="Rules such as Edit or Bash(pytest *) that need no asking."
    )
    disallowed_tools: tuple[str, ...] = Field(default=(), description="Rules that are always refused.")
    max_turns: Annotated[int, Field(ge=1)] = Field(default=100, description="Model calls in one turn.")
    max_output_tokens: Annotated[int, Field(ge=16)] = Field(default=2048, description="Tokens of one model call.")
    test_command: str | None = Field(
        default=None, description="How the tests are run; found from the repository when missing."
    )
    prefill_ahead: bool = Field(
        default=True,
        description="Whether the model reads ahead while you type or look at a diff and while commands run. On battery "
        "it never does.",
    )
    map_tokens: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="Size of the map of the repository that the model is given, in tokens; 0: none. By default it "
        "follows the model's size and window.",
    )
    embedding_model: str | None = Field(
        default=None,
        description="Catalogue name of a model that gives texts vectors, or the path of its GGUF file: code is then "
        "found by its meaning, too. None by default.",
    )
    symbol_tools: bool | None = Field(
        default=None,
        description="Whether the model gets the tools find_symbol, outline and edit_symbol. By default models of more "
        "than about four billion parameters do.",
    )
    constrain_edits: bool = Field(
        default=True,
        description="Hold edits to the files: only paths that exist, and as the text to replace only what stands in "
        "the file once.",
    )
    thinking_budget: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="Tokens that a thinking model may think before it is made to answer; no limit by default.",
    )
    sampling: Sampling = Field(default=Sampling(), description="How the next token is chosen.")
    theme: str = Field(default="", description="Colours of the app; empty: dark, or none where NO_COLOR is set.")
    vim: bool = Field(default=False, description="Edit the prompt with the keys of vi.")
    keys: dict[str, str] = Field(
        default={}, description="Other keys for the app's actions, by their id as /keys shows it."
    )


def _table(path: Path, data: bytes | None = None) -> dict[str, Any]:
    try:
        return tomllib.loads((path.read_bytes() if data is None else data).decode("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as e:
        raise ConfigError(f"The settings in {path} cannot be read: {e}. Correct the file or remove it.") from e


def load_config(
    user_file: Path | None,
    project_file: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    project_data: bytes | None = None,
) -> Config:
    """The settings that hold, each source over the one before. Files that do not exist are empty; None skips a source.

    `project_data` is what the project's file was found to hold when it was judged; it is then not read again.
    Raises ConfigError with the source and the field when something is wrong.
    """
    values: dict[str, Any] = {}
    layers: list[tuple[str, dict[str, Any]]] = [
        (str(user_file), _table(user_file) if user_file else {}),
        (str(project_file), _table(project_file, project_data) if project_file else {}),
        ("the environment", {field: environ[name] for name, field in ENVIRONMENT.items() if environ.get(name)}),
        ("the command line", {k: v for k, v in flags.items() if v is not None and v != ()}),
    ]
    for name in _PERSONAL:
        if name in layers[1][1]:
            raise ConfigError(f"The setting {name!r} in {project_file} is not for a project to decide: remove it.")
    for source, layer in layers:
        nested = {name: {**values.get(name, {}), **layer.get(name, {})} for name in _TABLES if name in layer}
        values |= layer | nested
        try:
            Config.model_validate(values)
        except ValidationError as e:
            first = e.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            # Our own refusals are sentences, and may hold a command; pydantic's are phrases.
            ours = first.get("ctx", {}).get("error") if first["type"] == "value_error" else None
            said = str(ours) if ours else first["msg"].lower()
            raise ConfigError(f"The setting {where!r} in {source} is wrong: {said}.") from e
    return Config.model_validate(values)


def process_environment() -> Mapping[str, str]:
    """The environment of this process, read in this one place."""
    return os.environ
