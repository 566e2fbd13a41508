"""The user's settings file, changed one setting at a time, and where each setting comes from; knows no front end."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from codeagent.agent.config import ENVIRONMENT, Config, ConfigError
from codeagent.agent.permissions import split_rules
from codeagent.agent.private import make_private_folder

Key = tuple[str, ...]
"""The names that lead to a setting: `("model",)`, `("sampling", "top_k")`, `("keys", "app.quit")`."""

Origin = Literal["default", "user", "project", "environment", "flag"]


@dataclass(frozen=True)
class Setting:
    """One setting as a person sees it. `choices` are all allowed values where they can be listed; `optional` is True
    where the setting may be missing, which then means something of its own.
    """

    key: Key
    description: str
    default: Any
    value: Any
    origin: Origin
    choices: tuple[str, ...]
    optional: bool

    @property
    def name(self) -> str:
        """The key as it is written in prose: `sampling.top_k`."""
        return ".".join(self.key)


def set_setting(path: Path, key: str | Key, value: object) -> None:
    """Set one setting in the file, which is made if there is none; its comments, order and everything else stay.

    The change is atomic. None, which TOML does not have, removes the setting. Raises ConfigError, and the file stays as
    it was, when it cannot be read as TOML, when Config refuses the value, or when it cannot be written.
    """
    names = _names(key)
    checked = _checked(names, value)
    if checked is None:
        unset_setting(path, names)
        return
    document = _read(path)
    table: Any = document
    for i, name in enumerate(names[:-1]):
        if name not in table:
            table[name] = _new_table()
        table = table[name]
        if not _is_table(table):
            raise ConfigError(f"In {path}, {'.'.join(names[: i + 1])} is no table. Correct the file first.")
    table[names[-1]] = checked
    text = _dump(document)
    try:
        Config.model_validate(tomllib.loads(text))
    except (ValueError, ValidationError) as e:
        raise ConfigError(f"{_sentence(e, path)} Nothing was changed: correct that in the file first.") from e
    _write(path, text)


def unset_setting(path: Path, key: str | Key) -> bool:
    """Remove one setting from the file, so that its default holds again; False if it did not stand there.

    Raises ConfigError as `set_setting` does.
    """
    names = _names(key)
    document = _read(path)
    tables: list[Any] = [document]
    for name in names[:-1]:
        inner = tables[-1].get(name)
        if not _is_table(inner):
            return False
        tables.append(inner)
    if names[-1] not in tables[-1]:
        return False
    del tables[-1][names[-1]]
    _write(path, _dump(document))
    return True


def parse_setting(key: str | Key, text: str) -> object:
    """The value of a setting that a person typed. Lists are typed with commas. Raises ConfigError, a sentence."""
    names = _names(key)
    field = _field(names)
    if _is_list(field.annotation):
        return _checked(names, tuple(split_rules([text])))
    return _checked(names, text.strip())


def settings(
    user_file: Path | None, project_file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any]
) -> tuple[Setting, ...]:
    """Every setting with the value that holds and the source it is from; tables of free names, such as `keys`, are
    left out. The arguments are those of `load_config`. Raises ConfigError when a file is no TOML.
    """
    layers: tuple[tuple[Origin, Mapping[str, Any]], ...] = (
        ("user", _table(user_file)),
        ("project", _table(project_file)),
        ("environment", {field: environ[name] for name, field in ENVIRONMENT.items() if environ.get(name)}),
        ("flag", {k: v for k, v in flags.items() if v is not None and v != ()}),
    )
    return tuple(_setting(key, field, layers) for key, field in _fields(Config, ()))


def _setting(key: Key, field: FieldInfo, layers: tuple[tuple[Origin, Mapping[str, Any]], ...]) -> Setting:
    value: Any = field.default
    origin: Origin = "default"
    for source, layer in layers:
        found = _dig(layer, key)
        if found is not None:
            value, origin = _lenient(key, found), source
    return Setting(
        key=key,
        description=field.description or Config.model_fields[key[0]].description or "",
        default=field.default,
        value=value,
        origin=origin,
        choices=_choices(field.annotation),
        optional=NoneType in _members(field.annotation),
    )


def _dig(layer: Mapping[str, Any], key: Key) -> Any:
    found: Any = layer
    for name in key:
        found = found.get(name) if _is_table(found) else None
    return found


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _lenient(key: Key, value: Any) -> Any:
    """The value as Config understands it; as it stands where Config refuses it, since it is only to be shown."""
    try:
        return _checked(key, value)
    except ConfigError:
        return value


def _fields(model: type[BaseModel], above: Key) -> Iterator[tuple[Key, FieldInfo]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, (*above, name))
        elif get_origin(kind) is not dict:
            yield (*above, name), field


def _field(names: Key) -> FieldInfo:
    found = dict(_fields(Config, ())).get(names)
    if found is None:
        raise ConfigError(f"There is no setting named {'.'.join(names)}.")
    return found


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types of a union, or the type alone."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _choices(annotation: Any) -> tuple[str, ...]:
    for member in _members(annotation):
        if get_origin(member) is Literal:
            return tuple(str(value) for value in get_args(member))
        if member is bool:
            return ("true", "false")
    return ()


def _is_list(annotation: Any) -> bool:
    return any(get_origin(member) is tuple for member in _members(annotation))


def _names(key: str | Key) -> Key:
    return (key,) if isinstance(key, str) else key


def _checked(names: Key, value: object) -> Any:
    """The value as Config takes it, fit for TOML. Raises ConfigError."""
    nested: Any = value
    for name in reversed(names):
        nested = {name: nested}
    try:
        found: Any = Config.model_validate(nested).model_dump(mode="json")
    except ValidationError as e:
        first = e.errors()[0]
        if first["type"] == "extra_forbidden":
            raise ConfigError(f"There is no setting named {'.'.join(names)}.") from e
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{'.'.join(names)} cannot be {str(value)!r}: {reason[:1].lower()}{reason[1:]}.") from e
    for name in names:
        found = found[name]
    return found


def _table(path: Path | None) -> dict[str, Any]:
    return {} if path is None else dict(_read(path).unwrap())


def _read(path: Path) -> Any:
    """The file as tomlkit's document, an empty one if there is no file. Raises ConfigError when it is no TOML."""
    import tomlkit  # only needed once somebody looks at the settings or changes one
    from tomlkit.exceptions import TOMLKitError

    try:
        text = path.read_bytes().decode("utf-8")
        tomllib.loads(text)  # the stricter of the two readers, and the one that reads the file at start
        return tomlkit.parse(text)
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, ValueError, TOMLKitError) as e:
        reason = e.strerror if isinstance(e, OSError) and e.strerror else str(e)
        raise ConfigError(
            f"The settings in {path} cannot be read: {reason}. Nothing was changed: correct the file or remove it."
        ) from e


def _new_table() -> Any:
    import tomlkit  # as above

    return tomlkit.table()


def _dump(document: Any) -> str:
    import tomlkit  # as above

    return tomlkit.dumps(document)


def _sentence(error: ValueError | ValidationError, path: Path) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"The setting {where!r} in {path} is wrong: {first['msg'].lower()}."
    return f"The settings in {path} would not be readable any more ({error})."


def _write(path: Path, text: str) -> None:
    try:
        make_private_folder(path.parent)
        target = path.resolve()  # a link to the settings stays a link: it is its target that is replaced
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=".config-", delete=False) as file:
            try:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
                Path(file.name).replace(target)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as e:
        raise ConfigError(f"The settings cannot be written to {path} ({e.strerror or e}).") from e
