"""Free ports, and servers that some tests run: without one its tests skip, and fail in CI."""

import os
import shutil
import socket

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


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
