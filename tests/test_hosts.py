"""Each kind of host program, as a real process under ``-X dev -W error``, with a time limit."""

import os
import signal
import ssl
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from anyio.from_thread import start_blocking_portal

import kmoment
from helpers import TOKEN
from helpers.fault_server import Answer, FaultServer
from kmoment.sandbox import Sandbox

# Odd hosts cannot be measured: the coverage tool would not end without a word.
UNMEASURED = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
HOSTS = Path(__file__).parent / "helpers" / "hosts.py"
ODD_HOSTS = HOSTS.with_name("odd_hosts.py")
FORKS = (
    "fork",
    "fork_unclosed",
    "fork_in_a_batch",
    "fork_while_opening",
    "multiprocessing_fork",
    "preload",
)
NAMES = (
    "never_closed",
    "never_closed_global",
    "with_block",
    "closed_twice",
    "exits_inside",
    "exits_hard",
    "in_flight_at_exit",
    "many_threads",
    "running_loop",
    "thread_of_a_loop",
    "ctrl_c",
    "ctrl_c_in_a_batch",
    "dropped",
    "no_threads_at_import",
    *FORKS,
)
# Seconds for one host program. It takes a few seconds at most, but the machine may be busy.
LIMIT = 30.0


def run(name: str, sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "dev", "-W", "error", *leniency(name), str(HOSTS)]
    return subprocess.run(
        [*command, name, sandbox.url, sandbox.token],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env=UNMEASURED,
    )


def leniency(name: str) -> list[str]:
    """Python 3.12 and newer warn about a fork in a process with threads. Ignore that warning."""
    return ["-W", "ignore:This process:DeprecationWarning"] if name in FORKS else []


@pytest.fixture
def calm(sandbox: Sandbox) -> Iterator[Sandbox]:
    yield sandbox
    sandbox.clear_faults()


@pytest.mark.parametrize("name", NAMES)
def test_host(name: str, calm: Sandbox) -> None:
    """The host program ends by itself, in time, without a warning or a traceback."""
    start = time.monotonic()
    host = run(name, calm)
    assert host.stderr == ""
    assert host.stdout.split()[-1] == "done"
    assert host.returncode == 0
    if name == "in_flight_at_exit":
        assert time.monotonic() - start < 10


def test_ctrl_c_uncaught(calm: Sandbox) -> None:
    """An uncaught Ctrl-C ends the program with SIGINT's exit code and one traceback."""
    start = time.monotonic()
    host = run("ctrl_c_uncaught", calm)
    assert host.returncode == -signal.SIGINT
    assert host.stderr.count("Traceback") == 1
    assert host.stderr.rstrip().endswith("KeyboardInterrupt")
    assert "Warning" not in host.stderr
    assert time.monotonic() - start < 10


# -- Hosts that change Python -------------------------------------------------------------

NO_EXTENSIONS = {
    f"{package}_NO_EXTENSIONS": "1"
    for package in ("AIOHTTP", "MULTIDICT", "YARL", "FROZENLIST", "PROPCACHE")
}


def check(name: str, url: str, token: str, options: tuple[str, ...] = (), **env: str) -> list[str]:
    """Run an odd host to its end. Returns the words that it has printed."""
    host = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", *options, str(ODD_HOSTS), name, url, token],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env=UNMEASURED | env,
    )
    assert host.stderr == ""
    words = host.stdout.split()
    assert "done" in words
    assert host.returncode == 0
    return words


@pytest.mark.parametrize("name", ["truststore_before", "truststore_after"])
def test_truststore(name: str, tmp_path: Path) -> None:
    """TLS works with truststore in the place of ``ssl.SSLContext``."""
    pytest.importorskip("truststore")
    authority, certificates = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(certificates))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = FaultServer(context)
    server.default = Answer(200, b"[]")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        check(name, server.url, TOKEN, SSL_CERT_FILE=str(certificates))
    assert len(server.requests) >= 2


@pytest.mark.parametrize(
    "name", ["gevent_greenlets", "gevent_second_loop", "gevent_without_threads"]
)
def test_gevent(name: str, sandbox: Sandbox) -> None:
    """A client works in greenlets, or says clearly why not. It does not hang."""
    pytest.importorskip("gevent")
    # gevent's own import warns, and its threads are not what -X dev expects.
    check(name, sandbox.url, sandbox.token, ("-W", "ignore:::gevent"))


@pytest.mark.parametrize("name", ["frozen", "frozen_from_the_start", "frozen_async"])
def test_a_frozen_clock(name: str, sandbox: Sandbox) -> None:
    """No pause, batch, deadline or closing waits for a clock that freezegun has stopped."""
    check(name, sandbox.url, sandbox.token)


def test_a_zip(sandbox: Sandbox, tmp_path: Path) -> None:
    """kmoment runs from a zip."""
    package, archive = Path(kmoment.__file__).parent, tmp_path / "kmoment.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in package.rglob("*"):
            if path.is_file() and path.parent.name != "__pycache__":
                opened.write(path, path.relative_to(package.parent))
    check("from_a_zip", sandbox.url, sandbox.token, KMOMENT_TEST_ZIP=str(archive))


@pytest.mark.parametrize(
    ("options", "env"), [(("-OO",), {}), (("-I",), {}), ((), NO_EXTENSIONS)], ids=str
)
def test_other_ways_to_run(options: tuple[str, ...], env: dict[str, str], sandbox: Sandbox) -> None:
    """kmoment runs without asserts and docstrings, isolated, and without C extensions."""
    check("plain", sandbox.url, sandbox.token, options, **env)


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="CPython's subinterpreters")
def test_a_subinterpreter(sandbox: Sandbox) -> None:
    """A client works in a subinterpreter or says why not, and the process goes on."""
    check("subinterpreter", sandbox.url, sandbox.token)


def test_exit_does_not_wait_for_a_name(sandbox: Sandbox) -> None:
    """The interpreter exits while names are being looked up, with calls and batches under way."""
    assert "DeadlineExceededError" in check("slow_names", sandbox.url, sandbox.token)


@pytest.mark.parametrize("name", ["at_exit_after", "at_exit_before", "at_exit_only"])
def test_calls_at_exit(name: str, sandbox: Sandbox) -> None:
    """A call in an ``atexit`` handler works, or fails with ClientClosedError."""
    words = set(check(name, sandbox.url, sandbox.token))
    assert words <= ({"done"} if name == "at_exit_after" else {"done", "ClientClosedError"})
