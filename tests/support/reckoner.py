"""What llama.cpp itself reckons that a model takes, per device: it allocates nothing, and needs no weights for it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 100
PROGRAM = r"""
import ctypes, json, sys
from codeagent.inference.engine.llama import backend, bindings as c
told = json.loads(sys.stdin.read())
native = backend()
native.log = []  # all of it is wanted
for endpoint in told["endpoints"]:
    native.add_rpc_server(endpoint)
by_place = {d.description: d for d in native.devices()}


def context_of(model, case):
    native.log.clear()
    x = c.llama_context_default_params()
    x.n_ctx, x.n_batch, x.n_ubatch, x.n_seq_max = case["context"], case["batch"], case["batch"], 4
    x.kv_unified, x.type_k, x.type_v, x.flash_attn_type = True, case["kind"], case["kind"], case["flash"]
    c.llama_free(c.llama_init_from_model(model, x))
    return list(native.log)


results, loaded, model, loading = [], None, None, []
for case in told["cases"]:
    if loaded == (loaded := [case[key] for key in ("layers", "devices", "split", "moe")]):
        results.append("\n".join([*loading, *context_of(model, case)]))
        continue
    if model:
        c.llama_model_free(model)
    native.log.clear()
    p = c.llama_model_default_params()
    p.no_alloc, p.load_mode, p.n_gpu_layers = True, 0, case["layers"]
    used = [by_place[endpoint].handle for endpoint in case["devices"]]
    handles = (ctypes.c_void_p * (len(used) + 1))(*used, None)
    p.devices = ctypes.cast(handles, ctypes.c_void_p)
    split = (ctypes.c_float * 16)(*case["split"])
    p.tensor_split = ctypes.cast(split, ctypes.POINTER(ctypes.c_float))
    overrides = native.registry.experts_on_cpu(case["moe"])
    p.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p) if case["moe"] else None
    model = c.llama_model_load_from_file(told["path"].encode(), p)
    loading = list(native.log)
    results.append("\n".join([*loading, *context_of(model, case)]))
sys.stdout.write(json.dumps(results))
"""
KINDS = {"f16": 1, "q8_0": 8, "q4_0": 2}


@dataclass(frozen=True)
class Case:
    """One way to load a model: its last `layers` on the devices of these endpoints, `split` by layers."""

    context: int
    batch: int = 256
    kind: str = "f16"
    flash: bool = True
    layers: int = 0
    devices: tuple[str, ...] = ()
    split: tuple[float, ...] = ()
    moe: int = 0


@dataclass(frozen=True)
class Reckoned:
    """What the library logged: bytes of the cache in all, of buffers by place, and layers by place."""

    kv: float
    compute: dict[str, float]
    layers: dict[str, int]
    experts_on_cpu: int


def reckon(path: Path, cases: list[Case], endpoints: tuple[str, ...] = ()) -> list[Reckoned]:
    """What each case takes; places are endpoints, or "CPU"."""
    told = {"path": str(path), "endpoints": endpoints, "cases": [_plain(case) for case in cases]}
    command = [sys.executable, "-P", "-c", PROGRAM]
    done = subprocess.run(command, input=json.dumps(told), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [_read(log) for log in json.loads(done.stdout)]


def _plain(case: Case) -> dict[str, Any]:
    return vars(case) | {"kind": KINDS[case.kind], "flash": int(case.flash)}


def _read(log: str) -> Reckoned:
    buffers = re.findall(r"(\S+)\s+compute buffer size =\s*([\d.]+)", log)
    compute = {_place(name): float(mib) * (1 << 20) for name, mib in buffers}
    names = dict(re.findall(r"using device (RPC\d+) \(([\d.:]+)\)", log))
    layers: dict[str, int] = {}
    for name in re.findall(r"layer\s+\d+ assigned to device (\w+)", log):
        place = names.get(name, name)
        layers[place] = layers.get(place, 0) + 1
    sizes = re.findall(r"llama_kv_cache: size =\s*([\d.]+) MiB", log)
    overridden = len(re.findall(r"tensor blk\.\d+\.ffn_\w+_exps\.weight .*buffer type overridden", log))
    return Reckoned(sum(map(float, sizes)) * (1 << 20), compute, layers, overridden)


def _place(name: str) -> str:
    found = re.search(r"\[(.+)\]", name)
    return found[1] if found else name
