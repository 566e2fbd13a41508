"""Takes the README's pictures of the terminal app, of the real app at work on the sample: screenshots.py [--real].

The model's answers come from a script, so that the pictures are the same each time; with --real from the default model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from html import unescape
from pathlib import Path

from textual.pilot import Pilot

from codeagent.agent.bootstrap import SessionOptions
from codeagent.agent.config import Config
from codeagent.agent.events import Event, MessageAdded, SessionStarted, TurnFinished, TurnStarted
from codeagent.agent.paths import Paths
from codeagent.agent.transcript import encode_record
from codeagent.inference.client import Message
from codeagent.inference.store import default_models_folder
from codeagent.tui.app import CodeAgentApp
from console import ROOT, say
from demo import git, make_repository

PICTURES = ROOT / "docs" / "screens"
SIZE = (120, 36)
PATIENCE = 60.0
REAL_PATIENCE = 600.0
REQUEST = "discounted() takes far too much off: 10 percent off 2000 cents should leave 1800. Look at @cart/discounts.py"
REASON = "an order of exactly 50 euros is sent for nothing too"
ASKS = "waits for your answer"
"""What stands on the screen while an edit waits for its approval."""
ENDED = "model call"
"""What stands there when a turn has ended."""
SCREENS = (
    ("/review", "Revert hunk", "review"),
    ("/model", "MEMORY", "models"),
    ("/sessions", "Sessions in this folder", "sessions"),
)
"""A command, what then stands on the screen, and the picture's name."""

OLD, NEW = "return price - price * percent", "return price - price * percent // 100"
OLD_LIMIT, NEW_LIMIT = "return total >= 5000", "return total > 5000"
SCRIPT = (
    {
        "reasoning": "10 percent off 2000 is 2000 - 2000 * 10 = -18000. The percent is never divided by 100.",
        "text": "`percent` is a whole number, so it has to be divided by 100. I look at the file first.",
        "calls": [{"name": "read", "arguments": {"path": "cart/discounts.py"}}],
    },
    {
        "text": "The division belongs at the end, so that no cent is lost on the way:",
        "calls": [
            {
                "name": "edit",
                "arguments": {
                    "path": "cart/discounts.py",
                    "edits": [{"old": OLD, "new": NEW}, {"old": OLD_LIMIT, "new": NEW_LIMIT}],
                },
            }
        ],
        # The second change is one nobody asked for, and the model was not sure of it.
        "logprobs": [{"text": "// 100", "logprob": -0.02}, {"text": "> 5000", "logprob": -1.9}],
    },
    {"text": "`discounted(2000, 10)` is 1800 now. Free shipping is left as it was."},
)
PAST = (
    ("2026-03-02 09:14", "Write the totals with two digits of cents", "Done: `euros()` pads the cents."),
    ("2026-03-03 16:40", "Why does Cart.add take a count?", "So that the same thing several times is one line."),
    ("2026-03-05 11:05", "Add a test for an order of exactly fifty euros", "Added to tests/test_cart.py; it passes."),
)


class Photographer:
    """Waits until something stands on the screen, and saves pictures."""

    def __init__(self, pilot: Pilot[int], patience: float) -> None:
        self._pilot = pilot
        self._patience = patience

    async def until(self, *texts: str) -> str:
        """Wait until one of these texts is to be seen; which one. Raises TimeoutError with the texts."""
        for _ in range(int(self._patience / 0.1)):
            await self._pilot.pause(0.1)
            shown = unescape(self._pilot.app.export_screenshot()).replace("\N{NO-BREAK SPACE}", " ")
            for text in texts:
                if text in shown:
                    return text
        raise TimeoutError(f"None of this came on the screen within {self._patience:.0f} seconds: {', '.join(texts)}")

    async def press(self, *keys: str) -> None:
        """Press keys, when what is on the screen has settled: a question hears no key for half a second."""
        await self._pilot.pause(0.8)
        await self._pilot.press(*keys)

    async def say(self, text: str) -> None:
        """Type a line and send it."""
        await self._pilot.press(*text)
        await self.press("enter")

    async def take(self, name: str) -> None:
        """Save what is to be seen."""
        await self._pilot.pause(0.8)
        PICTURES.mkdir(parents=True, exist_ok=True)
        path = PICTURES / f"{name}.svg"
        path.write_text(self._pilot.app.export_screenshot(title="codeagent"), encoding="utf-8")
        say(str(path.relative_to(ROOT)))


async def walk(pilot: Pilot[int], real: bool) -> None:
    """From a request over an approval to the screens."""
    camera = Photographer(pilot, REAL_PATIENCE if real else PATIENCE)
    await camera.until("type a request")
    await camera.say(REQUEST)
    await camera.until(ASKS)
    await camera.take("approval")
    await camera.press("y")
    if not real:  # the script's edit has a second hunk
        await camera.press("n")
        await camera.press("enter")
        await camera.until("go back")
        await camera.say(REASON)
    for _ in range(20):
        if await camera.until(ENDED, ASKS) == ENDED:
            break
        await camera.press("a")
    await camera.take("conversation")
    for command, seen, name in SCREENS:
        await camera.say(command)
        await camera.until(seen)
        await camera.take(name)
        await camera.press("escape")


def write_past(folder: Path) -> None:
    """Logs of earlier sessions, for the list of them."""
    folder.mkdir(parents=True)
    for number, (when, request, answer) in enumerate(PAST):
        at = time.mktime(time.strptime(when, "%Y-%m-%d %H:%M"))
        events: Sequence[Event] = (
            SessionStarted(
                session_id=f"{number}", cwd="cart", model="qwen2.5-coder-1.5b", tools=(), permission_mode="default"
            ),
            TurnStarted(text=request),
            MessageAdded(message=Message(role="user", content=request)),
            MessageAdded(message=Message(role="assistant", content=answer)),
            TurnFinished(outcome="done", text=answer),
        )
        log = folder / f"{when.replace('-', '').replace(' ', '-').replace(':', '')}00-00000{number}.jsonl"
        log.write_bytes(b"".join(encode_record(i, event, at + i) for i, event in enumerate(events)))
        os.utime(log, (at, at))


def main(arguments: list[str]) -> int:
    """Take the pictures; 0 when all are taken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", action="store_true", help="let the default model answer instead of the script")
    real = parser.parse_args(arguments).real
    with tempfile.TemporaryDirectory(prefix="codeagent-screens-") as temporary:
        stage = Path(temporary)
        models = str(default_models_folder())
        # The person's settings and sessions are not shown, and neither is their time zone.
        os.environ |= {f"XDG_{name}_HOME": str(stage / name.lower()) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
        os.environ |= {"HOME": str(stage), "TZ": "UTC", "TERM": "xterm-256color"}
        os.environ |= {"CODEAGENT_MODELS": models} if real else {}
        time.tzset()
        workspace = make_repository(stage).resolve()
        git(workspace, "branch", "--move", "main")
        write_past(Paths.default().sessions(workspace))
        script = stage / "qwen2.5-coder-1.5b"
        script.write_text("".join(json.dumps(turn) + "\n" for turn in SCRIPT), encoding="utf-8")
        options = SessionOptions(workspace, trust=True, persist=False, replay=None if real else script)

        async def run() -> None:
            app = CodeAgentApp(options, Config())
            async with app.run_test(size=SIZE) as pilot:
                await walk(pilot, real)

        asyncio.run(run())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except TimeoutError as error:
        sys.exit(f"Not all pictures were taken. {error}.")
    except subprocess.CalledProcessError as error:
        sys.exit(f"Not all pictures were taken: git failed with exit code {error.returncode}.")
