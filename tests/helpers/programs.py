"""Server programs that some tests run. Where one is missing its tests skip; in CI they fail."""

import os
import shutil

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
