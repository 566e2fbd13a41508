"""What an answer says of files is held to the files, masked tools are not called, and thinking ends: real sampling."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeagent.agent.context.editable import editable
from codeagent.inference.client import (
    ChatRequest,
    Finished,
    Message,
    ModelEvent,
    ReasoningDelta,
    Sampling,
    TextDelta,
    ToolCall,
    ToolSpec,
)
from codeagent.inference.dialects import by_name
from codeagent.inference.dialects.base import Dialect
from codeagent.inference.dialects.gbnf import Grammar
from codeagent.inference.dialects.schema_grammar import object_without
from codeagent.inference.dialects.template_dialect import TemplateDialect
from codeagent.inference.engine.anchors import Anchors
from codeagent.inference.engine.cost_curve import CostCurve
from codeagent.inference.engine.generation import Generation
from codeagent.inference.engine.llama import Context, Entry, Model
from codeagent.inference.engine.sampling import Chooser, Constraint, constraint_for
from codeagent.tools.edit import EditParams, EditTool
from codeagent.tools.files import digest
from codeagent.tools.ledger import FileLedger
from codeagent.tools.process import Processes
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.workspace import Workspace

pytestmark = pytest.mark.model

CODE = """def add(a, b):
    return a + b


def sub(a, b):
    return a + b
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("repo")
    (folder / "calc.py").write_text(CODE)
    (folder / "other.py").write_text("x = 1\n")
    return Workspace(folder)


@pytest.fixture(scope="module")
def context(small_model: Path) -> Iterator[Context]:
    model = Model(str(small_model))
    context = Context(model, size=512, batch=256, threads=2, should_abort=lambda: False)
    yield context
    context.close()
    model.close()


