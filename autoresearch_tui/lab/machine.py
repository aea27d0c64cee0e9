"""What this machine is, found out without the training script's own environment."""

import contextlib
import os
import platform
import sys
from pathlib import Path
from typing import Any

import psutil
import pynvml  # pyright: ignore[reportMissingTypeStubs]

from autoresearch_tui.lab.stages import usable_cores
from autoresearch_tui.record.vocabulary import Hardware
from autoresearch_tui.settings import Device

MIB = 1 << 20
NVML: Any = pynvml
"""The library's types are not written down."""


def find(chosen: Device | None) -> Hardware:
    """Return the machine; which torch and which Python train on it nobody asked."""
    name, memory_mb = _nvidia()
    device: Device = chosen or ("cuda" if name else "mps" if _is_apple() else "cpu")
    on_gpu = device == "cuda"
    return Hardware(
        device=device,
        name=name if on_gpu and name else _cpu_name(),
        cores=usable_cores(),
        memory_mb=psutil.virtual_memory().total >> 20,
        device_memory_mb=memory_mb if on_gpu else 0,
        torch="",
        python="",
        host=os.uname().nodename,
    )


def _nvidia() -> tuple[str, int]:
    """Return the name and the memory, in MiB, of the first NVIDIA device; an empty name of none."""
    with contextlib.suppress(NVML.NVMLError):
        NVML.nvmlInit()
        handle = NVML.nvmlDeviceGetHandleByIndex(0)
        name = NVML.nvmlDeviceGetName(handle)
        return str(name), int(NVML.nvmlDeviceGetMemoryInfo(handle).total) // MIB
    return "", 0


def _is_apple() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64"


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
