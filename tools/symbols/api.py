"""What is known of the symbols of one source file: plain data; knows no parser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "module",
    "class",
    "interface",
    "struct",
    "enum",
    "trait",
    "function",
    "method",
    "constant",
    "variable",
    "field",
    "type",
    "macro",
    "table",
    "element",
    "rule",
    "key",
    "heading",
]
"""`module` is a namespace, package or module inside a file; `table`, `element`, `rule` and `key` are those of SQL,
HTML, CSS and of JSON, YAML and TOML; `heading` is one of a text."""


@dataclass(frozen=True)
class Symbol:
    """One definition. Lines count from 1, `end` is the last one.

    `start_byte` and `end_byte` are offsets in `decode(data, name).text.encode("utf-8", "surrogateescape")`, the text as
    `tools.text` gives it: without byte order mark, each line end one byte, so that an edit made there keeps the
    encoding and line ends of any file. In UTF-8 files with "\\n" these are the offsets on disk.

    `qualified` joins the names of what it stands in with ".", in every language: `Session.run`; that of a method
    written outside its type (Go, Rust, C++) begins with the type's. The span begins with decorators, attributes and
    modifiers, not with the comment above. `signature` is one line without the body and without decorators, `doc` the
    first line of the docstring or of the comment above, "" where there is none. `parent` is the index of the
    definition that encloses it, in the same file's definitions.
    """

    name: str
    qualified: str
    kind: Kind
    signature: str
    doc: str
    start: int
    end: int
    start_byte: int
    end_byte: int
    parent: int | None = None


@dataclass(frozen=True)
class Reference:
    """A use of a name that is defined elsewhere or further up: a call, a type, an import. `inside` is the index of the
    innermost definition it stands in, None at the top of the file."""

    name: str
    line: int
    inside: int | None = None


@dataclass(frozen=True)
class FileSymbols:
    """All symbols of a file in the order in which they begin. `language` is None where no grammar fits: then the
    definitions are headings, if any. `partial` is a sentence on what is missing and why, "" where nothing is."""

    language: str | None
    definitions: tuple[Symbol, ...] = ()
    references: tuple[Reference, ...] = ()
    partial: str = ""
