"""`codeagent model`: lists, pulls, shows, chooses, adds and removes models; draws, and leaves the work to inference."""

from __future__ import annotations

import errno
import functools
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import click

from codeagent.agent.config import ConfigError
from codeagent.agent.paths import Paths
from codeagent.agent.text import printable
from codeagent.cli.progress import ProgressBar, size
from codeagent.inference.catalog import NAME, Entry, load_catalog
from codeagent.inference.client import ModelError, ModelLoadError
from codeagent.inference.store import ModelExistsError, ModelInUseError, ModelStore, UnknownModelError, unknown

P = ParamSpec("P")

ERROR, BAD_INPUT, BAD_MODEL, RETRYABLE = 1, 42, 52, 75


def _store() -> ModelStore:
    from codeagent.inference.store import default_models_folder

    return ModelStore(default_models_folder())


def _catalog() -> dict[str, Entry]:
    """The shipped models and those of `catalog.toml` beside the person's settings."""
    return load_catalog(Paths.default().catalog_file)


def _out(text: str) -> None:
    # Names and templates come from files other people made: nothing of them may steer the terminal.
    click.echo(printable(text))


def _exit_codes(command: Callable[P, None]) -> Callable[P, int]:
    """Turn the errors a person can meet into a sentence on stderr and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        from codeagent.inference.partial import CorruptError, PullBusyError, SourceError

        try:
            command(*args, **kwargs)
        except ModelError as e:
            click.echo(f"codeagent: {printable(str(e))}", err=True)
            if isinstance(e, UnknownModelError | ModelExistsError):
                return BAD_INPUT
            if isinstance(e, ModelLoadError | CorruptError):
                return BAD_MODEL
            return RETRYABLE if isinstance(e, SourceError | PullBusyError | ModelInUseError) else ERROR
        except OSError as e:
            if e.errno == errno.EPIPE:
                raise  # the reader has seen enough; click ends quietly
            click.echo(f"codeagent: the system says: {e.strerror or e}.", err=True)
            return ERROR
        return 0

    return run


def _complete_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    names = {*_catalog(), *(model.name for model in _store().installed())}
    return sorted(name for name in names if name.startswith(incomplete))


_name = click.argument("name", shell_complete=_complete_names)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def model() -> None:
    """Models on this machine: list, pull, show, plan, use, add and remove them.

    They are kept in the data folder, or in the folder that CODEAGENT_MODELS names.
    """


@model.command("list")
@_exit_codes
def list_() -> None:
    """List the models that are here and those that can be pulled, with what they need."""
    from codeagent.inference.host import host_memory

    store, catalog = _store(), _catalog()
    here = {model.name: model for model in store.installed()}
    memory = host_memory().total
    rows = [("", "NAME", "SIZE", "MEMORY", "HERE", "FITS", "")]
    default = _default_model()
    for name in sorted(here, key=lambda n: here[n].size) + [n for n in catalog if n not in here]:
        entry = catalog.get(name)
        bytes_, needed = _needs(here[name].path if name in here else None, entry)
        fits = "?" if needed is None else "yes" if needed < 0.9 * memory else "tight" if needed < memory else "no"
        shown = "-" if needed is None else f"{needed / 1e9:.1f} GB"
        text = f"{entry.description} {entry.licence}." if entry else "added by you"
        mark = "*" if name == default else ""
        rows.append((mark, name, size(bytes_), shown, "yes" if name in here else "-", fits, text))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    for row in rows:
        _out("  ".join([*(cell.ljust(width) for cell, width in zip(row[:6], widths, strict=True)), row[6]]).rstrip())
    _out(f"\n* the default. This machine has {memory / 1e9:.1f} GB of memory; a GPU's own comes on top.")
    _out(f"Folder: {store.folder}")


def _needs(path: Path | None, entry: Entry | None) -> tuple[int, int | None]:
    """Bytes of the file, and of memory with a context of 16,384 tokens; None when the file cannot be read."""
    if path is None:
        assert entry is not None
        return entry.size, int(entry.memory_gb * 1e9)
    from codeagent.cli.model_show import working_memory
    from codeagent.inference.gguf import GGUFError, read_header

    bytes_ = path.stat().st_size
    try:
        return bytes_, working_memory(read_header(path))
    except GGUFError:
        return bytes_, None


@model.command()
@_name
@_exit_codes
def pull(name: str) -> None:
    """Download a model of the catalogue and check it. Run again after an interruption, it goes on where it stopped."""
    from codeagent.inference import download

    store, catalog = _store(), _catalog()
    entry = catalog.get(name)
    if entry is None:
        raise UnknownModelError(unknown(name, catalog))
    if (store.folder / f"{name}.gguf").exists():
        _out(f"{name} is already here.")
        return
    try:
        with ProgressBar(name, sys.stderr) as bar:
            path = download.pull(entry, store.folder, lambda text: bar.say(printable(text)), bar)
    except KeyboardInterrupt:
        click.echo("codeagent: stopped. What has come is kept: the same command goes on from there.", err=True)
        raise
    _out(f"{name} is ready, its checksum is right: {path}")


@model.command()
@_name
@_exit_codes
def show(name: str) -> None:
    """Show what a model is: sizes, quantization, template, memory. NAME may be the path of a GGUF file."""
    from codeagent.cli.model_show import describe_entry, describe_file

    catalog = _catalog()
    try:
        path = _store().resolve(name, catalog)
    except UnknownModelError:
        if name not in catalog:
            raise
        _out(describe_entry(catalog[name]))
        return
    _out(describe_file(name, path, catalog.get(name)))


@model.command()
@_name
@click.option("--ctx", type=click.IntRange(512), help="Size of the context window, in tokens.")
@click.option("--gpu-layers", type=click.IntRange(0), help="Layers to put on GPUs, the last ones first.")
@click.option(
    "--gpu", "gpus", metavar="SIZES", help='GPUs to plan for instead of this machine\'s: "24GiB,12GiB@360GB/s".'
)
@click.option("--device", "devices", multiple=True, metavar="HOST:PORT", help="A worker that holds layers too.")
@click.option("--kv-type", type=click.Choice(["f16", "q8_0", "q4_0"]), help="How the cache is kept.")
@click.option("--cpu-moe", type=click.IntRange(0), metavar="N", help="Layers whose experts stay on the CPU.")
@click.option("--split-mode", type=click.Choice(["none", "layer", "row"]), help="How several GPUs share the model.")
@click.option("--draft", metavar="NAME|FILE", help="A draft model to be loaded beside it.")
@click.option("--projector", type=click.Path(path_type=Path), metavar="FILE", help="A projector for pictures, too.")
@click.option("--json", "as_json", is_flag=True, help="Print data for programs.")
@_exit_codes
def plan(name: str, gpus: str | None, draft: str | None, projector: Path | None, as_json: bool, **given: Any) -> None:
    """Show where a model's layers, cache and buffers would go, and how fast it would be, without loading it."""
    from codeagent.cli.model_plan import Outlook, companions_of, devices_for, header_of, load_settings
    from codeagent.inference.placement.described import DescriptionError

    catalog = _catalog()
    path = header_of(_store(), name, catalog)
    beside = companions_of(header_of(_store(), draft, catalog) if draft else None, projector)
    try:
        settings = load_settings(path, name, given)
        found = Outlook(path, settings, devices_for(gpus, given["devices"], settings.rpc), beside)
    except (DescriptionError, ConfigError) as e:
        raise click.UsageError(str(e)) from e
    _out(json.dumps(found.data(), indent=2) if as_json else found.text())


