"""The doctor sees what will hurt at night, on machines that these tests make up."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.lab import doctor, gpus, host, logind
from autoresearch_tui.lab.findings import Finding, Grade
from autoresearch_tui.settings import AgentSettings, Settings
from tests.agents.messages_server import Answer, Fault, MessagesServer, Silence, Turn
from tests.workshop import Workshop

SESSION = logind.Login(
    user="ann", uid=1000, cgroup="0::/user.slice/user-1000.slice/session-3.scope"
)
SERVICE = logind.Login(
    user="ann", uid=1000, cgroup="0::/user.slice/user-1000.slice/user@1000.service/app.slice/a"
)
SYSTEM = logind.Login(user="ann", uid=1000, cgroup="0::/system.slice/autoresearch.service")


def machine(root: Path, files: dict[str, str], *, lingers: bool = False) -> Path:
    """Return a root with systemd; `files` are settings by place, such as `etc` or `etc_50`."""
    (root / "run/systemd/system").mkdir(parents=True)
    for name, lines in files.items():
        place, _, part = name.partition("_")
        folder = root / {"etc": "etc/systemd", "usr": "usr/lib/systemd"}[place]
        file = folder / "logind.conf.d" / f"{part}.conf" if part else folder / "logind.conf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"[Login]\n{lines}\n")
    linger = root / "var/lib/systemd/linger"
    linger.mkdir(parents=True)
    if lingers:
        (linger / "ann").touch()
    return root


def logout(root: Path, login: logind.Login = SESSION) -> Finding:
    return next(iter(logind.examine(root, login)))


YES, NO = "KillUserProcesses=yes", "KillUserProcesses = no"


@pytest.mark.parametrize(
    ("files", "kills"),
    [
        ({}, False),
        ({"etc": "#KillUserProcesses=yes"}, False),
        ({"etc": YES}, True),
        ({"etc": NO, "etc_50": YES}, True),
        ({"etc": YES, "etc_50": NO}, False),
        ({"usr": YES}, True),
        # Of two main files the stronger one alone is read.
        ({"usr": YES, "etc": ""}, False),
        ({"usr_50": YES, "etc_50": NO}, False),
        ({"usr_50": NO, "etc_40": YES}, False),
        ({"etc": f"{YES}\nKillOnlyUsers=bob"}, False),
        ({"etc": f"{YES}\nKillOnlyUsers=bob ann"}, True),
        ({"etc": f"{YES}\nKillExcludeUsers=root ann"}, False),
    ],
)
def test_who_loses_a_night_at_logout_is_told(
    tmp_path: Path, files: dict[str, str], kills: bool
) -> None:
    found = logout(machine(tmp_path, files))
    assert (found.grade is Grade.FAIL) == kills
    if kills:
        assert "systemd-run --user --scope" in found.sentence


def test_services_of_a_user_need_to_linger_and_those_of_the_system_do_not(tmp_path: Path) -> None:
    quitting = machine(tmp_path / "a", {"etc": YES})
    lingering = machine(tmp_path / "b", {"etc": YES}, lingers=True)
    assert "enable-linger" in logout(quitting, SERVICE).sentence
    assert logout(lingering, SERVICE).grade is Grade.OK
    assert logout(quitting, SYSTEM).grade is Grade.OK
    # To linger does not help what belongs to a login.
    assert logout(lingering, SESSION).grade is Grade.FAIL


def test_shared_memory_and_idle_machines_are_looked_at(tmp_path: Path) -> None:
    found = list(logind.examine(machine(tmp_path / "a", {"etc": "IdleAction=suspend"}), SESSION))
    assert [each.subject for each in found] == ["logout", "shared memory", "idle"]
    assert "systemd-inhibit" in found[-1].sentence
    kept = machine(tmp_path / "b", {"etc": "RemoveIPC=no\nIdleAction=lock"})
    assert len(list(logind.examine(kept, SESSION))) == 1
    assert logout(tmp_path / "none").grade is Grade.OK


PROCESSES = "nvmlDeviceGetComputeRunningProcesses"
CLOCKS = "nvmlDeviceGetCurrentClocksEventReasons"


class FakeError(Exception):
    """What the driver's library raises."""


def driver(**changed: Any) -> SimpleNamespace:
    """Return a driver's library that shows one free device at full speed."""

    def refuse(*_: Any) -> Any:
        raise FakeError("Not Supported")

    answers: dict[str, Any] = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda _: "A GPU",
        "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(used=0, total=80 << 30),
        "nvmlDeviceGetCurrentClocksEventReasons": lambda _: 0,
        "nvmlDeviceGetEnforcedPowerLimit": lambda _: 700_000,
        "nvmlDeviceGetPowerManagementDefaultLimit": lambda _: 700_000,
        "nvmlDeviceGetPersistenceMode": lambda _: 1,
        "nvmlDeviceGetTotalEccErrors": refuse,
        "nvmlDeviceGetComputeRunningProcesses": lambda _: [],
        "nvmlDeviceGetTemperature": lambda *_: 40,
        **changed,
    }
    constants = {
        "NVMLError": FakeError,
        "NVML_MEMORY_ERROR_TYPE_UNCORRECTED": 1,
        "NVML_VOLATILE_ECC": 0,
        "NVML_TEMPERATURE_GPU": 0,
    }
    return SimpleNamespace(**answers, **constants)


