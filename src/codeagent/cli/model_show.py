"""What `codeagent model show` says of a model, made from its header; prints nothing."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from codeagent.cli.progress import size
from codeagent.inference import dialects
from codeagent.inference.catalog import Entry, HuggingFace
from codeagent.inference.frames import DeviceInfo, LoadSettings
from codeagent.inference.gguf import Header, read_header
from codeagent.inference.placement import DEFAULT_CONTEXT, plan

CONTEXTS = (2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 262_144)
_ENDLESS = 1 << 60
_TEXT = 80


def describe_file(name: str, path: Path, entry: Entry | None) -> str:
    """A page about a model file. Raises GGUFError."""
    header = read_header(path)
    heads, kv_heads = header.number("attention.head_count", 0), header.number("attention.head_count_kv", 0)
    embedding = header.number("embedding_length", 0)
    head_size = header.number("attention.key_length", embedding // max(1, heads))
    experts, used = header.number("expert_count", 0), header.number("expert_used_count", 0)
    tokenizer = " ".join(_cut(header.text(f"tokenizer.ggml.{key}")) for key in ("model", "pre"))
    named, licence = header.text("general.name"), header.text("general.license")
    facts = [
        ("file", f"{path} ({size(header.file_size)})"),
        ("called", _cut(named) if named else ""),
        ("architecture", f"{_cut(header.architecture)}, {header.number('block_count', 0)} layers"),
        ("experts", f"{experts}, {used} used for a token" if experts else ""),
        ("parameters", f"{header.parameters / 1e9:.2f} billion"),
        *_quantization(header),
        ("attention", f"{heads} heads, {kv_heads or heads} KV heads of {head_size}" if heads else "none"),
        ("embedding", f"{embedding:,}, feed-forward {header.number('feed_forward_length', 0):,}"),
        ("vocabulary", f"{header.vocabulary:,} tokens, tokenizer {tokenizer.strip() or 'unknown'}"),
        ("context", f"{header.number('context_length', 0):,} tokens"),
        ("calls tools as", dialects.name_of(header.chat_template, header.architecture)),
        ("licence", entry.licence if entry else _cut(licence) or "unknown"),
    ]
    lines = [name, *(f"  {label:<15} {text}" for label, text in facts if text)]
    if not header.chat_template:
        lines.append("  The file has no chat template.")
    return "\n".join([*lines, "", *_memory(header)])


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else text[:_TEXT] + "…"


def _quantization(header: Header) -> list[tuple[str, str]]:
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for tensor in header.tensors:
        sizes[tensor.type].append(tensor.nbytes)
    ranked = sorted(sizes.items(), key=lambda entry: -sum(entry[1]))
    return [
        ("quantization" if not i else "", f"{kind:<7} {size(sum(found)):>8} in {len(found)} tensors")
        for i, (kind, found) in enumerate(ranked)
    ]


def working_memory(header: Header) -> int:
    """Bytes the model works on with the default context, or all it was trained for where that is less.

    The CPU's second copy of some weights is left out: once it is made, the pages of the file behind it are not needed.
    """
    context = min(DEFAULT_CONTEXT, header.number("context_length", 0) or DEFAULT_CONTEXT)
    host = plan(header, (), LoadSettings(path="", name="", context=context), _ENDLESS).host
    return host.total - host.repack


def _memory(header: Header) -> list[str]:
    gpu = DeviceInfo(name="", description="", kind="gpu", free=_ENDLESS, total=0)
    trained = header.number("context_length", 0)
    lines = ["  Memory it takes:", f"  {'context':>9}  {'cache':>8}  {'on the CPU':>10}  {'on a GPU':>8}"]
    for context in [c for c in CONTEXTS if c <= trained] or [trained or DEFAULT_CONTEXT]:
        settings = LoadSettings(path="", name="", context=context)
        host = plan(header, (), settings, _ENDLESS).host
        device = plan(header, (gpu,), settings, _ENDLESS).devices[0]
        lines.append(f"  {context:>9,}  {size(host.kv):>8}  {size(host.total):>10}  {size(device.total):>8}")
    return lines


def describe_entry(entry: Entry) -> str:
    """A page about a model of the catalogue that is not on this machine."""
    about = "" if entry.sha256 else "about "
    sources = [
        f"Hugging Face {source.repo}" if isinstance(source, HuggingFace) else f"Python package index {source.packages}"
        for source in entry.sources
    ]
    facts = [
        ("size", f"{about}{size(entry.size)}"),
        ("parameters", entry.parameters),
        ("memory", f"about {entry.memory_gb} GB with 16,384 tokens, more without a GPU"),
        ("context", f"{entry.context:,} tokens"),
        ("licence", entry.licence),
        *(("source", source) for source in sources),
    ]
    lines = [f"{entry.name}: {entry.description}", *(f"  {label:<15} {text}" for label, text in facts)]
    return "\n".join([*lines, "", f"It is not on this machine. Get it with: codeagent model pull {entry.name}"])
