"""Processes of their own that share one Redis: what one of them learns or loses, the others see."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import kmoment
from helpers.calls import DRAFT
from helpers.redis_server import RedisServer
from kmoment.fleet import Fleet
from kmoment.sandbox import Fault, Quota, Sandbox

ACCOUNT = 1234
STORM = float(os.environ.get("FLEET_STORM", "3"))  # seconds
NIGHTLY = Path(__file__).parents[1] / "benchmarks" / "nightly.py"
BEGIN = """
import json, os, sys, time
import kmoment
from kmoment.fleet import Fleet, _link
_link.LIMIT = 5.0  # seconds: a machine that is busy has not lost its Redis
url, token, redis = sys.argv[1:4]
fleet = Fleet(redis, namespace="test")
def client(**settings):
    return kmoment.Client(token, base_url=url, fleet=fleet, **settings)
def say(what):
    print(json.dumps(what), flush=True)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


class Processes:
    """Starts programs that begin with :data:`BEGIN`."""

    def __init__(self, sandbox: Sandbox, server: RedisServer) -> None:
        self._arguments = [sandbox.url, sandbox.token, server.url]
        self._started: list[subprocess.Popen[str]] = []

    def start(self, code: str) -> "subprocess.Popen[str]":
        program = BEGIN + textwrap.dedent(code)
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, *self._arguments]
        pipe, here = subprocess.PIPE, Path(__file__).parent
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=here)
        self._started.append(process)
        return process

    def stop(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def processes(sandbox: Sandbox, server: RedisServer) -> Iterator[Processes]:
    server.ask("FLUSHALL")
    found = Processes(sandbox, server)
    yield found
    found.stop()
    sandbox.clear_faults()


def said(process: "subprocess.Popen[str]") -> Any:
    """The next line that the process prints."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def wait_for(server: RedisServer, pattern: str) -> str:
    """The first key that is like *pattern*."""
    while not (keys := server.ask("KEYS", pattern)):
        time.sleep(0.005)
    return str(keys[0])


def test_a_period_is_kept_by_three_processes(processes: Processes, sandbox: Sandbox) -> None:
    """Under a declared period of 50 ms the calls of three processes are that far apart."""
    code = """
    with client(periods={"locations.depth1": 0.05}) as moment:
        say("ready")
        sys.stdin.readline()
        for _ in range(6):
            moment.locations.depth1()
        say("done")
    """
    started = [processes.start(code) for _ in range(3)]
    for process in started:
        assert said(process) == "ready"
    before = len(sandbox.requests())
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [said(process) for process in started] == ["done"] * 3
    times = [datetime.fromisoformat(str(it["time"])) for it in sandbox.requests()[before:]]
    assert len(times) == 18
    assert all((later - first).total_seconds() > 0.049 for first, later in pairwise(times))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_holder_that_dies(
    processes: Processes, sandbox: Sandbox, server: RedisServer, how: signal.Signals
) -> None:
    """If a process dies or stands still with the turn of a declared period, the next one goes on
    after the lease."""
    sandbox.add_fault(Fault("locations.depth1", "delay", delay=30, times=1))
    holder = processes.start("""
    with client(periods={"locations.depth1": 0.05}, deadline=1, timeout=0.5) as moment:
        say("ready")
        moment.locations.depth1()
    """)
    assert said(holder) == "ready"
    wait_for(server, "*:limiter")
    holder.send_signal(how)
    sandbox.clear_faults()
    other = processes.start("""
    with client(periods={"locations.depth1": 0.05}) as moment:
        say(len(moment.locations.depth1()) > 0)
    """)
    assert said(other) is True


def test_a_holder_that_goes_on(processes: Processes, sandbox: Sandbox, server: RedisServer) -> None:
    """A process that stood still for longer than its lease reads its late answer and goes on, and
    so does the one that had the turn meanwhile."""
    sandbox.add_fault(Fault("locations.depth1", "delay", delay=0.5, times=1))
    code = """
    from kmoment.fleet import _lane
    _lane.LEASE_SECONDS = 0.3
    with client(periods={"locations.depth1": 0.05}) as moment:
        say("ready")
        for _ in range(3):
            say(len(moment.locations.depth1()) > 0)
    """
    holder = processes.start(code)
    assert said(holder) == "ready"
    wait_for(server, "*:limiter")
    holder.send_signal(signal.SIGSTOP)
    other = processes.start(code)
    assert said(other) == "ready"
    assert said(other) is True
    holder.send_signal(signal.SIGCONT)
    assert [said(other) for _ in range(2)] == [True] * 2
    assert [said(holder) for _ in range(3)] == [True] * 3


@pytest.mark.timeout(60 + 2 * STORM)
def test_storms_on_a_strict_server(server: RedisServer) -> None:
    """Four processes call in bursts. The server is slow, loses parts of answers, and accepts no
    call before its period is over: it rejects none."""
    with Sandbox(quota=False) as strict:
        strict.set_quota(Quota("locations.*", 1, 0.05, per="app"))
        # Whole answers would not do: a kept connection that ends without one is taken for dead, and
        # the request is sent again at once.
        strict.add_fault(Fault("locations.depth1", "truncate", rate=0.03))
        strict.add_fault(Fault("locations.depth1", "delay", delay=0.12, rate=0.2))
        strict.add_fault(Fault("locations.depth1", "delay", delay=0.03, rate=0.5))
        server.ask("FLUSHALL")
        processes = Processes(strict, server)
        try:
            started = [processes.start(BURSTS) for _ in range(4)]
            assert [said(process) for process in started] == ["done"] * 4
        finally:
            processes.stop()
        statuses = [entry["status"] for entry in strict.requests()]
    assert statuses.count(200) > STORM
    assert 429 not in statuses


BURSTS = f"""
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
end, chance = time.monotonic() + {STORM}, random.Random(os.getpid())
with client(periods={{"locations.depth1": 0.05}}) as moment, ThreadPoolExecutor(12) as pool:
    def call(_):
        with suppress(kmoment.APIConnectionError):  # three answers of one call were lost
            moment.locations.depth1()
    while time.monotonic() < end:
        list(pool.map(call, range(chance.randint(1, 12))))
        time.sleep(chance.uniform(0, 0.3))
say("done")
"""


def test_a_create_of_a_process_that_dies(
    processes: Processes, sandbox: Sandbox, server: RedisServer
) -> None:
    """The lock of a process that was killed in a create keeps others from the name until it ends:
    as long as a create is looked for and a little more. Then they see what it made."""
    sandbox.add_fault(Fault("audiences.create", "delay", delay=30, times=1))
    holder = processes.start(f"""
    from helpers.calls import DRAFT
    with client(reconcile_delays=(0.1,)) as moment:
        say("ready")
        moment.account({ACCOUNT}).audiences.create(DRAFT)
    """)
    assert said(holder) == "ready"
    key = wait_for(server, "*:create:*")
    holder.kill()
    sandbox.clear_faults()
    assert 0 < server.ask("PTTL", key) <= 5_100
    fleet = Fleet(server.url, namespace="test")
    with kmoment.Client(sandbox.token, base_url=sandbox.url, fleet=fleet) as moment:
        audiences = moment.account(ACCOUNT).audiences
        hasty = moment.with_options(deadline=0.3).account(ACCOUNT).audiences
        with pytest.raises(kmoment.DeadlineExceededError, match="create lock"):
            hasty.create(DRAFT)
        made = audiences.create(DRAFT)
        same = [row.id for row in audiences.list() if row.name == DRAFT.name]
        assert made.id in same
        audiences.delete_many(same)


def test_a_used_up_quota_stops_all(processes: Processes, sandbox: Sandbox) -> None:
    """One process meets a used-up quota: the other stops calling, unsent, and need not meet it."""
    other = processes.start("""
    with client() as moment:
        moment.locations.depth1()
        say("ready")
        while True:
            try:
                moment.locations.depth1()
            except kmoment.QuotaExceededError as error:
                say(error.request_sent)
                break
            time.sleep(0.02)
    """)
    assert said(other) == "ready"
    sandbox.add_fault(Fault("locations.depth2", "quota_exceeded", times=1))
    first = processes.start("""
    with client() as moment:
        try:
            moment.locations.depth2("강남구")
        except kmoment.QuotaExceededError as error:
            say(error.request_sent)
            sys.stdin.readline()
    """)
    assert said(first) is not False
    assert said(other) is False


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no fork")
def test_a_forked_process_joins_anew(processes: Processes) -> None:
    """A client that was used before a fork goes on in the child, as a member of its own."""
    found = processes.start("""
    import warnings
    moment = client()
    moment.locations.depth1()
    warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads
    child = os.fork()
    moment.locations.depth1()
    if child:
        os.waitpid(child, 0)
        say(len(fleet.status().members))
    else:
        os._exit(0)
    """)
    assert said(found) == 2


def nightly(*options: str) -> str:
    """What the benchmark of nights has printed. It fails if a promise was broken."""
    command = [sys.executable, str(NIGHTLY), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_process_of_four_is_killed_in_a_night(server: RedisServer) -> None:
    """Four processes create audiences and one is killed, after a create was sent or answered:
    each account is done or named as unknown, and none has two audiences."""
    assert nightly("--first", "1", "--nights", "2", "--accounts", "4").count("✓") == 2


def test_a_breaker_opens_in_all_processes_and_one_probes(server: RedisServer) -> None:
    """One of four processes meets a used-up quota: all stop, and later one of them tries."""
    assert nightly("--breaker").rstrip().endswith("1 probes")
