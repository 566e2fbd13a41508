"""Code fences in prose that say which file they are the whole of, and the tool that writes such; knows no engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.schema_grammar import required_of


@dataclass(frozen=True)
class NamedFile:
    """A fence with a file's name. `text` is the fence as written, `content` what the file is to hold.

    `fault` is a sentence when the fence stands as a file is written and still cannot be the whole of one.
    """

    path: str
    content: str
    text: str
    fault: str = ""


_MAX_LINE = 300  # a longer one is no file's name, and matching it could take long
_PATH = r"(?!/)(?:[\w.@+-]+/)*[\w.@+-]+\.[A-Za-z]\w{0,9}|(?:[\w.-]+/)*(?:Makefile|Dockerfile)"
_FENCE = re.compile(r"^(?P<ticks>`{3,})(?P<info>[^\n`]*)\n(?P<content>(?:.*\n)*?)(?P=ticks)[ \t]*$", re.MULTILINE)
_INFO = re.compile(rf"(?:[\w+#-]+[ :])?\s*(?:(?:path|file|filename|title)=)?[\"']?({_PATH})[\"']?")
_LINE_BEFORE = re.compile(
    rf"(?:#+\s*|\d+[.)]\s*|[-*]\s+)?(?:file(?:name)?:\s*)?[*`]*({_PATH})[*`]*:?[*`]*:?", re.IGNORECASE
)
_FIRST_LINE = re.compile(rf"(?:#|//|--|/\*|<!--)\s*(?:file(?:name)?:\s*)?({_PATH})\s*(?:\*/|-->)?\s*", re.IGNORECASE)
# Fences that show something else than a file, and marks of a piece of one.
_NO_FILE = re.compile(r"(?:bash|sh|shell|zsh|console|terminal|text|txt|diff|patch|output|log)\b", re.IGNORECASE)
_ELISION = re.compile(
    r"^\s*(?:(?:#|//|/\*|<!--)?\s*(?:\.\.\.|…)"
    r"|(?:#|//|/\*|<!--).*\b(?:existing code|rest of|unchanged|remains? the same))",
    re.MULTILINE | re.IGNORECASE,
)


# As the instructions of the fenced dialect ask for it: the path alone on the line above the fence.
_STATED_PATH = r"^([\w.@+-][\w.@+/-]*\.[A-Za-z]\w{0,9}|(?:[\w.-]+/)*(?:Makefile|Dockerfile))\n"
_STATED = re.compile(rf"{_STATED_PATH}\Z", re.MULTILINE)
_UNCLOSED = re.compile(rf"{_STATED_PATH}`{{3,}}[^\n`]*(?:\n|\Z)", re.MULTILINE)
_NO_WHOLE = re.compile(r"(?:diff|patch|console|output|log)\b", re.IGNORECASE)
_LEFT_OUT = re.compile(
    r"^\s*(?:#|//|/\*|<!--)\s*(?:\.\.\.|…|.*\b(?:existing code|rest of the|unchanged|remains? the same)\b)",
    re.MULTILINE | re.IGNORECASE,
)
_FENCE_LINE = re.compile("^```", re.MULTILINE)


def can_be_stated(path: str) -> bool:
    """Whether a fence under this path would be read as that file."""
    return _STATED.search(f"{path}\n") is not None and len(path) < _MAX_LINE


def stated_files(text: str) -> list[NamedFile]:
    """The files that the text states, each its path on a line and a fence; those that cannot be whole have a fault."""
    files: list[NamedFile] = []
    read = 0
    for match in _FENCE.finditer(text):
        named = _STATED.search(text[max(0, match.start() - _MAX_LINE) : match.start()])
        read = match.end()
        if named:
            repeated = any(file.path == named[1] for file in files)
            fault = "is not the only one for this file" if repeated else _fault(named[1], match, text)
            sentence = f"The fence for {named[1]} {fault}. Give the complete content of the file once." if fault else ""
            files.append(NamedFile(named[1], match["content"], match[0], sentence))
    unclosed = _UNCLOSED.search(text, read)
    if unclosed:
        sentence = f"The fence for {unclosed[1]} is not closed: the reply ended inside it."
        files.append(NamedFile(unclosed[1], "", text[unclosed.start() :], sentence))
    return files


def _fault(path: str, fence: re.Match[str], text: str) -> str:
    content = fence["content"]
    if _NO_WHOLE.match(fence["info"].strip()):
        return f"holds {fence['info'].strip()}, not the file"
    if content.lstrip("\n")[:1] in (" ", "\t"):
        return "begins indented, so it is a piece of the file"
    if _LEFT_OUT.search(content):
        return "leaves a part of the file out"
    if path.endswith((".md", ".mdx")) and len(fence["ticks"]) == 3 and _goes_on(fence, text):
        return "may hold fences of its own: open and close it with four backticks"
    return ""


def _goes_on(fence: re.Match[str], text: str) -> bool:
    """Whether another fence is inside, or follows without being a file's: then where this one ends is not plain."""
    following = _FENCE_LINE.search(text, fence.end())
    stray = following and not _STATED.search(text[max(0, following.start() - _MAX_LINE) : following.start()])
    return bool(_FENCE_LINE.search(fence["content"]) or stray)


def named_files(text: str) -> list[NamedFile]:
    """The files that the text gives in full; none if one is given twice, for which is meant is not plain."""
    files = [file for match in _FENCE.finditer(text) if (file := _file(text, match))]
    return files if len({file.path for file in files}) == len(files) else []


def _file(text: str, fence: re.Match[str]) -> NamedFile | None:
    info, content = fence["info"].strip(), fence["content"]
    named = _INFO.fullmatch(info[:_MAX_LINE]) if info else None
    if named is None:
        before = text[: fence.start()].rstrip().rpartition("\n")[2].strip()
        named = _LINE_BEFORE.fullmatch(before[:_MAX_LINE])
    if named is None:
        first, _, rest = content.partition("\n")
        named = _FIRST_LINE.fullmatch(first[:_MAX_LINE])
        content = rest.lstrip("\n") if named else content
    path = named[1] if named else ""
    is_piece = content[:1].isspace() or not content.strip() or _ELISION.search(content)
    # Markdown holds fences of its own, so where this one ends is not plain.
    if not path or ".." in path or path.endswith((".md", ".mdx")) or _NO_FILE.match(info) or is_piece:
        return None
    return NamedFile(path, content, fence[0])


def file_writer(tools: Sequence[ToolSpec]) -> ToolSpec | None:
    """The tool that writes a whole file given its path and its content, if there is one."""
    for tool in tools:
        if tool.name == "write" and tool.fenced == ("content",) and len(required_of(tool.parameters)) == 2:
            return tool
    return None


def path_parameter(tool: ToolSpec) -> str:
    """The parameter of a file writer that is the path."""
    return next(name for name in required_of(tool.parameters) if name not in tool.fenced)