def worries(answers: dict[str, Any], *, torch_sees: bool = True) -> list[Finding]:
    changed = {name: lambda *_, said=said: said for name, said in answers.items()}
    found = gpus.examine(gpus.read(driver(**changed)), torch_sees=torch_sees)
    return [each for each in found if each.grade is not Grade.OK]


def test_a_free_device_at_full_speed_is_well() -> None:
    assert worries({}) == []


@pytest.mark.parametrize(
    ("answers", "grade", "said"),
    [
        (
            {PROCESSES: [SimpleNamespace(pid=1, usedGpuMemory=5 << 20)]},
            Grade.FAIL,
            "(1, 5 MiB)",
        ),
        (
            {PROCESSES: [SimpleNamespace(pid=2**22 + 1, usedGpuMemory=None)]},
            Grade.FAIL,
            "not to be seen (4194305)",
        ),
        (
            {"nvmlDeviceGetMemoryInfo": SimpleNamespace(used=70 << 30, total=80 << 30)},
            Grade.NOTE,
            "another container",
        ),
        (
            {CLOCKS: gpus.NVML.nvmlClocksEventReasonHwThermalSlowdown},
            Grade.NOTE,
            "held down (heat)",
        ),
        ({"nvmlDeviceGetEnforcedPowerLimit": 400_000}, Grade.NOTE, "-pl 700"),
        ({"nvmlDeviceGetPersistenceMode": 0}, Grade.NOTE, "-pm 1"),
        ({"nvmlDeviceGetTotalEccErrors": 3}, Grade.FAIL, "3 errors"),
        ({"nvmlDeviceGetTemperature": 90}, Grade.NOTE, "90 °C"),
    ],
)  # fmt: skip
def test_each_trouble_of_a_device_is_seen(answers: dict[str, Any], grade: Grade, said: str) -> None:
    (found,) = worries(answers)
    assert found.grade is grade
    assert said in found.sentence


def test_a_device_that_torch_does_not_see_is_a_fault() -> None:
    (found,) = worries({}, torch_sees=False)
    assert "CUDA_VISIBLE_DEVICES" in found.sentence


def test_a_driver_that_does_not_answer_says_so() -> None:
    def lost() -> None:
        raise FakeError("GPU is lost")

    with pytest.raises(gpus.NoDriver, match="GPU is lost"):
        gpus.read(driver(nvmlInit=lost))


@given(st.floats(0, 500, allow_nan=False))
def test_memory_is_either_enough_or_there_is_a_remedy(available_gb: float) -> None:
    found = host.memory(available_gb)
    assert (found.grade is Grade.OK) == (available_gb >= host.MEMORY_WANTED_GB)


def test_the_clock_and_the_socket_are_looked_at(tmp_path: Path) -> None:
    assert host.clock(0.0, None).grade is Grade.FAIL
    assert "set-ntp" in host.clock(1.8e9, synchronised=False).sentence
    assert host.clock(1.8e9, None).grade is Grade.OK
    short = Path(os.environ["XDG_RUNTIME_DIR"])
    assert host.sockets(short / "a" / "b").grade is Grade.OK
    assert "too long" in host.sockets(tmp_path / ("x" * 100)).sentence
    (tmp_path / "file").touch()
    assert "XDG_RUNTIME_DIR" in host.sockets(tmp_path / "file").sentence


def test_the_disk_is_measured_by_what_experiments_took(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(total=10e9, used=0, free=6e9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert host.disk(workshop.root).grade is Grade.OK
    monkeypatch.setattr(host, "_gb_of_an_experiment", lambda _: 0.5)
    assert "make room for 50 GB" in host.disk(workshop.root).sentence


@pytest.mark.parametrize(
    ("turn", "grade", "said"),
    [
        (Answer(), Grade.OK, "answers"),
        (Fault(404), Grade.OK, "answers"),
        (Fault(401, "authentication_error"), Grade.FAIL, "wants a key"),
        (Silence(), Grade.FAIL, "did not answer within 0.3 s"),
    ],
)
def test_the_agents_server_is_asked(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, turn: Turn, grade: Grade, said: str
) -> None:
    monkeypatch.setattr("autoresearch_tui.agents.claude.CHECK_LIMIT_S", 0.3)
    with MessagesServer(lambda _: turn) as server:
        found = agent_findings(server.url)
    assert found["server"].grade is grade
    assert said in found["server"].sentence
    assert "s3cret" not in str(found)


def test_a_server_that_is_gone_and_one_that_nobody_asks() -> None:
    with MessagesServer([]) as server:
        gone = server.url
        assert "server" not in agent_findings(gone, offline=True)
        assert server.requests == []
    assert "can not be reached" in agent_findings(gone)["server"].sentence


def test_each_agent_of_a_contest_is_looked_at() -> None:
    rivals = [AgentSettings(kind="tpe", name="tuner"), AgentSettings(kind="acp", command=["none"])]
    settings = Settings(agent=AgentSettings(kind="tpe"), rivals=rivals)
    found = list(doctor.agent(settings, {}, offline=True))
    assert [each.sentence for each in found[:2]] == ["tpe", "tuner"]
    assert found[2].grade is Grade.FAIL
    assert "There is no command 'none'" in found[2].sentence


def agent_findings(url: str, *, offline: bool = False) -> dict[str, Finding]:
    settings = Settings(agent=AgentSettings(kind="claude", base_url=url))
    found = doctor.agent(settings, {"ANTHROPIC_API_KEY": "s3cret"}, offline=offline)
    return {each.subject: each for each in found}
