"""Samples the load of the machine and of its accelerators while there is something to see."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pynvml  # pyright: ignore[reportMissingTypeStubs]

from autoresearch_tui.lab import clock
from autoresearch_tui.record.lines import LineWriter
from autoresearch_tui.record.samples import DeviceSample, TelemetrySample

INTERVAL_S = 1.0
MIB = 1 << 20
NVML: Any = pynvml
"""The library's types are not written down."""
THROTTLE_NAMES = {
    NVML.nvmlClocksEventReasonSwPowerCap: "power",
    NVML.nvmlClocksEventReasonHwSlowdown: "hardware",
    NVML.nvmlClocksEventReasonSwThermalSlowdown: "heat",
    NVML.nvmlClocksEventReasonHwThermalSlowdown: "heat",
    NVML.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "power brake",
}


class Telemetry:
    """Writes `telemetry.jsonl`."""

    def __init__(self, path: Path, is_wanted: Callable[[], bool]) -> None:
        """Sample to `path` whenever `is_wanted` says that something is under way."""
        self._writer = LineWriter(path)
        self._is_wanted = is_wanted
        self._devices = _open_devices()

    async def run(self) -> None:
        """Sample for ever. A sample that can not be taken or stored is left out."""
        psutil.cpu_percent()
        while True:
            await asyncio.sleep(INTERVAL_S)
            if self._is_wanted():
                with contextlib.suppress(OSError):
                    sample = await asyncio.to_thread(self._sample)
                    self._writer.write(msgspec.json.encode(sample))

    def _sample(self) -> TelemetrySample:
        memory = psutil.virtual_memory()
        return TelemetrySample(
            at=clock.now(),
            cpu_percent=psutil.cpu_percent(),
            memory_used_mb=(memory.total - memory.available) / MIB,
            memory_total_mb=memory.total / MIB,
            devices=[sample for device in self._devices if (sample := _read(device))],
        )


def _open_devices() -> list[Any]:
    try:
        NVML.nvmlInit()
        count = NVML.nvmlDeviceGetCount()
        return [NVML.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    except NVML.NVMLError:
        return []


def _read(device: Any) -> DeviceSample | None:
    try:
        memory = NVML.nvmlDeviceGetMemoryInfo(device)
        return DeviceSample(
            name=NVML.nvmlDeviceGetName(device),
            utilization_percent=NVML.nvmlDeviceGetUtilizationRates(device).gpu,
            memory_used_mb=memory.used / MIB,
            memory_total_mb=memory.total / MIB,
            power_w=_optional(NVML.nvmlDeviceGetPowerUsage, device, 1e-3),
            power_limit_w=_optional(NVML.nvmlDeviceGetEnforcedPowerLimit, device, 1e-3),
            temperature_c=_optional(_temperature, device),
            temperature_limit_c=_optional(_temperature_limit, device),
            clock_mhz=_optional(_clock, device),
            clock_limit_mhz=_optional(_clock_limit, device),
            throttle=_throttle(device),
        )
    except NVML.NVMLError:
        return None


def _optional(read: Callable[[Any], float], device: Any, scale: float = 1.0) -> float | None:
    """Return a value that not every device offers."""
    try:
        return read(device) * scale
    except NVML.NVMLError:
        return None


def _temperature(device: Any) -> float:
    return NVML.nvmlDeviceGetTemperature(device, NVML.NVML_TEMPERATURE_GPU)


def _temperature_limit(device: Any) -> float:
    return NVML.nvmlDeviceGetTemperatureThreshold(device, NVML.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN)


def _clock(device: Any) -> float:
    return NVML.nvmlDeviceGetClockInfo(device, NVML.NVML_CLOCK_SM)


def _clock_limit(device: Any) -> float:
    return NVML.nvmlDeviceGetMaxClockInfo(device, NVML.NVML_CLOCK_SM)


def _throttle(device: Any) -> str | None:
    try:
        reasons = NVML.nvmlDeviceGetCurrentClocksEventReasons(device)
    except NVML.NVMLError:
        return None
    named = dict.fromkeys(name for bit, name in THROTTLE_NAMES.items() if reasons & bit)
    return ", ".join(named) or None