@model.command()
@_name
@_exit_codes
def use(name: str) -> None:
    """Make a model the default. NAME may be the path of a GGUF file."""
    from codeagent.inference.gguf import read_header

    catalog = _catalog()
    path = _store().resolve(name, catalog)
    if name in catalog and catalog[name].kind == "embedding":
        raise ModelLoadError(
            f"{name} cannot answer. To find code by its meaning, set embedding_model = {name!r} instead."
        )
    read_header(path)
    chosen = name if path == _store().folder / f"{name}.gguf" else str(path.resolve())
    _write_default(Paths.default().config_file, chosen)
    _out(f"{chosen} is now the default model.")


@model.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="The name to keep it under (default: made from the file's name).")
@click.option("--link", is_flag=True, help="Keep a symbolic link instead of the file.")
@_exit_codes
def add(file: Path, name: str | None, link: bool) -> None:
    """Take a GGUF file into the models' folder, by a hard link where that is possible and a copy elsewhere."""
    if name is not None and not re.fullmatch(NAME, name):
        raise click.UsageError(f"{name!r} is no name for a model: use lower-case letters, digits, dots and dashes.")
    with ProgressBar(file.name, sys.stderr) as bar:
        added = _store().add(file, name, link, bar)
    _out(f"{added.name} is added ({size(added.size)}). Make it the default with: codeagent model use {added.name}")


@model.command()
@_name
@_exit_codes
def rm(name: str) -> None:
    """Delete a model from this machine, or what is left of an unfinished pull."""
    removed = _store().remove(name)
    _out(f"{name} is removed; {size(removed.size)} are free again.")


def _default_model() -> str:
    from codeagent.agent.config import load_config

    try:
        return load_config(Paths.default().config_file, None, {}, {}).model
    except ConfigError as e:
        raise ModelLoadError(str(e)) from e


def _write_default(path: Path, name: str) -> None:
    from codeagent.agent.settings_file import set_setting

    try:
        set_setting(path, "model", name)
    except ConfigError as e:
        raise ModelLoadError(str(e)) from e
