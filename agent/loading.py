"""How a model is to be loaded, as the settings want it; knows no session and loads nothing."""

from __future__ import annotations

from pathlib import Path

from codeagent.agent.config import Config
from codeagent.inference.frames import LoadSettings


def load_settings_of(config: Config, path: Path, name: str) -> LoadSettings:
    """How to load the model in this file, called so, as the settings want it."""
    return LoadSettings(
        path=str(path),
        name=name,
        context=config.context,
        gpu_layers=config.gpu_layers,
        threads=config.threads,
        rpc=config.devices,
        kv_type=config.kv_type,
        flash_attention=config.flash_attention,
        cpu_moe=config.cpu_moe,
        split_mode=config.split_mode,
        use_mmap=config.mmap,
        use_mlock=config.mlock,
    )
