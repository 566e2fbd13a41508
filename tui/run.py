"""Starts the app in this terminal and gives the terminal back, whatever ends it; knows no command line."""

from __future__ import annotations

import asyncio
import os
import signal

from codeagent.agent.bootstrap import SessionOptions
from codeagent.tui import pauses

_SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def run_app(options: SessionOptions, first: str | None = None) -> int:
    """Run the app until it ends and return the exit code. `first` is a request to begin with.

    Textual restores the terminal when the app ends or breaks; a signal to end is made an ordinary end, so that it does.
    """
    # At Textual's 60 frames a second a key may wait 17 ms for its picture before anything is drawn.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from codeagent.tui.app import CodeAgentApp  # Textual reads the variable when it is loaded
    from codeagent.tui.opening import interface_settings

    pauses.postpone()
    app = CodeAgentApp(options, interface_settings(options.paths), first)

    async def run() -> int | None:
        loop = asyncio.get_running_loop()
        for number, code in _SIGNALS.items():
            loop.add_signal_handler(number, app.exit, code)
        return await app.run_async()

    result = asyncio.run(run())
    if app.return_code:
        return app.return_code
    return result or 0
