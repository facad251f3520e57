"""Opens the consent page in a browser, where there is one. It never fails a login."""

import os
import shutil
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_WINDOWS_SHELL: Final = "powershell.exe"


def over_ssh() -> bool:
    """Whether the person sits at another machine."""
    return bool(os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"))


def open_browser(url: str) -> bool:
    """Whether a browser was started. The terminal's own (w3m, lynx) are not tried."""
    if shell := _windows_shell():
        return _started(shell, url)
    if not _has_display():
        return False
    return webbrowser.open(url)


def start(url: str, opener: Callable[[str], object]) -> None:
    """Call *opener* in a thread: a browser may take its time, or fail."""

    def work() -> None:
        with suppress(Exception):
            opener(url)

    threading.Thread(target=work, name="kmoment-browser", daemon=True).start()


def _has_display() -> bool:
    if os.environ.get("BROWSER"):
        return True
    if over_ssh():
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _windows_shell() -> str | None:
    """PowerShell of the Windows around WSL, if this is WSL."""
    return shutil.which(_WINDOWS_SHELL) if os.environ.get("WSL_DISTRO_NAME") else None


def _started(shell: str, url: str) -> bool:
    quoted = url.replace("'", "''")
    command = [shell, "-NoProfile", "-Command", f"Start-Process '{quoted}'"]
    ended = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own words
    return ended.returncode == 0
