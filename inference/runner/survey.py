"""A short-lived process that says which devices llama.cpp sees, with those of RPC servers and the links to them."""

from __future__ import annotations

import os
import sys

from codeagent.inference.frames import Devices


def main(endpoints: list[str]) -> int:
    """Print the devices as one line of JSON, the only thing on stdout. An error is a sentence on stderr, and 1."""
    out = os.dup(1)
    os.dup2(2, 1)  # what the native library prints is not among it

    from codeagent.inference.engine.engine import device_infos  # loads the native library
    from codeagent.inference.engine.ggml import NativeError
    from codeagent.inference.engine.llama import backend

    native = backend()
    for endpoint in endpoints:
        try:
            native.add_rpc_server(endpoint)
        except NativeError as error:
            sys.stderr.write(f"The worker {endpoint} cannot be used: {error}. Start it, or leave it out.\n")
            return 1
    found = native.devices()
    infos = [
        info.model_copy(update={"link": native.registry.link(device)}) if info.remote else info
        for device, info in zip(found, device_infos(found), strict=True)
    ]
    os.write(out, Devices(devices=tuple(infos)).model_dump_json().encode() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
