"""Commands reach the lab, and only its user can send them."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from autoresearch_tui.control import client, messages
from autoresearch_tui.control.messages import AnyCommand, Reply
from autoresearch_tui.control.server import ControlServer


@pytest.fixture
def socket_path() -> Path:
    return Path(os.environ["XDG_RUNTIME_DIR"]) / "control" / "lab.sock"


async def echo(command: AnyCommand) -> Reply:
    return Reply(ok=True, changed=True, detail=f"{type(command).__name__} by {command.by}")


async def test_a_command_is_answered(socket_path: Path) -> None:
    server = ControlServer(socket_path, echo)
    await server.start()
    reply = await asyncio.to_thread(client.send, socket_path, messages.Pause(by="me"))
    await server.stop()
    assert reply == Reply(ok=True, changed=True, detail="Pause by me")


async def test_only_the_user_can_reach_it(socket_path: Path) -> None:
    server = ControlServer(socket_path, echo)
    await server.start()
    assert stat.S_IMODE(socket_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
    await server.stop()
    assert not socket_path.exists()


async def test_a_socket_left_by_a_dead_lab_is_replaced(socket_path: Path) -> None:
    first, second = ControlServer(socket_path, echo), ControlServer(socket_path, echo)
    await first.start()
    await second.start()
    reply = await asyncio.to_thread(client.send, socket_path, messages.Ping(by="me"))
    assert reply.ok
    await second.stop()
    await first.stop()


async def test_what_is_no_command_is_refused(socket_path: Path) -> None:
    server = ControlServer(socket_path, echo)
    await server.start()
    for line in (b"{}\n", b"\xff\n", b'{"command":"fly","by":"me"}\n', b"x" * 200_000 + b"\n"):
        reader, writer = await asyncio.open_unix_connection(str(socket_path))
        writer.write(line)
        reply = messages.decode_reply(await reader.readline())
        assert not reply.ok
        writer.close()
    await server.stop()


def test_no_lab_is_said_in_a_sentence(socket_path: Path) -> None:
    with pytest.raises(client.LabUnreachable, match="no lab is listening"):
        client.send(socket_path, messages.Ping(by="me"))


async def test_a_lab_that_does_not_answer_is_given_up(socket_path: Path) -> None:
    never = asyncio.Event()

    async def hang(_: AnyCommand) -> Reply:
        await never.wait()
        raise AssertionError

    server = ControlServer(socket_path, hang)
    await server.start()
    with pytest.raises(client.LabUnreachable, match="did not answer"):
        await asyncio.to_thread(client.send, socket_path, messages.Ping(by="me"), 0.1)
    never.set()
    await server.stop()
