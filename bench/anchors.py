"""How many edits of a real model miss the file, held to it against not, with the same prompts and seeds.

    make bench BENCH=bench/anchors.py, or python bench/anchors.py --model NAME-OR-FILE

Files of this repository are shown whole and the model is made to edit them, at temperature 1: a statement is to be put
into a function. An edit misses when its path does not exist, or its `old` stands in the file nowhere or several times,
as the edit tool finds it. It is right when the statement then stands in that function and the file parses; else it is
applied, changes one place twice (overlap), changes nothing, lacks a text (half), or did not end in time (cut). `old` is
written in fences, as the model's dialect has it, and as a JSON string.

Expected: no misses when held, whatever the model. How many edits are right should not fall: holding an edit to the file
does not choose the place. Before that the cost: over a file of 1,000 lines, following a token of a quotation and
finding those that may follow instead of one that may not; a token of this model takes 15 ms and more to decode, of
which the first is to be at most 3 %.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import numpy as np
from rows import report

from codeagent import prompts
from codeagent.agent.context.editable import editable
from codeagent.inference.client import ChatRequest, Message, ModelEvent, Sampling, ToolCall, ToolSpec
from codeagent.inference.dialects import by_name
from codeagent.inference.engine.anchors import Anchors
from codeagent.inference.engine.engine import Engine
from codeagent.inference.engine.generation import CancelledError
from codeagent.inference.engine.llama import Model
from codeagent.inference.frames import LoadSettings
from codeagent.inference.store import ModelStore, default_models_folder
from codeagent.tools.api import FileChange, ToolError
from codeagent.tools.edit import EditParams, EditTool
from codeagent.tools.files import digest
from codeagent.tools.ledger import FileLedger
from codeagent.tools.process import Processes
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
FILES = (
    "inference/engine/stops.py",
    "inference/engine/loop_guard.py",
    "tools/ledger.py",
    "agent/guards.py",
    "agent/text.py",
    "inference/dialects/signatures.py",
    "inference/dialects/messages.py",
    "tools/truncate.py",
)
STATEMENT = 'print("here")'
FORMS = ("fences", "strings")
OUTCOMES = ("right", "applied", "miss", "overlap", "nothing", "half", "cut")
_NOT_MISSED = {"overlap": ("overlap",), "nothing": ("are the same", "as it is")}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="a pulled model's name, or a GGUF file")
    parser.add_argument("--edits", type=int, default=24, help="edits of each form, held and not")
    parser.add_argument("--temperature", type=float, default=1.0)
    options = parser.parse_args()
    path = ModelStore(default_models_folder()).resolve(options.model)
    cost(str(path))
    engine = Engine.load(LoadSettings(path=str(path), name="bench", context=4096))
    counts: Counter[tuple[str, bool, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(engine, Path(folder), options.temperature)
        for number, (name, function) in enumerate(tasks(options.edits)):
            for form in FORMS:
                for held in (True, False):
                    outcome = bench.edit(name, function, form, held, number)
                    counts[form, held, outcome] += 1
                    told = f"{name} {function} {form} {'held' if held else 'free'}: {outcome}"
                    print(told, file=sys.stderr, flush=True)
    engine.close()
    for form in FORMS:
        for held in (True, False):
            row = {outcome: counts[form, held, outcome] for outcome in OUTCOMES}
            print(f"{form:8} {'held' if held else 'free':5} of {sum(row.values())}: {row}")
    missed = {held: sum(counts[form, held, "miss"] for form in FORMS) for held in (True, False)}
    tried = {held: sum(count for (_, held_, _), count in counts.items() if held_ is held) for held in (True, False)}
    held, free = (missed[how] / tried[how] for how in (True, False))
    report(
        f"edits that miss, {options.model}", f"{missed[True]} of {tried[True]}",
        f"not held {missed[False]} of {tried[False]} ({free:.0%})", held, most=0, percent=True,
    )  # fmt: skip


def cost(path: str) -> None:
    """What a token costs in a quotation of a long file."""
    model = Model(path, vocabulary_only=True)
    vocab = model.vocab
    text = "".join(f"def function_{number}(x):\n    return x + {number % 7}\n\n\n" for number in range(250))
    before = '<tool_call>\n{"name": "edit", "arguments": {"path": "a.py"}}\n```old\n'
    spec = ToolSpec(name="edit", description="", parameters={}, fenced=("old",), existing="path", anchors=("old",))
    anchors = Anchors(by_name("fenced"), [spec], [], {"a.py": text})
    start = time.perf_counter()
    anchors.advance(before.encode())
    opened = time.perf_counter() - start
    pieces = [vocab.piece(token) for token in vocab.tokenize(text[: len(text) // 4], parse_special=False)]
    start = time.perf_counter()
    assert all(anchors.allows(piece) and anchors.advance(piece) for piece in pieces)
    each = (time.perf_counter() - start) / len(pieces)
    first_bytes = vocab.first_bytes
    start = time.perf_counter()
    may_begin = np.isin(np.arange(256), list(anchors.next_bytes()))
    may = np.flatnonzero(may_begin[first_bytes]).tolist()
    fit = [token for token in may[:1024] if anchors.allows(vocab.piece(token))]
    refused = time.perf_counter() - start
    print(f"a quotation of {text.count(chr(10))} lines: begun in {opened * 1e3:.1f} ms, {each * 1e6:.0f} us a token;")
    print(f"a token that is refused: {refused * 1e3:.1f} ms more, for {len(fit)} that may come instead")
    model.close()


def tasks(count: int) -> Iterator[tuple[str, str]]:
    """Files with a function each, all files taking turns."""
    found = {
        name: [n.name for n in ast.walk(ast.parse((ROOT / name).read_text())) if isinstance(n, ast.FunctionDef)]
        for name in FILES
    }
    for number in range(count):
        functions = found[FILES[number % len(FILES)]]
        yield FILES[number % len(FILES)], functions[number // len(FILES) % len(functions)]


class Bench:
    """Copies of the files, and the tool that edits them."""

    def __init__(self, engine: Engine, folder: Path, temperature: float) -> None:
        for name in FILES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
        self._engine = engine
        self._workspace = Workspace(folder)
        self._temperature = temperature

    def edit(self, name: str, function: str, form: str, held: bool, seed: int) -> str:
        """What one edit came to."""
        ledger = FileLedger()
        path = self._workspace.resolve(name)
        ledger.note(path, digest(path.read_bytes()))
        tool = EditTool(self._workspace, ledger, Ripgrep(self._workspace, Processes(self._workspace.root, {})))
        may = editable(self._workspace, ledger, FILES)
        spec = ToolSpec(
            name=tool.name,
            description=tool.description,
            parameters=tool.schema(),
            fenced=tool.fenced if form == "fences" else (),
            existing=tool.existing,
            anchors=tool.anchors,
        )
        asked = f"{name}\n```python\n{path.read_text()}```\n\nPut `{STATEMENT}` at the beginning of `{function}`."
        request = ChatRequest(
            messages=(
                Message(role="system", content=prompts.load("system/agent.md")),
                Message(role="user", content=asked),
            ),
            tools=(spec,),
            tool_choice="required",
            paths=may.paths if held else (),
            texts=may.texts if held else {},
            sampling=Sampling(temperature=self._temperature, seed=seed),
            max_tokens=250,
        )
        calls: list[ToolCall] = []
        enough = Event()

        def take(event: ModelEvent) -> None:
            if isinstance(event, ToolCall):
                calls.append(event)
                enough.set()

        with suppress(CancelledError):
            self._engine.generate(request, take, enough)
        return self._outcome(tool, calls[0], name, function) if calls else "cut"

    def _outcome(self, tool: EditTool, call: ToolCall, name: str, function: str) -> str:
        try:
            prepared = asyncio.run(tool.prepare(EditParams.model_validate(call.arguments)))
        except ToolError as e:
            return next((name for name, words in _NOT_MISSED.items() if any(w in str(e) for w in words)), "miss")
        except ValueError:
            return "half"
        assert isinstance(prepared, FileChange)
        return "right" if prepared.shown == name and _begins_with_statement(prepared.after, function) else "applied"


def _begins_with_statement(text: str, function: str) -> bool:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return False
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function]
    return any(ast.unparse(statement) == "print('here')" for body in bodies for statement in body[:2])


if __name__ == "__main__":
    main()
