"""Checks the GPUs by what their driver says: seen, free, at full speed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import pynvml  # pyright: ignore[reportMissingTypeStubs]

from autoresearch_tui.lab.findings import Finding, fail, note, ok
from autoresearch_tui.lab.telemetry import THROTTLE_NAMES

NVML: Any = pynvml
"""The library's types are not written down."""
MIB = 1 << 20
USED_SHARE_NOTED = 0.05
POWER_SHARE_NOTED = 0.95
HOT_C = 85.0


@dataclass(frozen=True)
class Occupant:
    """A process that uses a GPU."""

    pid: int
    name: str
    memory_mb: int | None

    def __str__(self) -> str:
        memory = "" if self.memory_mb is None else f", {self.memory_mb} MiB"
        return f"{self.name} ({self.pid}{memory})"


@dataclass(frozen=True)
class Gpu:
    """One device, as its driver describes it; what it does not tell is none."""

    index: int
    name: str
    memory_used_mb: int
    memory_total_mb: int
    occupants: tuple[Occupant, ...] = ()
    throttles: tuple[str, ...] = ()
    """What holds its clocks down now."""
    power_limit_w: float | None = None
    power_default_w: float | None = None
    persistent: bool | None = None
    temperature_c: float | None = None
    uncorrected_errors: int | None = None


class NoDriver(Exception):
    """The driver can not be asked; the message is its own."""


def read(nvml: Any = NVML) -> list[Gpu]:
    """Return the devices that the driver shows.

    Raises:
        NoDriver: it shows none, or does not answer.
    """
    try:
        nvml.nvmlInit()
        count = nvml.nvmlDeviceGetCount()
        return [_read(nvml, index) for index in range(count)]
    except nvml.NVMLError as error:
        raise NoDriver(str(error)) from error


def _read(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)

    def told(ask: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return ask(handle, *arguments)
        except nvml.NVMLError:
            return None

    reasons = told(nvml.nvmlDeviceGetCurrentClocksEventReasons) or 0
    limit = told(nvml.nvmlDeviceGetEnforcedPowerLimit)
    default = told(nvml.nvmlDeviceGetPowerManagementDefaultLimit)
    persistent = told(nvml.nvmlDeviceGetPersistenceMode)
    errors = told(
        nvml.nvmlDeviceGetTotalEccErrors,
        nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
        nvml.NVML_VOLATILE_ECC,
    )
    return Gpu(
        index=index,
        name=nvml.nvmlDeviceGetName(handle),
        memory_used_mb=memory.used // MIB,
        memory_total_mb=memory.total // MIB,
        occupants=tuple(
            Occupant(each.pid, _name(each.pid), _mebibytes(each.usedGpuMemory))
            for each in told(nvml.nvmlDeviceGetComputeRunningProcesses) or ()
        ),
        throttles=tuple(
            dict.fromkeys(name for bit, name in THROTTLE_NAMES.items() if reasons & bit)
        ),
        power_limit_w=None if limit is None else limit / 1000,
        power_default_w=None if default is None else default / 1000,
        persistent=None if persistent is None else bool(persistent),
        temperature_c=told(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
        uncorrected_errors=errors,
    )


def _mebibytes(count: int | None) -> int | None:
    return None if count is None else count // MIB


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        # Of another user, or of another container.
        return "a process that is not to be seen"


def examine(gpus: list[Gpu], *, torch_sees: bool) -> Iterator[Finding]:
    """Yield what is to be said of the devices; `torch_sees` is whether training could use one."""
    if gpus and not torch_sees:
        yield fail(
            "gpu",
            f"the driver shows {gpus[0].name}, and torch does not see it: look at "
            "CUDA_VISIBLE_DEVICES, and whether torch is a CUDA build that this driver can run "
            "(nvidia-smi names the newest CUDA that it knows)",
        )
    for gpu in gpus:
        subject = "gpu" if len(gpus) == 1 else f"gpu {gpu.index}"
        worries = list(_worries(subject, gpu))
        yield from worries or [
            ok(subject, f"{gpu.name}, {gpu.memory_total_mb} MiB, free and at full speed")
        ]


def _worries(subject: str, gpu: Gpu) -> Iterator[Finding]:
    if gpu.occupants:
        others = ", ".join(map(str, gpu.occupants))
        yield fail(
            subject, f"others use it: {others}; results would not compare. End them, or wait"
        )
    elif gpu.memory_used_mb > USED_SHARE_NOTED * gpu.memory_total_mb:
        yield note(
            subject,
            f"{gpu.memory_used_mb} of {gpu.memory_total_mb} MiB are taken by what is not to be "
            "seen, perhaps of another container: look with nvidia-smi as root",
        )
    if gpu.throttles:
        yield note(
            subject,
            f"its clocks are held down ({', '.join(gpu.throttles)}): look with nvidia-smi -q -d "
            "PERFORMANCE, and see to cooling and power before results are compared",
        )
    limit, default = gpu.power_limit_w, gpu.power_default_w
    if limit is not None and default is not None and limit < POWER_SHARE_NOTED * default:
        yield note(
            subject,
            f"its power is limited to {limit:.0f} of {default:.0f} W; raise it as root with: "
            f"nvidia-smi -i {gpu.index} -pl {default:.0f}",
        )
    if gpu.temperature_c is not None and gpu.temperature_c >= HOT_C:
        yield note(subject, f"it has {gpu.temperature_c:.0f} °C before the night: see to cooling")
    if gpu.uncorrected_errors:
        yield fail(
            subject,
            f"its memory had {gpu.uncorrected_errors} errors that could not be corrected; reset it "
            f"as root with: nvidia-smi -i {gpu.index} --gpu-reset",
        )
    if gpu.persistent is False:
        yield note(
            subject,
            "its driver unloads between runs, which makes each start slower; keep it as root "
            "with: nvidia-smi -pm 1",
        )
