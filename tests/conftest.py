"""Fixtures for every test: asyncio, no network but loopback, and a sandbox."""

import asyncio.constants
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import kmoment
from helpers import BODY_LIMIT, SESSION, TOKEN
from helpers.fault_server import FaultServer
from kmoment._engine import _aiohttp
from kmoment._policies import options
from kmoment.sandbox import Sandbox

if "PYTEST_XDIST_WORKER" in os.environ:
    # This process is in development mode already. In programs that tests start, asyncio would
    # print which step was slow, on any busy machine.
    os.environ.pop("PYTHONDEVMODE", None)

# In development mode asyncio keeps where each task and timer was made. Ten frames take a tenth of
# all time; one says it too.
asyncio.constants.DEBUG_STACK_DEPTH = 1  # type: ignore[misc]

# A machine may be busy: an example that takes long is no failure.
settings.register_profile("default", deadline=None, max_examples=40, stateful_step_count=12)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

if SESSION:
    # As with an aiohttp that lacks a member that we use: the public session does the work.
    _aiohttp.missing_member = lambda: "ClientRequest.send"  # type: ignore[assignment]


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell that starts the tests in the background ignores Ctrl-C for them, and so for all
        # programs that they start.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if SESSION:
        config.addinivalue_line("filterwarnings", "ignore:aiohttp .* has no:RuntimeWarning")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network fails, and says where it wanted to go."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            assert ip_address(address[0]).is_loopback, f"a test connects to {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KMOMENT_")]:
        if name != "KMOMENT_TEST_SESSION":
            monkeypatch.delenv(name)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call waits for a host that is down, where how long it waits is not the point."""
    monkeypatch.setattr(options, "PATIENCE", 0.0)


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with FaultServer() as running:
        yield running


@pytest.fixture
async def client(server: FaultServer) -> AsyncIterator[kmoment.AsyncClient]:
    """A client of the fault server that tries once: what each attempt does is the point."""
    once = {"max_attempts": 1, "reconcile_delays": (), "max_body_bytes": BODY_LIMIT}
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, timeout=2, **once) as opened:  # type: ignore[arg-type]
        yield opened


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox on its own thread, for tests that only read or clean up after themselves."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Profiles and tokens of this test alone."""
    place = tmp_path / "home"
    monkeypatch.setenv("KMOMENT_HOME", str(place))
    return place


@pytest.fixture
def place() -> Iterator[Sandbox]:
    """A sandbox of this test alone, whose user agrees to a login at once."""
    with Sandbox(accounts=(1234, 5678)) as running:
        running.set_consent("agree")
        yield running
