"""Makes the tokens of a prompt from a request, by the model's own template and tokenizer; knows no cache.

Two things must hold. An answer the model gave comes back as the very tokens it was, so that the cache stays valid: the
template gets a placeholder for it, in whose place the tokens are put. And text from people, files and tools cannot
speak with the template's voice: what in it spells a control token (or an added token that the template uses, like
<tool_call>) is replaced by a placeholder before rendering and afterwards tokenized in pieces too small to be that
token. Everything else is tokenized in one run with the template's text, as in training.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from codeagent.inference.client import ChatRequest, Message, ToolSpec
from codeagent.inference.dialects.base import Dialect
from codeagent.inference.engine.llama import Vocab
from codeagent.inference.engine.template import Template, TemplateRefusedError

Part = str | tuple[int, ...]
"""Text of the template, or tokens that are to stand in it as they are."""


class PromptBuilder:
    """Builds prompts for one model. `source` is the text of its template."""

    def __init__(self, template: Template, source: str, vocab: Vocab, dialect: Dialect) -> None:
        self._template = template
        self._vocab = vocab
        self._dialect = dialect
        control, added = vocab.special_texts()
        speaking = control | {text for text in added if text[:1] in ("<", "[") and text in source}
        by_length = sorted((text for text in speaking if text), key=len, reverse=True)
        self._guarded = re.compile("|".join(map(re.escape, by_length)) or r"(?!)")
        self._header = self._generation_header()

    def build(self, request: ChatRequest) -> list[int]:
        """The prompt's tokens. Raises BadRequestError when the template does not take the conversation."""
        if any(self._spliceable(message) for message in request.messages):
            try:
                veil = _Veil(self._guarded)
                parts = veil.parts(self._render(request, veil, splice=True))
                if parts is not None:
                    return self._tokens(parts, veil)
            except TemplateRefusedError:
                pass  # some templates want to see the calls of an answer: they get it rendered
        veil = _Veil(self._guarded)
        parts = veil.parts(self._render(request, veil, splice=False))
        assert parts is not None
        return self._tokens(parts, veil)

    def _spliceable(self, message: Message) -> bool:
        return message.role == "assistant" and bool(message.tokens) and max(message.tokens) < self._vocab.size

    def _render(self, request: ChatRequest, veil: _Veil, splice: bool) -> str:
        tools = [veil.tool(tool) for tool in request.tools]
        messages: list[Message] = []
        for message in request.messages:
            if splice and self._spliceable(message):
                messages.append(Message(role="assistant", content=veil.hide(message.tokens)))
            else:
                messages.append(veil.message(message))
        instructions = self._dialect.instructions(tools) if tools else ""
        if instructions:
            messages = _with_instructions(messages, instructions)
        shown = self._dialect.template_tools(tools) if tools else None
        try:
            return self._template.render([self._dialect.template_message(m, tools) for m in messages], shown)
        except TemplateRefusedError:
            if messages[0].role != "system":
                raise
            # Most templates that refuse a conversation have no system role; its text then opens the first message.
            merged = _without_system(messages)
            return self._template.render([self._dialect.template_message(m, tools) for m in merged], shown)

    def _tokens(self, parts: Sequence[Part], veil: _Veil) -> list[int]:
        tokens: list[int] = []
        for number, part in enumerate(parts):
            if not isinstance(part, str):
                tokens += part
                continue
            followed = number + 1 < len(parts)
            for text, spelt in veil.unveil(self._as_generated(part) if followed else part):
                tokens += self._vocab.tokenize(text, parse_special=not spelt)
        bos = self._vocab.bos
        if self._vocab.adds_bos and bos >= 0 and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return tokens

    def _generation_header(self) -> str:
        """What the template writes to have the model answer, or nothing when that cannot be told apart."""
        hello = [{"role": "user", "content": "x"}]
        try:
            bare = self._template.render(hello, None, generation=False)
            full = self._template.render(hello, None)
        except TemplateRefusedError:
            return ""
        return full[len(bare) :] if full.startswith(bare) else ""

    def _as_generated(self, before: str) -> str:
        """The template's text before an answer, ending as it did when the answer was generated.

        Templates of thinking models write something else before an old answer (an empty thought, or no opened one).
        """
        header = self._header
        if not header or before.endswith(header):
            return before
        at = before.rfind(header)
        if at >= 0:
            return before[: at + len(header)]
        shared = next((n for n in range(len(header) - 1, 3, -1) if before.endswith(header[:n])), 0)
        return before[: len(before) - shared] + header if shared else before


