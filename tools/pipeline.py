"""A script: runs programs one after the other or joined by pipes, as told, without a shell; imports nothing of
codeagent.

    python -I -S pipeline.py PLAN

PLAN is a JSON list of [OPERATOR, [PROGRAM, ARGUMENT ...], [REDIRECT ...]] with the words of commands/script.py. The
exit status is that of the last program that ran.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

Step = tuple[str, list[str], list[str]]


def _outputs(redirects: Sequence[str], out: int) -> tuple[int, int]:
    """Descriptors for both outputs; redirections count from left to right."""
    errors = 2
    for redirect in redirects:
        match redirect:
            case "out to nothing":
                out = subprocess.DEVNULL
            case "errors to nothing":
                errors = subprocess.DEVNULL
            case "errors to out":
                errors = out
            case _:
                out = errors
    return out, errors


def _run(pipeline: Sequence[Step]) -> int:
    """Run programs joined by pipes and return the status of the last."""
    started: list[subprocess.Popen[bytes] | None] = []
    source = subprocess.DEVNULL
    for at, (_, arguments, redirects) in enumerate(pipeline):
        last = at == len(pipeline) - 1
        following, sink = (-1, 1) if last else os.pipe()
        out, errors = _outputs(redirects, sink)
        try:
            started.append(subprocess.Popen(arguments, stdin=source, stdout=out, stderr=errors))
        except OSError as e:
            if errors >= 0:
                os.write(errors, f"{arguments[0]}: {e.strerror}\n".encode(errors="replace"))
            started.append(None)
        if source >= 0:
            os.close(source)
        if not last:
            os.close(sink)
        source = following
    codes = [127 if process is None else process.wait() for process in started]
    return codes[-1] if codes[-1] >= 0 else 128 - codes[-1]


def main(plan: Sequence[Step]) -> int:
    """Run the plan; returns the exit code."""
    code, at = 0, 0
    while at < len(plan):
        end = at + 1
        while end < len(plan) and plan[end][0] == "|":
            end += 1
        operator = plan[at][0]
        if operator == ";" or (operator == "&&") == (code == 0):
            code = _run(plan[at:end])
        at = end
    return code


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
