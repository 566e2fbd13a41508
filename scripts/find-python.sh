#!/bin/sh
# Prints the path of a Python that can run this project (3.11 or newer), or says in one sentence what to do.
# A script for sh, because an old Python could not even parse one written for a new one.
set -u
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- python3 python3.14 python3.13 python3.12 python3.11 python
fi
for candidate in "$@"; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
    "$candidate" -c 'import sys; print(sys.executable)'
    exit 0
done
found=$("$1" --version 2>/dev/null) || found="no $1"
echo "codeagent needs Python 3.11 or newer and found $found: install one, or name it: make PYTHON=/path/to/python3.11 ..." >&2
exit 1