class _Veil:
    """Placeholders for one rendering: letters and digits that no template changes, and that cannot be guessed."""

    def __init__(self, guarded: re.Pattern[str]) -> None:
        self._guarded = guarded
        self._mark = f"Veil{secrets.token_hex(8)}n"
        self._hidden: list[Part] = []
        self._placeholder = re.compile(rf"{self._mark}(\d+)z")

    def hide(self, part: Part) -> str:
        """A placeholder for this."""
        self._hidden.append(part)
        return f"{self._mark}{len(self._hidden) - 1}z"

    def text(self, text: str) -> str:
        """The text with placeholders for what could speak as the template."""
        return self._guarded.sub(lambda match: self.hide(match[0]), text)

    def data(self, value: Any) -> Any:
        """Plain data with all its strings treated so."""
        match value:
            case str():
                return self.text(value)
            case dict():
                pairs = cast("Mapping[Any, Any]", value).items()
                return {self.data(key): self.data(entry) for key, entry in pairs}
            case list() | tuple():
                return [self.data(entry) for entry in cast("Sequence[Any]", value)]
            case _:
                return value

    def message(self, message: Message) -> Message:
        """The message treated so; its tokens are left out."""
        calls = tuple(
            call.model_copy(update={"name": self.text(call.name), "arguments": self.data(call.arguments)})
            for call in message.tool_calls
        )
        return message.model_copy(
            update={
                "content": self.text(message.content),
                "reasoning": self.text(message.reasoning),
                "tool_name": None if message.tool_name is None else self.text(message.tool_name),
                "tool_calls": calls,
                "tokens": (),
            }
        )

    def tool(self, tool: ToolSpec) -> ToolSpec:
        """The tool treated so: descriptions come from servers we do not know."""
        return tool.model_copy(
            update={
                "name": self.text(tool.name),
                "description": self.text(tool.description),
                "parameters": self.data(tool.parameters),
            }
        )

    def parts(self, rendered: str) -> list[Part] | None:
        """The rendered text around the hidden tokens; None unless each of those is there once and in order."""
        parts: list[Part] = []
        start = 0
        wanted = [number for number, part in enumerate(self._hidden) if not isinstance(part, str)]
        found: list[int] = []
        for match in self._placeholder.finditer(rendered):
            number = int(match[1])
            if number in wanted:
                found.append(number)
                parts += [rendered[start : match.start()], self._hidden[number]]
                start = match.end()
        return [*parts, rendered[start:]] if found == wanted else None

    def unveil(self, text: str) -> list[tuple[str, bool]]:
        """The text in runs to be tokenized one by one; True marks those that spell something guarded."""
        runs: list[tuple[str, bool]] = []
        start = 0
        for match in self._placeholder.finditer(text):
            hidden = self._hidden[int(match[1])]
            assert isinstance(hidden, str)
            runs += [(text[start : match.start()], False), *((piece, True) for piece in self._spelt(hidden))]
            start = match.end()
        return [run for run in [*runs, (text[start:], False)] if run[0]]

    def _spelt(self, text: str) -> list[str]:
        pieces: list[str] = []
        while found := self._guarded.search(text):
            pieces.append(text[: found.start() + 1])
            text = text[found.start() + 1 :]
        return [*pieces, text]


def prompt_builder(source: str, vocab: Vocab, dialect: Dialect) -> PromptBuilder:
    """The builder for a model whose template has this text, with today's date for the templates that tell it."""
    special = {"bos_token": vocab.piece(vocab.bos).decode(), "eos_token": vocab.piece(vocab.eos).decode()}
    return PromptBuilder(Template(source, special, datetime.now().astimezone()), source, vocab, dialect)


def _with_instructions(messages: Sequence[Message], instructions: str) -> list[Message]:
    if messages and messages[0].role == "system":
        first = messages[0]
        content = f"{first.content}\n\n{instructions}" if first.content else instructions
        return [first.model_copy(update={"content": content}), *messages[1:]]
    return [Message(role="system", content=instructions), *messages]


def _without_system(messages: Sequence[Message]) -> list[Message]:
    system, *others = messages
    for number, message in enumerate(others):
        if message.role == "user":
            content = f"{system.content}\n\n{message.content}"
            return [*others[:number], message.model_copy(update={"content": content}), *others[number + 1 :]]
    return [Message(role="user", content=system.content), *others]
