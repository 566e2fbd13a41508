"""The `codeagent` command: answers `--version` at once and hands everything else to the command line."""

from __future__ import annotations

import sys

from codeagent import __version__


def main() -> None:
    """Run the command with this process's arguments; never returns."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"codeagent {__version__}\n")  # without click: editors and scripts ask often
        sys.exit(0)
    from codeagent.cli.main import run  # everything else may take longer

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