EDITING = f"""<|im_start|>user
calc.py
```python
{CODE}```

In math.py, make `return a * b` of `return a / b`.<|im_end|>
<|im_start|>assistant
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["fenced", "hermes", "qwen3-coder"])
def test_an_edit_sampled_at_temperature_1_does_not_miss(context: Context, workspace: Workspace, name: str) -> None:
    ledger = FileLedger()
    ledger.note(workspace.root / "calc.py", digest(CODE.encode()))
    tool = EditTool(workspace, ledger, Ripgrep(workspace, Processes(workspace.root, {})))
    schema = object_without(tool.schema(), ["edits"])  # two edits of one place are no miss, and no edit
    spec = ToolSpec(
        name="edit", description="", parameters=schema, fenced=tool.fenced, existing="path", anchors=("old",)
    )
    may = editable(workspace, ledger, ["calc.py", "other.py"])
    dialect = by_name(name)
    assert isinstance(dialect, TemplateDialect)
    rules = Grammar()
    gbnf = rules.text(dialect.calls_rule(rules, [spec]))
    for seed in range(2):
        # Neither the file nor the text that it is asked about are there.
        anchors = Anchors(dialect, [spec], may.paths, may.texts)
        call = sampled_call(context, dialect, [spec], Constraint(gbnf, anchors=anchors), seed)
        if call is None or call.arguments["new"] == call.arguments["old"]:
            continue  # not ended in time; or changes nothing
        assert call.arguments["path"] in may.paths
        if call.arguments["path"] in may.texts:
            asyncio.run(tool.prepare(EditParams.model_validate(call.arguments)))


def sampled_call(
    context: Context, dialect: Dialect, tools: list[ToolSpec], constraint: Constraint, seed: int, prompt: str = EDITING
) -> ToolCall | None:
    """The first call that the model makes; None where it ends without one, or takes more than 100 tokens."""
    vocab = context.model.vocab
    chooser = Chooser(context, Sampling(temperature=1, top_k=0, top_p=1, min_p=0), seed, constraint)
    parser = dialect.parser(tools)
    text = vocab.tokenize(prompt, parse_special=True)
    context.clear()
    context.decode([Entry(token, place, 0, place == len(text) - 1) for place, token in enumerate(text)])
    for place in range(len(text), len(text) + 100):
        token = chooser.next(thinking=False)
        if vocab.is_end(token):
            return None
        events = parser.feed(vocab.piece(token).decode(errors="replace"))
        call = next((event for event in events if isinstance(event, ToolCall)), None)
        if call is not None:
            return call
        context.decode([Entry(token, place, 0, True)])
    return None


# Forms whose openers are no tokens of this model: those that are it has not learned.
CALLS = {
    "llama3": '{"name": "list", "parameters": {"path": "src"}}',
    "mistral": '[TOOL_CALLS][{"name": "list", "arguments": {"path": "src"}}]',
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CALLS)
def test_a_masked_tool_is_not_called_though_it_always_was(context: Context, name: str) -> None:
    path = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    tools = [ToolSpec(name=tool, description="", parameters=path) for tool in ("list", "read")]
    turn = f"<|im_start|>user\nWhat is in src?<|im_end|>\n<|im_start|>assistant\n{CALLS[name]}<|im_end|>\n"
    prompt = turn * 3 + turn.partition(CALLS[name])[0]
    request = ChatRequest(messages=(Message(role="user", content="x"),), tools=tuple(tools))
    free = constraint_for(request, by_name(name))
    call = sampled_call(context, by_name(name), tools, free, 0, prompt)
    assert call is not None and call.name == "list"
    held = constraint_for(request.model_copy(update={"masked": ("list",)}), by_name(name))
    for seed in range(3):
        call = sampled_call(context, by_name(name), tools, held, seed, prompt)
        assert call is None or call.name == "read"


OPENED = '<tool_call>{"name": </think>{% if add_generation_prompt %}<think>{% endif %}'
PROMPT = "<|im_start|>user\nName a colour.<|im_end|>\n<|im_start|>assistant\n<think>\nThe user wants"


def thought_and_said(context: Context, request: ChatRequest) -> list[ModelEvent]:
    """The events of an answer by a model whose thinking the prompt has opened."""
    events: list[ModelEvent] = []
    prompt = context.model.vocab.tokenize(PROMPT, parse_special=True)
    generation = Generation(request, prompt, context, by_name("hermes", OPENED), events.append, CostCurve())
    context.clear()
    held = 0
    generation.begin(0, None)
    while not generation.done:
        step = generation.wants(held, 256)
        first = len(step.tokens) - step.scored
        entries = [Entry(token, held + place, 0, place >= first) for place, token in enumerate(step.tokens)]
        context.decode(entries)
        held += generation.advance(held, step, range(first, len(entries)), None)
        context.remove_from(held)
    return events


def request_of(budget: int | None, **more: object) -> ChatRequest:
    asked = Message(role="user", content="Name a colour.")
    given = {"messages": (asked,), "sampling": Sampling(temperature=0), "max_tokens": 40, "thinking_budget": budget}
    return ChatRequest.model_validate(given | more)


@pytest.mark.parametrize("budget", [0, 1, 7])
def test_thinking_ends_when_its_budget_is_used_up(context: Context, budget: int) -> None:
    events = thought_and_said(context, request_of(budget))
    finished = events[-1]
    assert isinstance(finished, Finished)
    thought, closed, _ = finished.raw.partition("\n</think>\n\n")
    assert closed
    assert len(context.model.vocab.tokenize(thought, parse_special=True)) == budget
    assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)).strip() == thought.strip()
    assert "".join(e.text for e in events if isinstance(e, TextDelta))


def test_without_a_budget_thinking_goes_on(context: Context) -> None:
    events = thought_and_said(context, request_of(None, max_tokens=20))
    assert not any(isinstance(event, TextDelta) for event in events)


def test_a_required_call_follows_the_thinking_that_was_ended(context: Context) -> None:
    tool = ToolSpec(
        name="paint",
        description="Paint.",
        parameters={"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]},
    )
    request = request_of(5, tools=(tool,), tool_choice="required", max_tokens=200)
    (call,) = [event for event in thought_and_said(context, request) if isinstance(event, ToolCall)][:1]
    assert call.arguments["colour"] in ("red", "blue")
