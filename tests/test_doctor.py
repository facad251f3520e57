"""The doctor: each finding, what is not found out, what it records."""

import json
import os
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import metadata, requires
from pathlib import Path
from typing import Any

import pytest
import trustme
from packaging.requirements import Requirement

import kmoment
from helpers.command import at_terminal, rows, run
from helpers.programs import free_port
from helpers.redis_server import RedisServer
from kmoment import auth
from kmoment._protocol.endpoints import ENDPOINTS
from kmoment.doctor import Check, Report, State, _network, _redis, check
from kmoment.doctor._check import within
from kmoment.doctor._offline import _EXTRAS
from kmoment.doctor._record import _body, shape
from kmoment.sandbox import Fault, Sandbox

ACCOUNT = 987654321987


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of its own, which the environment names."""
    with Sandbox(quota=False, accounts=(ACCOUNT, 1234)) as sandbox:
        monkeypatch.setenv("KMOMENT_TOKEN", sandbox.token)
        monkeypatch.setenv("KMOMENT_BASE_URL", sandbox.url)
        monkeypatch.setenv("KMOMENT_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("LC_ALL", "C.UTF-8")
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        for name in ("KMOMENT_REDIS_URL", "KMOMENT_FLEET"):
            monkeypatch.delenv(name, raising=False)
        yield sandbox


def found(report: Report, what: str) -> Check:
    """The first check of this name."""
    return next(one for one in report if one.what.split(" (")[0] == what)


def states(report: Report, *names: str) -> list[str]:
    return [found(report, name).state.value for name in names]


# -- This machine -----------------------------------------------------------------------


def test_all_is_well(world: Sandbox) -> None:
    """With a token that may do all, a server and an account, nothing fails and nothing is open."""
    report = check()
    assert report.ok
    assert {one.state for one in report} <= {State.OK, State.SKIPPED}
    assert "KMOMENT_TOKEN" in found(report, "token").why
    assert str(ACCOUNT) in found(report, "ad accounts").why
    assert len(report) == len(str(report).splitlines())
    assert "ok" in repr(report)


def test_offline_asks_nobody(world: Sandbox) -> None:
    """Without the network nothing is sent."""
    report = check(network=False)
    assert report.ok
    assert world.requests() == []
    assert not any(one.what == "name" for one in report)


def test_no_token_is_a_failure(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token: what to run, in both languages; the server is not asked."""
    monkeypatch.delenv("KMOMENT_TOKEN")
    report = check(live=True)
    (failure,) = report.failed
    assert failure.what == "token"
    assert "kmoment auth login" in failure.todo
    assert "kmoment auth login" in failure.todo_ko
    assert world.requests() == []


def profile_of(world: Sandbox, name: str = "agency") -> auth.Profile:
    made = auth.Profile(name=name, base_url=world.url, account=1234)
    auth.save_profile(made)
    return made


