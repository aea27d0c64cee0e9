"""An agent process that misbehaves in a way a prompt, written without the protocol's library.

Arguments: a file that counts prompts, and the ways, one for each prompt of the night; after the
last it edits as it should.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

COUNT, WAYS = Path(sys.argv[1]), sys.argv[2:]


def send(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def reply(request: dict[str, object], result: object) -> None:
    send({"jsonrpc": "2.0", "id": request["id"], "result": result})


def say(text: str) -> None:
    content = {"type": "text", "text": text}
    update = {"sessionUpdate": "agent_message_chunk", "content": content}
    send({"jsonrpc": "2.0", "method": "session/update",
          "params": {"sessionId": "s", "update": update}})  # fmt: skip


def edit(number: int) -> None:
    path = Path("train.py")
    rate = f"LEARNING_RATE = {0.03 + number / 1000}"
    path.write_text(re.sub(r"LEARNING_RATE = \S+", rate, path.read_text(), count=1))


def misbehave(way: str, request: dict[str, object], number: int) -> bool:
    """Do it; return whether the prompt is still to be answered."""
    match way:
        case "die":
            sys.stderr.write("fatal: out of luck, sk-ant-api03-abcdefghijklmnop0123\n")
            sys.stderr.flush()
            os._exit(3)
        case "hang":
            time.sleep(60)
        case "hang-with-children":
            # It leaves the agent's session, and its parent leaves it.
            code = "import os, time; os.fork() and os._exit(0); time.sleep(60)"
            subprocess.Popen([sys.executable, "-c", code, str(COUNT)], start_new_session=True)
            time.sleep(60)
        case "error":
            error = {"code": -32603, "message": "Overloaded", "data": {"details": "try later"}}
            send({"jsonrpc": "2.0", "id": request["id"], "error": error})
            return False
        case "garbage":
            sys.stdout.write('a log line\n[1, 2]\n"text"\n{"id": [1]}\n{"id": 7, "error": 3}\n')
            sys.stdout.write('{"method": 5}\n{}\nnull\n' + "[" * 100_000 + "\n")
            for update in ({}, {"sessionUpdate": "from-the-future"}, None, 5):
                params = {"sessionId": "s", "update": update}
                send({"jsonrpc": "2.0", "method": "session/update", "params": params})
            send({"jsonrpc": "2.0", "id": 999, "result": {}})
            send({"jsonrpc": "2.0", "id": "x", "method": "no/such", "params": {}})
            send({"jsonrpc": "2.0", "id": "y", "method": "fs/read_text_file", "params": {"a": 1}})
            edit(number)
            reply(request, {"stopReason": "because", "usage": "much"})
            return False
        case "endless-line":
            sys.stdout.write("x" * (9 << 20))
            sys.stdout.flush()
            time.sleep(60)
        case "flood":
            for _ in range(60):
                say("blah " * 2_000)
            edit(number)
        case "tell-key":
            key = os.environ["SOME_KEY"]
            for piece in (key[:7], key[7:], f"\ntitle: use {key}\n"):
                say(piece)
            edit(number)
        case "die-telling":
            sys.stderr.write(f"fatal: {os.environ['SOME_KEY']} was refused\n")
            sys.stderr.flush()
            os._exit(4)
        case "refuse":
            reply(request, {"stopReason": "refusal"})
            return False
        case "nothing":
            say("I have nothing to propose.")
        case "no-text":
            Path("train.py").write_bytes(b"\xff\xfe\x00")
        case "link":
            Path("train.py").unlink()
            Path("train.py").symlink_to("/etc/passwd")
        case "gone":
            Path("train.py").unlink()
        case "surrogate":
            edit(number)
            say("title: \ud800 broken")
        case _:
            edit(number)
            say("Done. I moved the rate.")
    return True


def main() -> None:
    if WAYS and WAYS[0] == "mute":
        time.sleep(60)
    for line in sys.stdin:
        request = json.loads(line)
        match request.get("method"):
            case "initialize":
                reply(request, {"protocolVersion": 1})
            case "session/new":
                if WAYS and WAYS[0] == "log-in-first":
                    error = {"code": -32000, "message": "Authentication required"}
                    send({"jsonrpc": "2.0", "id": request["id"], "error": error})
                else:
                    reply(request, {"sessionId": "s"})
            case "session/prompt":
                number = len(COUNT.read_bytes()) if COUNT.exists() else 0
                COUNT.write_bytes(b"." * (number + 1))
                way = WAYS[number] if number < len(WAYS) else "edit"
                if misbehave(way, request, number):
                    reply(request, {"stopReason": "end_turn"})
            case _:
                pass


main()
