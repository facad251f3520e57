"""The journal's two stores: a file and Redis do the same, whatever is done and whoever dies."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import kmoment
from helpers.redis_server import RedisServer, redis_server
from kmoment._secret import Secret
from kmoment.journal import EntryStatus, _process
from kmoment.journal._redis import RedisStore
from kmoment.journal._sqlite import SqliteStore
from kmoment.journal.entries import Ending, Store, begin, end, tell

KEYS = st.sampled_from(["1", "2", "a:b"])
WHO = st.sampled_from([0, 1])
VALUES = st.sampled_from([None, 1, "x", {"id": [1, None]}])
RUNS = count()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


class Process:
    """A writer that can be killed. To the file it is a process of the system."""

    def __init__(self, where: str, url: str, run: str) -> None:
        self._child = subprocess.Popen(["sleep", "1000"])
        pid = self._child.pid
        self.name = f"{_process._machine()}/{pid}/{_process._start_of(pid)}"
        named = {"writer": property(lambda _: self.name)}
        self.file: Store = type("File", (SqliteStore,), named)(where, run, None)
        self.redis: Any = type("Redis", (RedisStore,), named)(Secret(url), run, None)
        self.begun: dict[str, int] = {}
        """Keys whose jobs have not ended, with their fences."""

    @property
    def stores(self) -> tuple[Store, Store]:
        return self.file, self.redis

    def die(self) -> None:
        self._child.kill()
        self._child.wait()
        for lease in self.redis._leases.values():
            for key in list(lease.held):
                lease.drop(key)
        field, key = f"writer:{self.name}", self.redis._key
        self.redis._server.ask(lambda client: client.hset(key, field, 0))  # as 30 s later
        self.redis._server._client.reveal().close()


@attrs.define
class Known:
    """What must be known of a key."""

    status: EntryStatus
    by: str
    fence: int
    value: Any = None
    error: str | None = None


class Stores(RuleBasedStateMachine):
    """Two processes use both stores, and a model says what must be there."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder, self.run = Path(tempfile.mkdtemp()), f"run {next(RUNS)}"
        self.processes = [self.started(), self.started()]
        self.known: dict[str, Known] = {}

    def started(self) -> Process:
        return Process(str(self.folder / "a.journal"), self.url, self.run)

    def seen(self, key: str) -> EntryStatus | None:
        """The status of *key*, by who lives."""
        known = self.known.get(key)
        if known is None:
            return None
        alive = known.by in [process.name for process in self.processes]
        lost = known.status is EntryStatus.BEGUN and not alive
        return EntryStatus.UNKNOWN if lost else known.status

    def next_fence(self, key: str) -> int:
        return self.known[key].fence + 1 if key in self.known else 1

    def refusal(self, key: str, repeatable: bool) -> type[Exception] | None:
        status = self.seen(key)
        if status is EntryStatus.UNKNOWN:
            return None if repeatable else kmoment.EntryUnknownError
        refusals = {
            EntryStatus.OK: kmoment.AlreadyDoneError,
            EntryStatus.BEGUN: kmoment.EntryBusyError,
        }
        return None if status is None else refusals.get(status)

    @rule(who=WHO, keys=st.lists(KEYS, unique=True), repeatable=st.booleans())
    def begin(self, who: int, keys: list[str], repeatable: bool) -> None:
        process = self.processes[who]
        refused = {key: self.refusal(key, repeatable) for key in keys}
        fences = {key: self.next_fence(key) for key in keys if refused[key] is None}
        for store in process.stores:
            begun = begin(store, keys, repeatable=repeatable)
            assert begun.fences == fences
            assert {key: type(error) for key, error in begun.refused.items()} == {
                key: kind for key, kind in refused.items() if kind is not None
            }
        process.begun |= fences
        for key, fence in fences.items():
            self.known[key] = Known(EntryStatus.BEGUN, process.name, fence)

    @rule(who=WHO, key=KEYS, value=VALUES, status=st.sampled_from(list(EntryStatus)))
    def end(self, who: int, key: str, value: Any, status: EntryStatus) -> None:
        process = self.processes[who]
        if key not in process.begun or status is EntryStatus.BEGUN:
            return
        fence = process.begun.pop(key)
        ok = status is EntryStatus.OK
        ending = Ending(status, value if ok else None, None if ok else "ValueError")
        known = self.known.get(key)
        lost = known is None or (known.by, known.fence) != (process.name, fence)
        for store in process.stores:
            try:
                end(store, {key: fence}, {key: ending})
            except kmoment.EntryUnknownError:
                assert lost
            else:
                assert not lost
        if not lost:
            told = ending.status, process.name, fence, ending.value, ending.error
            self.known[key] = Known(*told)

    @rule(who=WHO, key=KEYS, value=VALUES, status=st.sampled_from(["ok", "failed", "pending"]))
    def tell(self, who: int, key: str, value: Any, status: str) -> None:
        process, ending = self.processes[who], Ending(EntryStatus(status), value)
        now, fence = self.seen(key), self.next_fence(key)
        refusals = {None: kmoment.InvalidArgumentError, EntryStatus.BEGUN: kmoment.EntryBusyError}
        for store in process.stores:
            try:
                tell(store, key, ending)
            except tuple(refusals.values()) as error:
                assert type(error) is refusals[now]
            else:
                assert now not in refusals
        if now not in refusals:
            self.known[key] = Known(ending.status, process.name, fence, value)

    @rule(who=WHO)
    def dies(self, who: int) -> None:
        """A process is killed, and another one starts."""
        self.processes[who].die()
        self.processes[who] = self.started()

    @rule()
    def all_is_lost(self) -> None:
        """The file is deleted, and Redis flushed. Whoever runs a job finds that out at its end."""
        (self.folder / "a.journal").unlink(missing_ok=True)
        redis = self.processes[0].redis
        redis._server.ask(lambda client: client.delete(redis._key))
        self.known.clear()

    @invariant()
    def both_say_what_is_known(self) -> None:
        expected = {
            key: (self.seen(key), known.by, known.fence, known.value, known.error)
            for key, known in self.known.items()
        }
        for process in self.processes:
            for store in process.stores:
                entries = {
                    it.key: (it.status, it.by, it.fence, it.value, it.error) for it in store.read()
                }
                assert entries == expected

    def teardown(self) -> None:
        for process in self.processes:
            process.die()
        shutil.rmtree(self.folder)


@pytest.mark.skipif(sys.platform == "win32", reason="has no sleep to kill")
def test_both_stores_do_the_same(redis: RedisServer) -> None:
    """After any begins, ends, words of a person and deaths, both say the same, and what is true."""
    kind: Any = type("Stores", (Stores,), {"url": redis.url})
    limits = settings(max_examples=40, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(kind, settings=limits)
