"""The builtin tools, put together for one session in the order in which the model sees them; knows no session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeagent.tools.api import Tool
from codeagent.tools.edit import EditTool
from codeagent.tools.edit_symbol import EditSymbolTool
from codeagent.tools.find_symbol import FindSymbolTool
from codeagent.tools.grep import GrepTool
from codeagent.tools.ledger import FileLedger
from codeagent.tools.list import ListTool
from codeagent.tools.outline import OutlineTool
from codeagent.tools.parser import Parser
from codeagent.tools.process import Processes
from codeagent.tools.read import ReadTool
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.run import RunTool
from codeagent.tools.symbols.reader import SymbolReader
from codeagent.tools.test import TIMEOUT_S, TestTool
from codeagent.tools.todo import TodoTool
from codeagent.tools.workspace import Workspace
from codeagent.tools.write import WriteTool


def builtin_tools(
    workspace: Workspace,
    ledger: FileLedger,
    environ: Mapping[str, str],
    test_command: str | None = None,
    test_timeout_s: float = TIMEOUT_S,
    commands: Processes | None = None,
) -> list[Tool[Any]]:
    """read, list, grep, edit, write, run, test, todo: always in this order, so that the prompt stays the same.

    Commands get what of `environ` is neither a secret nor makes programs run code; `test_command` is the person's.
    They are started by `commands`, in whose sandbox they run; without it, in none.
    """
    processes = Processes(workspace.root, environ)
    ripgrep = Ripgrep(workspace, processes)
    return [
        ReadTool(workspace, ledger, ripgrep),
        ListTool(workspace, ripgrep),
        GrepTool(workspace, ripgrep),
        EditTool(workspace, ledger, ripgrep),
        WriteTool(workspace, ledger),
        RunTool(workspace, commands or processes),
        TestTool(workspace, commands or processes, test_command, test_timeout_s),
        TodoTool(),
    ]


def symbol_tools(
    workspace: Workspace, ledger: FileLedger, reader: SymbolReader, ripgrep: Ripgrep, parser: Parser
) -> list[Tool[Any]]:
    """find_symbol, outline, edit_symbol: for models to which they are worth the tokens; to stand behind the others."""
    return [
        FindSymbolTool(workspace, ledger, reader, parser),
        OutlineTool(workspace, ripgrep, parser),
        EditSymbolTool(workspace, ledger, ripgrep, parser),
    ]
