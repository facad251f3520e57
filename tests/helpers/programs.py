"""Free ports, and servers that some tests run: without one its tests skip, and fail in CI."""

import os
import random
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from typing import Final

import pytest

_ADMIN_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")
"""Where Debian installs servers. A user's PATH often lacks these folders."""


def needed(program: str) -> str:
    """The path of *program*. Without it the test skips, or fails where ``CI`` is set."""
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), *_ADMIN_FOLDERS))
    if found := shutil.which(program, path=places):
        return found
    reason = f"{program} is not installed"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI is set")
    pytest.skip(reason)


# Below those that systems give to whoever asks for any port: another test would be given one
# between the look here and the start of the server. Each process begins at another one.
_PORTS: Final = range(20_000, 32_000)
_BEGIN: Final = random.SystemRandom().randrange(len(_PORTS))
_next_ports: Final[Iterator[int]] = cycle((*_PORTS[_BEGIN:], *_PORTS[:_BEGIN]))


def free_port() -> int:
    """A port of this machine that nobody listens on, and that nobody else is given."""
    while True:
        port = next(_next_ports)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
