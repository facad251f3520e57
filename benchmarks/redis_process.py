"""A Redis for a benchmark: on a free port of this machine, without files."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis that runs. Its URL."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port = found.getsockname()[1]
    program = shutil.which("redis-server") or "redis-server"
    folder = tempfile.mkdtemp()
    command = [program, "--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"]
    with subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL) as process:
        try:
            while not _accepts(port):
                time.sleep(0.01)
            yield f"redis://{HOST}:{port}/0"
        finally:
            process.kill()
            shutil.rmtree(folder)


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0
