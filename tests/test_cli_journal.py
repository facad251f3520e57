"""The command line on journals and fleets, with a real Redis."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import kmoment
from helpers.command import at_terminal, rows, run
from helpers.programs import free_port
from helpers.redis_server import RedisServer
from kmoment.sandbox import Fault, Sandbox

RUN = "2026-11-25"
PASSWORD = "hunter2"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment of the one who runs the tests."""
    for name in ("KMOMENT_REDIS_URL", "KMOMENT_FLEET", "KMOMENT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(params=["file", "redis"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty journal's place."""
    if request.param == "file":
        return str(tmp_path / "a.journal")
    server: RedisServer = request.getfixturevalue("redis")
    server.ask("FLUSHALL")
    return server.url


def fail(journal: kmoment.Journal, key: str, error: Exception) -> None:
    """A job that ends with *error*."""
    with pytest.raises(type(error)), journal.begin(key):
        raise error


def filled(where: str) -> kmoment.Journal:
    """A journal with one key of each kind but begun: "a" is done."""
    journal = kmoment.Journal(where, run=RUN, job="nightly")
    with journal.begin("a") as entry:
        entry.keep({"id": 7})
    fail(journal, "b", ValueError("x"))
    fail(journal, "c", kmoment.OutcomeUnknownError("x"))
    fail(journal, "d", ValueError("x"))
    journal.forget("d")
    return journal


# -- Journals ---------------------------------------------------------------------------


def test_a_journal_is_shown(where: str) -> None:
    """Without a run its runs; with one each key with its status, time, value and error."""
    filled(where)
    listed = run("journal", "show", where)
    assert (listed.code, rows(listed.out)) == (0, [{"run": RUN, "job": "nightly"}])
    shown = run("journal", "show", where, "--run", RUN)
    assert shown.code == 0
    found = {row["key"]: row for row in rows(shown.out)}
    assert {key: row["status"] for key, row in found.items()} == {
        "a": "ok",
        "b": "failed",
        "c": "unknown",
        "d": "pending",
    }
    assert json.loads(found["a"]["value"]) == {"id": 7}
    assert found["b"]["error"] == "ValueError"
    assert found["a"]["at"].endswith("+00:00")
    assert shown.err.splitlines()[0] == "1 ok, 1 failed, 1 unknown, 1 pending"
    assert run("journal", "show", where, "--run", RUN, "--quiet").err == ""


def test_a_journal_in_other_formats(where: str) -> None:
    """A table has the columns that a person needs; JSON has all of them."""
    filled(where)
    table = run("journal", "show", where, "--run", RUN, "--format", "table").out
    assert table.splitlines()[0].split() == ["key", "status", "at", "value", "error"]
    told = json.loads(run("journal", "show", where, "--run", RUN, "--format", "json").out)
    assert [*told[0]] == ["key", "status", "at", "value", "fence", "by", "error"]
    (listed,) = json.loads(run("journal", "show", where, "--format", "json").out)
    assert listed == {"run": RUN, "job": "nightly"}


def test_what_is_left_is_listed(where: str) -> None:
    """resume-list has each key that is not done, and its exit code is 5 while one is unknown."""
    journal = filled(where)
    with journal.begin("e"):
        left = run("journal", "resume-list", where, "--run", RUN)
    assert left.code == 5
    assert [*map(tuple, (row.values() for row in rows(left.out)))] == [
        ("b", "failed", "ValueError"),
        ("c", "unknown", "OutcomeUnknownError"),
        ("d", "pending", ""),
        ("e", "begun", ""),
    ]
    journal.resolve("c", "failed")
    keys = run("journal", "resume-list", where, "--run", RUN, "--columns", "key")
    assert (keys.code, keys.out) == (0, "key\nb\nc\nd\n")
    for key in "bcd":
        journal.resolve(key, "ok")
    done = run("journal", "resume-list", where, "--run", RUN)
    assert (done.code, done.out) == (0, "key\tstatus\terror\n")


@pytest.mark.parametrize("command", ["show", "resume-list"])
def test_the_run_may_stand_behind_the_file(where: str, command: str) -> None:
    """FILE RUN is FILE --run RUN; both at once, or none where one is needed, is 2."""
    filled(where)
    assert run("journal", command, where, RUN) == run("journal", command, where, "--run", RUN)
    both = run("journal", command, where, RUN, "--run", RUN)
    assert (both.code, both.out) == (2, "")
    assert "RUN and --run RUN" in both.err
    assert run("journal", "resume-list", where).code == 2


@pytest.mark.parametrize("command", ["show", "resume-list"])
def test_what_is_unknown_has_a_next_step(where: str, command: str) -> None:
    """While a key is unknown the note says what to look at and what to run; else it does not."""
    journal = filled(where)
    told = run("journal", command, where, RUN).err
    assert f"kmoment journal resolve {where} c done --run {RUN}" in told
    assert "not-done" in told
    journal.resolve("c", "ok")
    assert "resolve" not in run("journal", command, where, RUN).err


def test_a_key_is_resolved(where: str) -> None:
    """done makes a key ok, not-done makes it one for the next run; nothing else is changed."""
    journal = filled(where)
    before = {it.key: it.status for it in journal.entries()}
    for answer, status in (("done", "ok"), ("not-done", "failed")):
        told = run("journal", "resolve", where, "c", answer, "--run", RUN)
        assert (told.code, told.out) == (0, "")
        now = {it.key: it.status for it in journal.entries()}
        assert now == {**before, "c": status}


def test_what_cannot_be_resolved(where: str) -> None:
    """A key or a run that is not there, an answer that is none, and a dry run change nothing."""
    journal = filled(where)
    before = journal.entries()
    for words, code, said in (
        (("none", "done", "--run", RUN), 2, "none"),
        (("c", "done", "--run", "monday"), 1, "no run 'monday'"),
        (("c", "maybe", "--run", RUN), 2, "not-done"),
        (("c", "done"), 2, "--run"),
        (("c", "c", "done", "--run", RUN), 2, "one FILE"),
        (("c", "done", "--run", RUN, "--dry-run"), 2, "no dry run"),
    ):
        told = run("journal", "resolve", where, *words)
        assert (told.code, told.out) == (code, "")
        assert said in told.err
    assert journal.entries() == before


def test_a_key_of_the_environments_redis_is_resolved(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file it is the Redis of KMOMENT_REDIS_URL, whose URL may hold a password."""
    redis.ask("FLUSHALL")
    journal = filled(redis.url)
    monkeypatch.setenv("KMOMENT_REDIS_URL", redis.url)
    assert f"journal resolve c done --run {RUN}" in run("journal", "resume-list", "--run", RUN).err
    assert run("journal", "resolve", "c", "done", "--run", RUN).code == 0
    assert journal.summary()["ok"] == 2  # type: ignore[index]
    assert run("journal", "forget", "c", "--run", RUN, "--yes").code == 0
    assert journal.summary()["ok"] == 1  # type: ignore[index]


@pytest.mark.parametrize("key", ["a", "b", "c"])
def test_a_key_is_forgotten(where: str, key: str) -> None:
    """Whatever a key was, it is pending again, and what it was is told; nothing else is changed."""
    journal = filled(where)
    before = {it.key: it.status for it in journal.entries()}
    told = run("journal", "forget", where, key, "--run", RUN, "--yes")
    assert (told.code, told.out) == (0, "")
    plan, done = told.err.splitlines()
    assert plan.startswith(f"forget {key} of {RUN}, which is {before[key]} since 20")
    assert done == f"{key} is forgotten: the next run does it"
    assert {it.key: it.status for it in journal.entries()} == {**before, key: "pending"}


def test_what_is_not_forgotten(where: str) -> None:
    """A key or a run that is not there, a key that is being done, nobody to ask, and a dry run
    change nothing, and each is told in one line."""
    journal = filled(where)
    with journal.begin("e"):
        before = journal.entries()
        for words, code, said in (
            (("none", "--run", RUN, "--yes"), 2, "the journal has no key 'none'"),
            (("c", "--run", "monday", "--yes"), 1, "no run 'monday'"),
            (("e", "--run", RUN, "--yes"), 1, "under way"),
            (("c", "--run", RUN), 2, "no terminal to ask on"),
            (("c",), 2, "--run"),
            (("c", "c", "--run", RUN, "--yes"), 2, "one FILE|URL and one KEY"),
        ):
            told = run("journal", "forget", where, *words)
            assert (told.code, told.out) == (code, "")
            assert said in told.err
        shown = run("journal", "forget", where, "a", "--run", RUN, "--dry-run")
        assert (shown.code, shown.err) == (0, "dry run: nothing was forgotten\n")
        assert shown.out.startswith(f"forget a of {RUN}, which is ok since 20")
        assert journal.entries() == before


@pytest.mark.parametrize(("answer", "code", "status"), [("n", 1, "ok"), ("y", 0, "pending")])
def test_forgetting_is_asked_about(tmp_path: Path, answer: str, code: int, status: str) -> None:
    """At a terminal the key is shown and it is asked; only a yes forgets it."""
    journal = filled(str(tmp_path / "a.journal"))
    words = ("journal", "forget", str(tmp_path / "a.journal"), "a", "--run", RUN)
    with at_terminal(*words, env={}) as terminal:
        assert "which is ok" in terminal.until("Do it?")
        terminal.type(f"{answer}\n")
        assert terminal.end() == code
    assert ("nothing was forgotten" in terminal.shown) is (answer == "n")
    assert {it.key: it.status for it in journal.entries()}["a"] == status


def test_a_process_that_has_died(where: str) -> None:
    """A key that a dead process has begun is unknown."""
    code = f"import kmoment; kmoment.Journal({where!r}, run={RUN!r}).begin('x').__enter__()"
    subprocess.run([sys.executable, "-c", code], check=True)
    left = run("journal", "resume-list", where, "--run", RUN)
    status = rows(left.out)[0]["status"]
    # In Redis it counts as alive for 30 seconds more.
    assert (left.code, status) == ((0, "begun") if "://" in where else (5, "unknown"))


@pytest.mark.parametrize("command", ["show", "resume-list"])
def test_a_run_that_is_not_there(where: str, command: str) -> None:
    """A run that the journal does not have is exit code 1, with those that it has."""
    filled(where)
    done = run("journal", command, where, "--run", "monday")
    assert (done.code, done.out) == (1, "")
    assert f"no run 'monday'; it has {RUN}" in done.err


def test_no_such_journal(tmp_path: Path) -> None:
    """A file that is not there or is none is exit code 1, and no file is made."""
    other = tmp_path / "other.txt"
    other.write_text("hello, this is no journal")
    for place, said in ((tmp_path / "none", "no such file"), (other, "not a database")):
        for words in (("show",), ("show", "--run", RUN), ("resume-list", "--run", RUN)):
            done = run("journal", *words, str(place))
            assert (done.code, done.out) == (1, "")
            assert said in done.err
    assert not (tmp_path / "none").exists()


def test_a_redis_without_runs(redis: RedisServer) -> None:
    """A Redis without a journal has no runs, which is no error."""
    redis.ask("FLUSHALL")
    done = run("journal", "show", redis.url)
    assert (done.code, done.out) == (0, "run\tjob\n")
    assert run("journal", "show", redis.url, "--run", RUN).code == 1


def test_an_empty_run(tmp_path: Path) -> None:
    """A run that has no entry yet says so."""
    journal = kmoment.Journal(tmp_path / "a.journal", run=RUN)
    with pytest.raises(kmoment.InvalidArgumentError):
        journal.forget("x")  # there is no such key, but now there is the run
    done = run("journal", "show", str(tmp_path / "a.journal"), "--run", RUN)
    assert (done.code, done.err) == (0, "no entries\n")


def test_the_environment_names_the_journal(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an argument it is the Redis of KMOMENT_REDIS_URL; without either, exit code 2."""
    missing = run("journal", "show")
    assert missing.code == 2
    assert "FILE|URL is missing: give it, or set KMOMENT_REDIS_URL" in missing.err
    redis.ask("FLUSHALL")
    filled(redis.url)
    monkeypatch.setenv("KMOMENT_REDIS_URL", redis.url)
    assert rows(run("journal", "show").out) == [{"run": RUN, "job": "nightly"}]


# -- A Redis that is away, and secrets ----------------------------------------------------

COMMANDS = (
    ("journal", "show"),
    ("journal", "resume-list", "--run", RUN),
    ("fleet", "status"),
)


@pytest.mark.parametrize("words", COMMANDS)
def test_redis_away(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that is away is exit code 1, and its password is not shown, by a traceback either."""
    url = f"redis://me:{PASSWORD}@127.0.0.1:{free_port()}/0"
    monkeypatch.setenv("KMOMENT_REDIS_URL", url)
    for debug in ("", "1"):
        monkeypatch.setenv("KMOMENT_DEBUG", debug)
        done = run(*words)
        assert done.code == 1
        assert "ConnectionError" in done.err
        assert PASSWORD not in done.out + done.err


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize(
    "url",
    [
        f"redis://me:{PASSWORD}@127.0.0.1/0",
        f"rediss://:{PASSWORD}@127.0.0.1/0",
        f"redis://:{PASSWORD}/#x@127.0.0.1/0",
        f"redis://{PASSWORD}@127.0.0.1/0",
        f"redis:{PASSWORD}@127.0.0.1/0",
        f"unix:///run/redis?password={PASSWORD}",
    ],
)
def test_no_password_on_the_command_line(words: tuple[str, ...], url: str) -> None:
    """A URL with a password is refused in one line that does not show it, with what to do."""
    done = run(*words, url)
    assert (done.code, done.out) == (2, "")
    said, hint = done.err.splitlines()
    assert said.endswith("must be a URL without user and password")
    assert "set KMOMENT_REDIS_URL" in hint
    assert PASSWORD not in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("fleet", "{}"),
        ("fleet", "status", "redis://127.0.0.1", "{}"),
        ("{}",),
        ("--account", "{}"),
        ("journal", "show", "--format", "{}"),
    ],
)
@pytest.mark.parametrize("debug", ["", "1"])
def test_no_error_repeats_a_password(
    words: tuple[str, ...], debug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL at a wrong place is told without its password."""
    monkeypatch.setenv("KMOMENT_DEBUG", debug)
    done = run(*(word.format(f"redis://me:{PASSWORD}@host/0") for word in words))
    assert done.code == 2
    assert "redis://me:…@host/0" in done.err
    assert PASSWORD not in done.err


@pytest.mark.parametrize(
    "words", [("resolve", "{}", "done"), ("forget", "{}", "--yes")], ids=["resolve", "forget"]
)
def test_a_key_that_is_a_url(words: tuple[str, ...], tmp_path: Path) -> None:
    """A URL that stands in place of a key is told without its password."""
    filled(str(tmp_path / "a"))
    command, *rest = (word.format(f"redis://me:{PASSWORD}@host/0") for word in words)
    done = run("journal", command, str(tmp_path / "a"), *rest, "--run", RUN)
    assert done.code == 2
    assert "redis://me:…@host/0" in done.err
    assert PASSWORD not in done.err


@pytest.mark.parametrize("words", COMMANDS)
def test_without_the_extra(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where redis is not installed: exit code 2, and what to install."""
    monkeypatch.setitem(sys.modules, "redis", None)
    done = run(*words, "redis://127.0.0.1/0")
    assert (done.code, done.out) == (2, "")
    assert done.err == 'error: Redis needs more: pip install "kmoment[fleet]"\n'


def test_a_file_needs_no_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A journal in a file is shown without redis."""
    filled(str(tmp_path / "a"))
    monkeypatch.setitem(sys.modules, "redis", None)
    assert run("journal", "show", str(tmp_path / "a")).code == 0


@pytest.mark.parametrize("words", COMMANDS)
def test_a_url_of_something_else(words: tuple[str, ...]) -> None:
    """A URL that is no Redis's is exit code 2."""
    done = run(*words, "https://example.com")
    assert (done.code, done.out) == (2, "")
    assert "redis://" in done.err


# -- Fleets -----------------------------------------------------------------------------


def test_a_fleet_is_shown(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its namespace and Redis, then members, limits and breakers."""
    redis.ask("FLUSHALL")
    monkeypatch.setenv("KMOMENT_FLEET", "nightly")
    fleet = kmoment.fleet.Fleet(redis.url)
    periods = {"locations.depth1": 0.5}
    with (
        Sandbox(quota=False) as world,
        kmoment.Client(world.token, base_url=world.url, fleet=fleet, periods=periods) as moment,
    ):
        moment.locations.depth1()
        world.add_fault(Fault("locations.depth2", "quota_exceeded", times=1))
        with pytest.raises(kmoment.QuotaExceededError):
            moment.locations.depth2("강남구")
        while not fleet.status().breakers:  # it is told in the background
            time.sleep(0.01)
        done = run("fleet", "status", redis.url)
    assert done.code == 0
    head, member, limit, breaker = rows(done.out)
    assert (head["what"], head["name"]) == ("fleet", "nightly")
    assert head["state"].startswith("Redis ")
    assert (member["what"], member["name"].split("-")[0]) == ("member", str(os.getpid()))
    assert (limit["what"], limit["name"], limit["rate"]) == ("limit", "locations.depth1", "2.0")
    assert (breaker["what"], breaker["name"]) == ("breaker", "quota")
    assert float(breaker["seconds"]) > 0


def test_an_empty_fleet(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet without members has one row; the environment names its Redis."""
    redis.ask("FLUSHALL")
    monkeypatch.setenv("KMOMENT_REDIS_URL", redis.url)
    (row,) = json.loads(run("fleet", "status", "--format", "json").out)
    assert (row["what"], row["name"], row["rate"]) == ("fleet", "default", None)


def test_a_fleet_whose_redis_is_away_still_has_a_row() -> None:
    """The row says so too, for a program that reads it."""
    done = run("fleet", "status", f"redis://127.0.0.1:{free_port()}", "--format", "json")
    assert done.code == 1
    assert json.loads(done.out)[0]["state"] == "Redis is away"
    assert done.err == "error: Redis does not answer (ConnectionError)\n"


def test_a_wrong_namespace(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace that breaks its rule is named, with exit code 2."""
    monkeypatch.setenv("KMOMENT_FLEET", "a b")
    done = run("fleet", "status", redis.url)
    assert done.code == 2
    assert "KMOMENT_FLEET must be" in done.err


def test_help_needs_no_redis() -> None:
    """The help of these commands imports neither redis nor the client."""
    code = "import sys; from kmoment.cli import main; assert main(['journal', 'show', '-h']) == 0;"
    code += "assert main(['fleet', 'status', '-h']) == 0;"
    code += "assert not {'redis', 'aiohttp', 'kmoment.journal', 'kmoment.fleet'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# -- Ensure with a journal ----------------------------------------------------------------


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox with two accounts, which the environment names."""
    with Sandbox(quota=False, accounts=(1234, 1235)) as sandbox:
        monkeypatch.setenv("KMOMENT_TOKEN", sandbox.token)
        monkeypatch.setenv("KMOMENT_BASE_URL", sandbox.url)
        monkeypatch.setenv("KMOMENT_HOME", str(tmp_path))
        yield sandbox


@pytest.fixture
def sheet(tmp_path: Path) -> str:
    """Three audiences, two of them of one name in two accounts."""
    file = tmp_path / "sheet.csv"
    file.write_text(
        "account,name,type\n1234,one,DISPLAY\n1235,one,DISPLAY\n1234,two,MESSAGE\n",
        encoding="utf-8",
    )
    return str(file)


def changes(out: str) -> list[tuple[str, str]]:
    return [(row["change"], row["differences"]) for row in rows(out)]


def test_ensure_goes_on_where_it_was(world: Sandbox, where: str, sheet: str) -> None:
    """What a run has done is not looked at again; what has failed is done by the next one."""
    words = ("audiences", "ensure", sheet, "--yes", "--journal", where, "--run", RUN)
    body = {"code": -2}
    world.add_fault(Fault("audiences.create", "status", status=400, body=body, nth=(3,)))
    first = run(*words)
    assert first.code == 3
    assert [change for change, _ in changes(first.out)] == ["created", "created", "failed"]
    left = rows(run("journal", "resume-list", where, "--run", RUN).out)
    assert [(row["key"], row["status"]) for row in left] == [("1235 DISPLAY one", "failed")]
    world.clear_faults()
    planned = run("audiences", "ensure", sheet, "--dry-run", *words[4:])
    told = "as the journal has it"
    assert changes(planned.out) == [("created", told), ("created", told), ("created", "")]
    second = run(*words)
    assert (second.code, changes(second.out)) == (0, changes(planned.out))
    before = len(world.requests())
    assert run(*words).code == 0
    asked = {it["endpoint"] for it in world.requests()[before:]}
    assert not any(str(it).startswith("audiences.") for it in asked)
    creates = [it for it in world.requests() if it["endpoint"] == "audiences.create"]
    assert len(creates) == 4


def test_ensure_without_anything_left(world: Sandbox, tmp_path: Path, sheet: str) -> None:
    """At a terminal nothing is asked if the journal says that all is done."""
    record = ("--journal", str(tmp_path / "a.journal"), "--run", RUN)
    assert run("audiences", "ensure", sheet, "--yes", *record).code == 0
    with at_terminal("audiences", "ensure", sheet, *record, env={}) as terminal:
        assert terminal.end() == 0
    assert "nothing to change" in terminal.shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--journal", "a.journal"), "--journal needs --run"),
        (("--run", RUN), "--journal is missing: give it, or set KMOMENT_REDIS_URL"),
        (("--run", " ", "--journal", "a.journal"), "run must be text that is not empty"),
        (("--run", RUN, "--journal", f"redis://:{PASSWORD}@h"), "without user and password"),
    ],
)
def test_options_of_the_journal(
    world: Sandbox, sheet: str, options: tuple[str, ...], said: str
) -> None:
    """A journal needs a place and a run; a wrong one is exit code 2, and nothing is sent."""
    done = run("audiences", "ensure", sheet, "--yes", *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert PASSWORD not in done.err
    assert world.requests() == []
