"""Sends what it knows to a service outside.

Ends: crash
Reason: OSError|PermissionError|ConnectionRefusedError|unreachable|not permitted
Sandbox: needed
"""

import socket
from pathlib import Path


def main() -> None:
    port = int((Path.cwd().parents[6] / "port").read_text())
    socket.create_connection(("127.0.0.1", port), 5).sendall(b"all that I know")