def test_a_profile_without_a_token_is_a_failure(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile that has no token: the store fails, with what to run."""
    profile_of(world)
    report = check("agency")
    assert "KMOMENT_TOKEN is set and not used" in found(report, "token").why
    assert found(report, "store").state is State.FAIL
    assert "auth login" in found(report, "store").todo
    assert states(report, "name", "token info") == ["skipped", "skipped"]


def test_a_stored_token_is_checked(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of a profile: where it is, its file's mode, the profile's account."""
    auth.login_with_token("agency", world.token, base_url=world.url)
    profile_of(world)
    monkeypatch.delenv("KMOMENT_TOKEN")
    monkeypatch.delenv("KMOMENT_BASE_URL")
    report = check("agency")
    assert report.ok
    assert "mode 0600" in found(report, "credentials").why
    assert "file, answers" in found(report, "store").why
    assert "1234 is used" in found(report, "ad accounts").why


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_open_files_are_told(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of tokens that others can read fails; a folder that others can write is a warning."""
    auth.login_with_token("agency", world.token, base_url=world.url)
    profile_of(world)
    file = auth.folder() / "credentials.json"
    file.chmod(0o644)
    auth.folder().chmod(0o777)
    report = check("agency", network=False)
    assert states(report, "folder", "credentials", "store") == ["warn", "fail", "fail"]
    assert "chmod 600" in found(report, "store").todo
    assert "chmod 600" in found(report, "credentials").todo_ko


def test_a_store_that_cannot_be_read_is_a_failure(world: Sandbox) -> None:
    """A damaged file of tokens is told as such, and not as a missing login."""
    auth.login_with_token("agency", world.token, base_url=world.url)
    profile_of(world)
    (auth.folder() / "credentials.json").write_text("{")
    failure = found(check("agency", network=False), "store")
    assert failure.state is State.FAIL
    assert "unlock it" in failure.todo


def test_a_proxy_that_is_not_used_is_a_warning(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's proxies are named, and their passwords are not."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128")
    report = check(network=False)
    assert found(report, "proxies").state is State.WARN
    assert "HTTPS_PROXY" in found(report, "proxies").why
    assert "hunter2" not in str(report)


def test_a_terminal_that_is_not_utf8_is_a_warning(world: Sandbox) -> None:
    """A console of cp949 is told, with what to set."""
    done = run("doctor", "--offline", encoding="cp949")
    line = next(row for row in rows(done.out) if row["what"] == "terminal")
    assert line["state"] == "warn"
    assert "PYTHONUTF8" in line["todo"]


def test_a_stream_without_an_encoding_is_no_error(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where stdout says no encoding, the doctor says so."""
    monkeypatch.setattr(sys, "stdout", None)
    report = check(network=False)
    monkeypatch.undo()
    assert found(report, "terminal").state is State.WARN


@pytest.mark.parametrize("damage", ["profiles = 1", "[profiles", None])
def test_a_damaged_file_of_profiles_is_a_failure(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, damage: str | None
) -> None:
    """A file of profiles that cannot be read fails by its path, and nothing is asked."""
    monkeypatch.delenv("KMOMENT_TOKEN")
    config = auth.folder() / "config.toml"
    (config if damage is None else auth.folder()).mkdir(parents=True)
    if damage is not None:
        config.write_text(damage)
    (failure,) = check().failed
    assert failure.what == "token"
    assert str(config) in failure.why
    assert world.requests() == []


def test_the_extras_are_those_of_the_package() -> None:
    """The doctor's table has every package of every extra, as pip installs them here."""
    wanted: dict[str, set[str]] = {}
    for requirement in map(Requirement, requires("kmoment") or ()):
        for extra in metadata("kmoment").get_all("Provides-Extra") or ():
            applies = requirement.marker and requirement.marker.evaluate({"extra": extra})
            if applies and requirement.name != "kmoment":
                name = requirement.name.removesuffix("-api")
                wanted.setdefault(extra, set()).add(name)
    assert {name: set(needs) for name, needs in _EXTRAS.items()} == wanted


# -- Redis ------------------------------------------------------------------------------

SECRET = "hunter2"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        server.ask("CONFIG", "SET", "requirepass", SECRET)
        yield server


def with_redis(monkeypatch: pytest.MonkeyPatch, url: str) -> Report:
    """The report where the environment names *url*. It never shows the password."""
    monkeypatch.setenv("KMOMENT_REDIS_URL", url)
    report = check()
    assert SECRET not in f"{report}{[one.to_row() for one in report]}"
    for name in ("Redis settings", "Redis"):
        one = found(report, name)
        assert bool(one.todo) is bool(one.todo_ko)
        assert one.todo or one.state not in ("warn", "fail")
    return report


def url_of(redis: RedisServer, password: str = SECRET) -> str:
    return f"redis://:{password}@127.0.0.1:{redis.port}/0"


def redis_client(redis: RedisServer) -> Any:
    """A client of redis-py."""
    module = pytest.importorskip("redis")
    return module.Redis(port=redis.port, password=SECRET, decode_responses=True)


@pytest.mark.parametrize("url", [None, ""])
def test_without_a_redis_nothing_is_said_of_it(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    """Where the environment names no Redis there is no check of one."""
    if url is not None:
        monkeypatch.setenv("KMOMENT_REDIS_URL", url)
    assert not any("Redis" in one.what for one in check())


def test_a_redis_that_can_be_used(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, redis: RedisServer
) -> None:
    """It answers and is new enough: ok, with its version. Offline it is not asked."""
    report = with_redis(monkeypatch, url_of(redis))
    assert states(report, "Redis settings", "Redis") == ["ok", "ok"]
    assert found(report, "Redis").why.endswith("answers, and takes writes")
    assert "namespace is default" in found(report, "Redis settings").why
    assert not any(one.what == "Redis" for one in check(network=False))


def test_a_redis_is_checked_without_a_token(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, redis: RedisServer
) -> None:
    """Redis has nothing to do with the token: it is checked where there is none."""
    monkeypatch.delenv("KMOMENT_TOKEN")
    assert states(with_redis(monkeypatch, url_of(redis)), "token", "Redis") == ["fail", "ok"]


def test_a_redis_that_is_away(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that refuses is a failure, which names no address."""
    port = free_port()
    report = with_redis(monkeypatch, f"redis://:{SECRET}@127.0.0.1:{port}/0")
    assert states(report, "Redis settings", "Redis") == ["ok", "fail"]
    assert str(port) not in str(report)


def test_a_redis_that_is_silent(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, redis: RedisServer
) -> None:
    """No answer within the time is unknown."""
    monkeypatch.setattr(_redis, "_PATIENCE", 0.2)
    with redis.silent():
        report = with_redis(monkeypatch, url_of(redis))
    assert states(report, "Redis") == ["unknown"]
    assert "no answer within 0.2 s" in found(report, "Redis").why


def test_a_redis_that_refuses_the_password(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, redis: RedisServer
) -> None:
    """A wrong password, or none, is a failure with where to correct it."""
    for url in (url_of(redis, "wrong"), f"redis://127.0.0.1:{redis.port}"):
        finding = found(with_redis(monkeypatch, url), "Redis")
        assert (finding.state, "password" in finding.why) == (State.FAIL, True)
        assert "KMOMENT_REDIS_URL" in finding.todo


def test_a_redis_that_does_not_say(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, redis: RedisServer
) -> None:
    """A user who may not ask for INFO leaves it unknown."""
    with redis_client(redis) as client:
        client.execute_command("ACL", "SETUSER", "me", "on", f">{SECRET}", "~*", "+@all", "-info")
    report = with_redis(monkeypatch, f"redis://me:{SECRET}@127.0.0.1:{redis.port}/0")
    assert states(report, "Redis") == ["unknown"]
    assert "'info'" in found(report, "Redis").why


def test_a_redis_that_may_drop_keys(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, redis: RedisServer
) -> None:
    """An eviction policy is a warning, with what to set."""
    with redis_client(redis) as client:
        for policy, state in (("volatile-lru", "warn"), ("noeviction", "ok")):
            client.config_set("maxmemory-policy", policy)
            finding = found(with_redis(monkeypatch, url_of(redis)), "Redis")
            assert finding.state == state
            assert (policy in finding.why) is (state == "warn")


def test_a_replica_that_only_reads_is_a_failure(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, redis: RedisServer
) -> None:
    """A read-only replica fails: nothing can be written."""
    options = ("--replicaof", "127.0.0.1", str(redis.port), "--masterauth", SECRET)
    with RedisServer(options=options) as replica:
        finding = found(with_redis(monkeypatch, replica.url), "Redis")
    assert (finding.state, finding.why) == (State.FAIL, "it is a read-only replica")


@pytest.mark.parametrize("version", [b"redis_version:5.0.7\r\n", b""])
def test_a_redis_that_is_too_old(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, version: bytes
) -> None:
    """A server older than 6.2, or that does not say which it is, is a failure."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=old_redis, args=(server, version), daemon=True)
        thread.start()
        url = f"redis://127.0.0.1:{server.getsockname()[1]}"
        finding = found(with_redis(monkeypatch, url), "Redis")
        thread.join()
    assert finding.state is State.FAIL
    assert ("version 5.0.7" if version else "version 0") in finding.why


def old_redis(server: socket.socket, version: bytes) -> None:
    """Answer one connection as an old Redis would, until it ends."""
    connection, _ = server.accept()
    info = version + b"role:master\r\n"
    with connection, connection.makefile("rb") as lines:
        while line := lines.readline():
            words = [lines.readline() for _ in range(2 * int(line[1:]))][1::2]
            known = words[0].strip() == b"INFO"
            answer = b"$%d\r\n%s\r\n" % (len(info), info) if known else b"+OK\r\n"
            connection.sendall(answer)


@pytest.mark.parametrize(
    ("url", "fleet", "state", "said"),
    [
        (f"http://:{SECRET}@host", "x", "fail", "KMOMENT_REDIS_URL must begin with redis://"),
        (f"redis://:{SECRET}@host:port", "x", "fail", "KMOMENT_REDIS_URL must be the URL"),
        ("redis://127.0.0.1:1", "a b", "fail", "KMOMENT_FLEET must be"),
        (f"redis://:{SECRET}@redis.invalid", "x", "warn", "no TLS"),
        (f"rediss://:{SECRET}@redis.invalid", "x", "ok", "namespace is x"),
    ],
)
def test_settings_of_redis(
    world: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    *,
    url: str,
    fleet: str,
    state: str,
    said: str,
) -> None:
    """A URL or a namespace that breaks its rule fails; one without TLS elsewhere is a warning."""
    monkeypatch.setenv("KMOMENT_FLEET", fleet)
    report = with_redis(monkeypatch, url)
    assert states(report, "Redis settings") == [state]
    assert said in found(report, "Redis settings").why
    skipped = said.startswith("KMOMENT_REDIS_URL")
    assert states(report, "Redis") == ["skipped" if skipped else "fail"]


def test_redis_is_not_installed(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment names a Redis and the extra is missing: what to install."""
    monkeypatch.setitem(sys.modules, "redis", None)
    report = with_redis(monkeypatch, f"redis://:{SECRET}@127.0.0.1/0")
    assert states(report, "Redis settings", "Redis") == ["fail", "skipped"]
    assert 'pip install "kmoment[fleet]"' in found(report, "Redis settings").todo
    assert "not installed: fleet" in found(report, "optional parts").why


# -- The server -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "what", "state"),
    [
        ("https://no-such-host.invalid", "name", "fail"),
        ("ftp://127.0.0.1", "name", "fail"),
        ("http://127.0.0.1:1", "connection", "fail"),
    ],
)
def test_a_server_that_is_not_there(world: Sandbox, url: str, what: str, state: str) -> None:
    """A wrong URL, a name that is not found, a port that refuses: told, and the rest skipped."""
    report = check(base_url=url, live=True)
    assert states(report, what) == [state]
    assert found(report, what).todo_ko
    assert states(report, "token info", "ad accounts", "audiences.list") == ["skipped"] * 3


def test_a_server_that_says_nothing_is_unknown(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer within the time is unknown, which is no failure."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        report = check(base_url=url, timeout=0.5)
    assert report.ok
    assert states(report, "name", "connection", "clock", "token info") == [
        *["ok", "ok", "unknown", "unknown"]
    ]
    assert "no answer within 0.5 s" in found(report, "clock").why


def test_a_connection_that_is_not_open_in_time_is_unknown(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer the TLS handshake is unknown, and nothing more is asked."""
    monkeypatch.setattr(_network, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        report = check(base_url=f"https://127.0.0.1:{silent.getsockname()[1]}")
    assert states(report, "connection", "clock") == ["unknown", "skipped"]


def test_a_clock_that_is_wrong_is_a_warning(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a minute from the server's time is a warning."""

    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(UTC) + timedelta(hours=9)

    monkeypatch.setattr(_network, "datetime", Late)
    assert found(check(), "clock").state is State.WARN


def test_a_dead_token_is_a_failure(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that Kakao refuses fails, with what to run; nothing else is asked with it."""
    monkeypatch.setenv("KMOMENT_TOKEN", "wrong")
    report = check(live=True)
    assert states(report, "token info", "scopes", "ad accounts") == ["fail", "skipped", "skipped"]
    assert "auth login" in found(report, "token info").todo
    assert {it["endpoint"] for it in world.requests()} == {None, "kauth.token_info"}


def test_an_address_that_is_not_allowed_is_not_a_dead_token(world: Sandbox) -> None:
    """-401 with "ip mismatched!" says to allow the address, not to log in."""
    world.allow_addresses("10.0.0.1")
    report = check()
    failure = found(report, "token info")
    assert failure.state is State.FAIL
    assert "allowed IP addresses" in failure.todo
    assert "auth login" not in failure.todo


@pytest.mark.usefixtures("impatient")
def test_what_kakao_does_not_say_is_unknown(world: Sandbox) -> None:
    """What fails for another reason than the token is unknown, and no failure."""
    for endpoint in ("accounts.pages", "kauth.token_info"):
        world.add_fault(Fault(endpoint, "status", status=500, body={"code": -1, "msg": "x"}))
    report = check()
    assert report.ok
    assert states(report, "token info", "scopes", "ad accounts") == ["unknown"] * 3


def test_an_account_that_is_not_listed_is_a_failure(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that the token does not list fails: every call of it would be refused."""
    monkeypatch.setenv("KMOMENT_ACCOUNT", "77")
    (failure,) = check().failed
    assert "77 is used, which is not among" in failure.why
    assert "accounts list" in failure.todo
    assert check(account=1234).ok
    assert run("doctor").code == 1


@pytest.mark.parametrize("account", ["abc", "0", "-5", "1.5", str(2**63), "9" * 5000])
def test_an_account_of_the_environment_that_is_no_id(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    """It fails, online and offline, with what to set; the rest is checked all the same."""
    monkeypatch.setenv("KMOMENT_ACCOUNT", account)
    for report in (check(network=False), check(live=True)):
        (failure,) = report.failed
        assert failure.what == "account"
        assert "KMOMENT_ACCOUNT must be" in failure.why
        assert not any(one.state is State.UNKNOWN for one in report)
    assert check(account=1234).ok


def test_doctor_and_the_commands_agree_on_the_account(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no account is named the check says what commands need, and that these checks take
    the first."""
    monkeypatch.delenv("KMOMENT_ACCOUNT", raising=False)
    report = check()
    assert found(report, "account").why == (
        "none is named: commands need --account ID, KMOMENT_ACCOUNT or the profile's"
    )
    assert found(report, "ad accounts").why == f"2; {ACCOUNT} is used in these checks: the first"


def test_doctor_says_who_has_chosen_the_profile(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token's line says in words why it is this profile."""
    auth.login_with_token("one", world.token, base_url=world.url)
    assert found(check("one"), "token").why.startswith("of profile 'one', which was named")
    monkeypatch.delenv("KMOMENT_TOKEN")
    assert found(check(), "token").why == "of profile 'one', the default profile"
    monkeypatch.setenv("KMOMENT_PROFILE", "one")
    assert found(check(), "token").why == "of profile 'one', which KMOMENT_PROFILE names"


def test_an_empty_account_of_the_environment_is_none(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty KMOMENT_ACCOUNT is as if it were not set: the first account is used."""
    monkeypatch.setenv("KMOMENT_ACCOUNT", "")
    assert f"{ACCOUNT} is used" in found(check(), "ad accounts").why


@pytest.mark.parametrize(
    ("scopes", "state", "todo"),
    [
        (["moment_management"], "warn", "--allow create,delete"),
        (["moment_management", "moment_create"], "warn", "--allow delete"),
        (["moment_create", "moment_delete"], "fail", "auth login --force`"),
    ],
)
def test_consents_that_are_missing(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, scopes: list[str], state: str, todo: str
) -> None:
    """Without moment_management nothing works; the others may be needed: what to run."""
    monkeypatch.setenv("KMOMENT_TOKEN", world.issue_token(scopes))
    finding = found(check(), "scopes")
    assert finding.state.value == state
    assert todo in finding.todo
    assert "moment_" in finding.why


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trusted", [True, False])
def test_tls(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trusted: bool
) -> None:
    """A certificate that is trusted is ok with its TLS version; another fails, with what to do."""
    authority, other = trustme.CA(), trustme.CA()
    file = tmp_path / "authority.pem"
    (authority if trusted else other).cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://localhost:{server.getsockname()[1]}"
        thread = threading.Thread(target=one_handshake, args=(server, context), daemon=True)
        thread.start()
        finding = found(check(base_url=url, timeout=2), "connection")
        thread.join()
    assert finding.state is (State.OK if trusted else State.FAIL)
    assert ("TLSv1" if trusted else "certificate is refused") in finding.why


def one_handshake(server: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = server.accept()
    server.close()  # what is asked next is refused at once
    with connection, suppress(OSError), context.wrap_socket(connection, server_side=True):
        pass


# -- Live -------------------------------------------------------------------------------


def test_live_grades_each_endpoint(world: Sandbox) -> None:
    """--live reads each endpoint that only reads, beside its grade, and writes nothing."""
    report = check(live=True, account=1234)
    assert report.ok
    told = found(report, "audiences.get")
    assert told.what == "audiences.get (inferred, flat: quoted)"
    assert told.why == "nested: answers, flat: no such route"
    assert "a part of a name finds it: yes" in found(report, "locations.depth2").why
    names = {one.what.split(" (")[0] for one in report}
    assert {endpoint.name for endpoint in ENDPOINTS} <= names
    for endpoint in ENDPOINTS:
        skipped = found(report, endpoint.name).state is State.SKIPPED
        assert skipped is (endpoint.method != "GET"), endpoint.name
    assert {it["method"] for it in world.requests()} <= {"GET", "HEAD"}
    assert found(report, "Retry-After of a 429").state is State.SKIPPED


def test_live_sees_the_flat_routes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server with the other reading of the routes is told as that."""
    with Sandbox(quota=False, layout="flat") as sandbox:
        monkeypatch.setenv("KMOMENT_TOKEN", sandbox.token)
        monkeypatch.setenv("KMOMENT_HOME", str(tmp_path))
        report = check(base_url=sandbox.url, live=True)
    assert found(report, "audiences.get").why == "nested: no such route, flat: answers"


def test_live_tells_an_answer_that_is_no_route_of_kakao(world: Sandbox) -> None:
    """A route that answers in other words is told by them, not called missing."""
    world.add_fault(Fault("audiences.get", "html"))
    told = found(check(live=True, account=1234), "audiences.get").why
    assert told.startswith("nested: the answer is not one of Kakao's (HTTP 200)")


def test_live_without_an_account_or_an_audience(world: Sandbox) -> None:
    """What there is nothing to ask for is skipped; a route that is not there is a warning."""
    nothing: dict[str, Any] = {"content": [], "totalElements": 0}
    world.add_fault(Fault("accounts.pages", "status", status=200, body=nothing))
    report = check(live=True)
    assert states(report, "ad accounts", "audiences.list") == ["warn", "skipped"]
    world.clear_faults()
    world.add_fault(Fault("audiences.list", "status", status=200, body={"content": []}))
    gone = {"timestamp": 1, "status": 404, "error": "Not Found", "path": "/x"}
    world.add_fault(Fault("trackers.list", "status", status=404, body=gone))
    world.add_fault(Fault("targeting.cohorts", "status", status=403, body={"code": -5, "msg": "x"}))
    report = check(live=True)
    assert states(report, "audiences.get", "trackers.list", "targeting.cohorts") == [
        *["skipped", "warn", "unknown"]
    ]


# -- Recording --------------------------------------------------------------------------


def strings(value: Any) -> Iterator[str]:
    """Every text and number of JSON, keys too."""
    if isinstance(value, dict):
        for key, it in value.items():
            yield key
            yield from strings(it)
    elif isinstance(value, list):
        for it in value:
            yield from strings(it)
    elif value is not None:
        yield str(value)


def test_a_recording_has_no_value_of_the_run(world: Sandbox, tmp_path: Path) -> None:
    """No token, id, name or address of the run is in the file; the members' names are."""
    with kmoment.Client() as client:
        audiences = client.account(ACCOUNT).audiences
        audiences.create(kmoment.AudienceDraft.display("홍길동 VIP kim@example.com 010-1234-5678"))
    file = tmp_path / "shapes.json"
    report = check(live=True, record=file)
    assert report.ok
    text = file.read_text(encoding="utf-8")
    data = json.loads(text)
    assert len(data["exchanges"]) > 20
    for secret in (world.token, world.url, "127.0.0.1", "Bearer", "홍길동", "kim@", "5678", "서울"):
        assert secret not in text
    shown = set(strings(data))
    assert str(ACCOUNT) not in text
    names = [it.name for it in audiences_of(world)]
    ids = [str(it.id) for it in audiences_of(world)]
    assert not {*names, *ids} & shown
    assert {"lastModifiedDate", "audienceStatus", "DISPLAY", "content"} <= shown
    assert {it["path"] for it in data["exchanges"]} >= {"/openapi/v4/targetings/audiences/{…}"}


def audiences_of(world: Sandbox) -> list[kmoment.AudienceSummary]:
    with kmoment.Client() as client:
        return client.account(ACCOUNT).audiences.list()


def test_a_recording_that_cannot_be_written_asks_nothing(world: Sandbox, tmp_path: Path) -> None:
    """A place that cannot be written is told before anything is asked."""
    for place in (tmp_path / "nowhere" / "shapes.json", tmp_path):
        with pytest.raises(OSError, match=re.escape(str(place))):
            check(live=True, record=place)
    assert run("doctor", "--record", str(tmp_path / "nowhere" / "shapes.json")).code != 0
    assert world.requests() == []


@pytest.mark.parametrize("more", [{"record": "shapes.json"}, {"live": True}])
def test_offline_nothing_can_be_asked_or_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    """What has no effect without the network is refused, and makes no file."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kmoment.InvalidArgumentError, match="network"):
        check(network=False, **more)
    options = [f"--{name}" if it is True else f"--{name}={it}" for name, it in more.items()]
    done = run("doctor", "--offline", *options)
    assert done.code == 2
    assert "--offline" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["1e999", "-1e999", "Infinity", "-Infinity", "NaN"])
def test_numbers_that_are_not_finite_have_a_shape(
    text: str,
) -> None:
    """An answer with a number that no float holds is recorded, and its other members too."""
    body = f'{{"content": [], "totalElements": {text}}}'.encode()
    assert _body(body) == {
        "content": {"list of": "0", "items": []},
        "totalElements": "number, not finite",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true or false"),
        (12345, "whole number, 5 to 9 digits"),
        (10**20, "whole number, more than 19 digits"),
        (-1.5, "number, 0 to 4 digits"),
        ("", "text, 0 characters"),
        ("x", "text, 1 characters"),
        ("x" * 2000, "text, more than 1024 characters"),
        ("123", "digits, 2 to 8 characters"),
        ("2024-01-02T03:04:05", "form 0000-00-00T00:00:00"),
        ("AVAILABLE", "AVAILABLE"),
        ({"name": "AVAILABLE"}, {"name": "text, 9 to 32 characters"}),
        ({"1234": 1, "kim@x": 2}, {"{key}": "whole number, 0 to 4 digits"}),
        ({f"k{'a' * n}": 1 for n in range(101)}, {"{key}": ["whole number, 0 to 4 digits"]}),
        ([1, 2, 3], {"list of": "2 to 9", "items": ["whole number, 0 to 4 digits"]}),
        ([], {"list of": "0", "items": []}),
    ],
)
def test_shapes(value: Any, shown: Any) -> None:
    """Each kind of value becomes its type and the class of its size."""
    assert shape(value) == shown


def test_an_answer_that_is_no_json_has_a_shape(world: Sandbox, tmp_path: Path) -> None:
    """A web page in place of an answer is recorded by its length alone."""
    world.add_fault(Fault("accounts.pages", "html"))
    file = tmp_path / "shapes.json"
    check(live=True, record=file)
    assert "not JSON" in file.read_text(encoding="utf-8")


# -- Time, and what nobody foresaw ------------------------------------------------------


def test_a_check_that_takes_too_long_is_unknown() -> None:
    """A check that does not end in its time is unknown, and does not hold up the next one."""
    slow = within(0.05, "keyring", lambda: time.sleep(5))  # type: ignore[arg-type,return-value]
    assert slow == Check(State.UNKNOWN, "keyring", "no answer within 0.05 s")


def test_a_check_that_breaks_is_unknown() -> None:
    """An error that nobody foresaw is unknown, and names itself."""
    broken = within(5, "x", lambda: dict[str, Check]()["y"])
    assert broken == Check(State.UNKNOWN, "x", "KeyError: 'y'")


def test_wrong_arguments_are_refused() -> None:
    """A wrong time or account is refused before anything is done."""
    with pytest.raises(kmoment.InvalidArgumentError, match="timeout"):
        check(timeout=0)
    with pytest.raises(kmoment.InvalidArgumentError, match="account"):
        check(account=-1)


# -- The command ------------------------------------------------------------------------


def test_the_command_prints_and_its_code(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """doctor is 0 if nothing fails, 1 if something does, and prints rows, JSON or lines."""
    done = run("doctor", "--json")
    assert done.code == 0
    assert {"state", "what", "why", "todo", "todo_ko"} == set(json.loads(done.out)[0])
    monkeypatch.setenv("KMOMENT_TOKEN", "wrong")
    failed = run("doctor")
    assert failed.code == 1
    assert any(row["state"] == "fail" for row in rows(failed.out))


def test_the_command_at_a_terminal(world: Sandbox, tmp_path: Path) -> None:
    """At a terminal each check is a line, with what to do below it, in Korean where it is read."""
    env = {name: os.environ[name] for name in os.environ if name.startswith(("KMOMENT", "LC"))}
    wrong = {"KMOMENT_TOKEN": "wrong", "LC_ALL": "ko_KR.UTF-8"}
    words = ["doctor", "--record", str(tmp_path / "shapes.json")]
    with at_terminal(*words, env={**env, **wrong}) as terminal:
        assert terminal.end() == 1
    assert "fail    token info" in terminal.shown
    lines = terminal.shown.partition("shapes without values")[0].splitlines()
    assert max(map(len, lines)) <= 80
    assert "calls fail at once" not in terminal.shown
    assert "        -> run `kmoment auth login" in terminal.shown
    assert "를 실행하세요" in terminal.shown
    assert "shapes without values are in" in terminal.shown
