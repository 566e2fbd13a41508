"""The definitions and references of one source file, whatever its bytes are; knows no file system."""

from __future__ import annotations

import re

from codeagent.tools.api import ToolError
from codeagent.tools.symbols.api import FileSymbols, Reference, Symbol
from codeagent.tools.symbols.captures import SCOPE, Found, collect
from codeagent.tools.symbols.headings import headings
from codeagent.tools.symbols.languages import SQL, language_of
from codeagent.tools.symbols.nesting import nested
from codeagent.tools.symbols.parse import MAX_BYTES, NotParsedError, matches, parse, query
from codeagent.tools.symbols.sql import readable
from codeagent.tools.symbols.wording import unquoted
from codeagent.tools.text import decode

MAX_NAME = 256
MAX_REFERENCES = 50_000

_SURROGATES = re.compile("[\ud800-\udfff]")


def symbols_of(name: str, data: bytes) -> FileSymbols:
    """What a file of this name and with these bytes defines and uses. Never raises; takes seconds at worst.

    `partial` says what is missing: all symbols of files that are too large, binary or slow to parse, some where there
    are more than is reasonable.
    """
    language = language_of(name, data)
    if language is None:
        return FileSymbols(None, _headings(name, data))
    label = language.name
    if len(data) > MAX_BYTES:
        size = len(data) / MAX_BYTES
        return FileSymbols(label, partial=f"It has {size:.1f} MiB; no symbols are looked for in files above 1 MiB.")
    try:
        text = decode(data, "it").text
    except ToolError:
        return FileSymbols(label, partial="It is a binary file, not text, so no symbols are looked for in it.")
    source = _utf8(text) if language is not SQL else readable(_utf8(text))
    try:
        found, complete = matches(language, parse(language, source))
    except NotParsedError as e:
        return FileSymbols(label, partial=str(e))
    collected = collect(found, query(language), source)
    definitions, missing = nested(collected, source)
    references, more_missing = _references(collected, source, definitions)
    if not complete:
        missing.append("What it repeats without end is left out in part.")
    return FileSymbols(label, definitions, references, " ".join(dict.fromkeys(missing + more_missing)))


def _headings(name: str, data: bytes) -> tuple[Symbol, ...]:
    """Those of text of a reasonable size; of other files nothing is missing where there are none."""
    if len(data) > MAX_BYTES:
        return ()
    try:
        return headings(name, decode(data, "it").text)
    except ToolError:
        return ()


def _utf8(text: str) -> bytes:
    """The text in UTF-8; bytes that were none become one byte each, so that offsets stay."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("?", text).encode()


def _references(
    found: Found, source: bytes, definitions: tuple[Symbol, ...]
) -> tuple[tuple[Reference, ...], list[str]]:
    """The references in order, each with its innermost definition, and sentences on what is left out."""
    result: list[Reference] = []
    names: dict[bytes, str] = {}  # the same string for the same name saves memory
    enclosing: list[int] = []
    following, line, counted, last = 0, 1, 0, -1
    missing: list[str] = []
    defined = {draft.last_step(source) for draft in found.drafts.values() if draft.kind not in ("", SCOPE)}
    for start, end in sorted(found.references):
        if start in (last, end) or start in defined:
            continue
        last = start
        while following < len(definitions) and definitions[following].start_byte <= start:
            enclosing.append(following)
            following += 1
        while enclosing and definitions[enclosing[-1]].end_byte <= start:
            enclosing.pop()
        line += source.count(b"\n", counted, start)
        counted = start
        if end - start > MAX_NAME:
            missing = [f"Names of more than {MAX_NAME} bytes are left out."]
            continue
        if len(result) == MAX_REFERENCES:
            missing.append(f"References after the first {MAX_REFERENCES:,} are left out.")
            break
        raw = source[start:end]
        name = names.get(raw)
        if name is None:
            name = names[raw] = unquoted(raw.decode("utf-8", "replace"))
        result.append(Reference(name, line, enclosing[-1] if enclosing else None))
    return tuple(result), missing
