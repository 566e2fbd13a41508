"""The runner's process: arranges that it cannot outlive, disturb or outweigh its parent, then serves frames."""

from __future__ import annotations

import os
import resource
import signal
import sys

from codeagent.inference.runner.manners import be_killed_first, die_with_parent


def main() -> None:
    """Serve frames on stdin and stdout. What anything in this process prints goes to stderr."""
    die_with_parent()
    be_killed_first()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    frames = os.dup(1)
    os.dup2(2, 1)

    # The native library is loaded here and not before, so that nothing it prints can get among the frames.
    from codeagent.inference.runner.serve import Server

    Server(sys.stdin.buffer, frames).run()
    sys.stderr.flush()
    os._exit(0)  # the thread that waits for stdin holds its lock, and an ordinary exit would die of that


if __name__ == "__main__":
    main()
