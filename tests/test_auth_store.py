"""Profiles and tokens are kept privately, found by the rules, and refused where they are unsafe."""

import asyncio
import json
import os
import pickle
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import keyring
import keyring.backends.fail
import pytest

import kmoment
from helpers.logins import Browser, Keyring, login
from kmoment import auth
from kmoment._secret import Secret
from kmoment._validate import shown
from kmoment.auth import _folder, _keyring
from kmoment.auth._credentials import Credential
from kmoment.auth._files import FileStore
from kmoment.auth._keyring import KeyringStore
from kmoment.auth._store import keep, probe
from kmoment.sandbox import Sandbox
from test_client import with_locals

KAKAO = "https://apis.moment.kakao.com"
pytestmark = pytest.mark.usefixtures("home")
needs_modes = pytest.mark.skipif(os.name != "posix", reason="permission bits")


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyring]:
    """A keyring of this test alone, with little patience."""
    before, made = keyring.get_keyring(), Keyring()
    keyring.set_keyring(made)
    monkeypatch.setattr(_keyring, "SECONDS", 0.3)
    yield made
    made.released.set()
    keyring.set_keyring(before)


def save(name: str, token: str | None = None, **members: Any) -> auth.Profile:
    """A profile, with a token if one is given."""
    made = auth.Profile(name=name, **members)
    auth.save_profile(made)
    if token is not None:
        FileStore().write(name, Credential(Secret(token), made.base_url))
    return made


# -- Profiles ---------------------------------------------------------------------------


def test_profiles_come_back_as_they_were_saved(home: Path) -> None:
    """Each member is kept; comments and what we do not know stay in the file."""
    first = save("agency", client_id="key", account=1234, accounts=[1234], store="keyring")
    config = home / "config.toml"
    config.write_text(f"# mine\nelse = 1\n{config.read_text()}\n[profiles.agency.more]\na = 1\n")
    second = save("광고주", redirect_uris=["http://localhost:8000/"], kauth_url="https://x.example")
    assert auth.profiles() == (first, second)
    assert auth.profile("광고주") == second
    save("agency")
    assert auth.profile("agency") == auth.Profile(name="agency")
    text = config.read_text(encoding="utf-8")
    assert text.startswith("# mine\nelse = 1\n")
    assert "[profiles.agency.more]" in text
    assert "client_id" not in text


def test_the_first_profile_is_the_default() -> None:
    """Until another is chosen, which has to exist."""
    assert auth.default_profile() is None
    save("one")
    save("two")
    assert auth.default_profile() == "one"
    auth.set_default("two")
    assert auth.default_profile() == "two"
    with pytest.raises(auth.ProfileNotFoundError):
        auth.set_default("three")


def test_a_profile_that_is_not_there_has_near_names() -> None:
    """The error names those that are written alike."""
    save("agency-a")
    save("other")
    with pytest.raises(auth.ProfileNotFoundError, match="near names: agency-a") as caught:
        auth.profile("Agency")
    assert caught.value.near == ("agency-a",)
    with pytest.raises(auth.ProfileNotFoundError, match=r"there is no profile 'zzz'$"):
        auth.profile("zzz")


@pytest.mark.parametrize(
    "text", ["[profiles", "[profiles]\nx = 1", "[profiles.x]\nstore = 'cloud'", "\udcff"]
)
def test_a_damaged_file_of_profiles_is_not_written_over(home: Path, text: str) -> None:
    """Each use names the file and what is wrong, and it stays as it is."""
    home.mkdir()
    path = home / "config.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    for use in (auth.profiles, lambda: save("new")):
        with pytest.raises(kmoment.InvalidArgumentError, match=r"config\.toml"):
            use()
    assert path.read_bytes() == text.encode(errors="surrogateescape")


OF_A_WRONG_KIND: dict[str, tuple[Any, ...]] = {
    "client_id": (1, True, [], ["a"], {}),
    "redirect_uris": (1, True, "http://localhost:1/", {}, [1], [[]]),
    "scopes": (1, True, "moment_management", {}, [1], [[]]),
    "accounts": (1, True, "1", {}, [True], ["x"], [[]]),
    "account": (True, 1.5, "x", [], {}),
    "store": (1, True, [], {}, "disk"),
    "base_url": (1, True, [], {}, "x"),
    "kauth_url": (1, True, [], {}, "x"),
}
"""For each member of a profile values that TOML can say and that are of a wrong kind."""


def test_each_member_has_values_of_a_wrong_kind() -> None:
    """The table above forgets no member."""
    assert {"name", *OF_A_WRONG_KIND} == set(attrs.fields_dict(auth.Profile))


def wrong_files() -> Iterator[tuple[str, str, Any]]:
    """Files with one value of a wrong kind, its key, and the value."""
    wrong: dict[str, tuple[Any, ...]] = {
        "profiles": (1, True, "x", [], [1]),
        "default": (1, True, 1.5, [], {}),
        "profiles.agency": (1, True, "x", []),
        **{f"profiles.agency.{key}": values for key, values in OF_A_WRONG_KIND.items()},
    }
    for key, values in wrong.items():
        yield from ((f"{key} = {json.dumps(value)}", key, value) for value in values)


@pytest.mark.parametrize(("text", "key", "value"), [*wrong_files()])
def test_a_value_of_a_wrong_kind_in_the_file(home: Path, text: str, key: str, value: Any) -> None:
    """Each use is one error, which names the file, the key, the value and the rule."""
    home.mkdir()
    (home / "config.toml").write_text(text)
    uses = (auth.profiles, auth.choose, lambda: auth.profile("agency"), lambda: save("new"))
    for use in uses:
        with pytest.raises(kmoment.InvalidArgumentError) as caught:
            use()
        told = str(caught.value)
        assert str(home / "config.toml") in told
        assert re.search(rf"{re.escape(key)}(\[0\])? must be", told), told
        items = value if isinstance(value, list) else ()
        assert told.endswith(tuple(f"not {shown(it)}" for it in (value, *items))), told
    assert (home / "config.toml").read_text() == text


def test_where_the_api_is_decides_where_the_login_is() -> None:
    """Kakao's hosts belong together; everything of a sandbox is at its address."""
    kakao = auth.Profile(name="x")
    assert (kakao.kauth_url, kakao.kapi_url) == (
        "https://kauth.kakao.com",
        "https://kapi.kakao.com",
    )
    local = auth.Profile(name="x", base_url="http://localhost:8080/")
    assert local.base_url == local.kauth_url == local.kapi_url == "http://localhost:8080"


def test_the_folder_without_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is the platform's place for settings; ``~`` is the home folder."""
    monkeypatch.delenv("KMOMENT_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert auth.folder().name == "kmoment"
    monkeypatch.setenv("KMOMENT_HOME", "~/x")
    assert auth.folder() == Path.home() / "x"


@pytest.mark.parametrize(
    ("package", "code"),
    [
        ("platformdirs", "auth.folder()"),
        ("tomlkit", "auth.save_profile(auth.Profile(name='x'))"),
        ("filelock", "auth.save_profile(auth.Profile(name='x'))"),
    ],
)
def test_a_missing_package(
    package: str, code: str, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """The error says which extra has it."""
    if package == "platformdirs":
        monkeypatch.delenv("KMOMENT_HOME")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=rf"{package}.*kmoment\[auth\]"):
        eval(code, {"auth": auth})
    assert not (home / "config.toml").exists()


def test_keyring_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is an error of the store, which says what to install."""
    save("agency", store="keyring")
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(auth.CredentialStoreError, match=r"kmoment\[keyring\]"):
        auth.stored("agency")()
    with pytest.raises(auth.CredentialStoreError, match="keyring"):
        auth.try_store("keyring")
    auth.try_store("file")
    assert auth.status("agency").state == "unreadable"


def test_reading_needs_no_extra(place: Sandbox) -> None:
    """With ``KMOMENT_HOME`` a container can use stored tokens with kmoment alone."""
    save("ci", place.token, base_url=place.url)
    code = f"""
import sys
for name in ("platformdirs", "tomlkit", "filelock", "keyring"):
    sys.modules[name] = None
import kmoment
client = kmoment.Client(kmoment.auth.stored("ci"), base_url={place.url!r})
print(len(client.accounts.list()))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "2\n"


# -- The file of tokens -----------------------------------------------------------------


@needs_modes
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_private_from_birth(home: Path, umask: int) -> None:
    """Whatever the umask, files have 0600 and the folder 0700."""
    before = os.umask(umask)
    try:
        save("agency", "token")
    finally:
        os.umask(before)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for path in home.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


@needs_modes
def test_an_open_file_does_not_make_the_new_one_readable(home: Path) -> None:
    """A file that was open to others is refused, and its owner is told the mode."""
    save("agency", "token")
    path = home / "credentials.json"
    path.chmod(0o640)
    for use in (
        auth.stored("agency"),
        lambda: save("agency", "new"),
        lambda: auth.logout("agency"),
    ):
        with pytest.raises(auth.CredentialPermissionsError, match="0640") as caught:
            use()
    assert (caught.value.path, caught.value.mode) == (path, 0o640)
    assert auth.status("agency", ask=False).state == "unreadable"
    assert pickle.loads(pickle.dumps(caught.value)).mode == 0o640
    path.chmod(0o600)
    assert auth.stored("agency")() == "token"


@needs_modes
def test_a_file_of_another_user(home: Path) -> None:
    """It is refused: they could have put their token there."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    save("agency", "token")
    os.chown(home / "credentials.json", 65534, 65534)
    with pytest.raises(auth.CredentialPermissionsError):
        auth.stored("agency")()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"profiles": [1]}', "[" * 5000, "\x00"])
def test_a_damaged_file_of_tokens(home: Path, text: str) -> None:
    """It is told by its path, is not written over, and its text is in no error."""
    home.mkdir()
    path = home / "credentials.json"
    path.write_text("canary" + text if text == "{" else text)
    path.chmod(0o600)
    save("agency")
    for use in (lambda: auth.stored("agency")(), lambda: save("agency", "new")):
        with pytest.raises(auth.CredentialStoreError, match=r"is damaged.*credentials") as caught:
            use()
        told = with_locals(caught.value)
        assert "canary" + "{" not in told
    assert path.read_text().endswith(text)


@pytest.mark.parametrize("row", [1, {"token": 1, "base_url": "x"}, {"token": "x"}])
def test_a_damaged_entry(home: Path, row: Any) -> None:
    """An entry that is none of ours is told as damage, not as a missing login."""
    save("agency", "token")
    path = home / "credentials.json"
    path.write_text(json.dumps({"profiles": {"agency": row}}))
    with pytest.raises(auth.CredentialStoreError, match="is damaged"):
        auth.stored("agency")()


@contextmanager
def full_disk() -> Iterator[None]:
    """Files of this process may have 20 bytes: the next one is written in part."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_is_full(home: Path) -> None:
    """The old file stays as it was, no part is left behind, and the token is in no error."""
    save("agency", "old")
    hidden = Secret("can" + "ary")
    with pytest.raises(auth.CredentialStoreError, match="too large") as caught, full_disk():
        FileStore().write("agency", Credential(hidden, KAKAO))
    told = with_locals(caught.value)
    assert hidden.reveal() not in told
    assert auth.stored("agency")() == "old"
    names = {path.name for path in home.iterdir()}
    assert names == {"config.toml", "credentials.json", ".config.lock", ".credentials.lock"}


def test_the_part_of_a_killed_writer_goes(home: Path) -> None:
    """A half-written file of tokens that a killed process has left is deleted at the next write."""
    save("agency", "old")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    # The second: in a container a number is soon used again.
    for writer in (f"{dead.pid}-1", f"{os.getpid()}-{threading.get_ident()}"):
        (home / f"credentials.json.{writer}.part").write_text("half a token")
    save("agency", "new")
    assert not list(home.glob("*.part"))
    assert auth.stored("agency")() == "new"


def test_a_folder_that_cannot_be_made(home: Path) -> None:
    """A file in the place of the folder is told by its path."""
    home.write_text("x")
    with pytest.raises(auth.CredentialStoreError, match="home"):
        save("agency")


def test_a_folder_that_cannot_be_written(home: Path) -> None:
    """A folder without the right to write is told, and nothing changes."""
    if os.name != "posix" or os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root")
    save("agency", "old")
    home.chmod(0o500)
    try:
        with pytest.raises(auth.CredentialStoreError, match="ermission"):
            FileStore().write("agency", Credential(Secret("new"), KAKAO))
    finally:
        home.chmod(0o700)
    assert auth.stored("agency")() == "old"


def test_a_lock_that_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who holds it for too long is told; nothing is written without it."""
    monkeypatch.setattr(_folder, "LOCK_SECONDS", 0.2)
    save("agency", "old")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with _folder.locked("credentials"):
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(10)
        with pytest.raises(auth.CredentialStoreError, match="is in use"):
            FileStore().write("agency", Credential(Secret("new"), KAKAO))
    finally:
        done.set()
        thread.join()
    assert auth.stored("agency")() == "old"


def test_many_writers_lose_no_token() -> None:
    """Tokens that are written at the same time are all there afterwards."""
    names = [f"p{number}" for number in range(12)]
    threads = [
        threading.Thread(target=FileStore().write, args=(name, Credential(Secret(name), KAKAO)))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [FileStore().read(name) for name in names]
    assert [it and it.token.reveal() for it in found] == names


# -- Keyrings ---------------------------------------------------------------------------


def test_a_token_in_the_keyring(place: Sandbox, ring: Keyring, home: Path) -> None:
    """It is there and not in the file; the entry is found by ``kmoment`` and the profile."""
    done = login(place, store="keyring")
    assert done.profile.store == "keyring"
    assert list(ring.kept) == [("kmoment", "agency")]
    assert auth.stored("agency")() == done.token.reveal()
    assert not (home / "credentials.json").exists()
    status = auth.status("agency")
    assert (status.state, status.path, status.mode) == ("ok", None, None)
    assert auth.logout("agency")
    assert not auth.logout("agency")
    assert not ring.kept


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        ("silent", "did not answer within 0.3 s"),
        ("refuses", "KeyringLocked: locked"),
        ("forgets", "forgets what it is given"),
    ],
)
def test_a_keyring_that_does_not_work(
    place: Sandbox, ring: Keyring, home: Path, mood: str, reason: str
) -> None:
    """That is found before the consent; the file is not tried in its place."""
    ring.mood = mood
    browser = Browser()
    with pytest.raises(auth.CredentialStoreError, match=reason) as caught:
        login(place, store="keyring", open_browser=browser)
    assert caught.value.store == "keyring"
    assert not browser.addresses
    assert not (home / "credentials.json").exists()


@pytest.mark.parametrize("mood", ["silent", "refuses", "forgets"])
def test_a_keyring_that_fails_after_the_consent(place: Sandbox, ring: Keyring, mood: str) -> None:
    """The token goes to a file of its own, and is in no message."""

    def break_it(_: str) -> None:
        ring.mood = mood

    said: list[str] = []
    done = login(place, store="keyring", open_browser=Browser(break_it), show=said.append)
    assert not done.saved
    assert done.rescued is not None
    assert done.token.reveal() in done.rescued.read_text()
    assert done.token.reveal() not in f"{done} {said}"


def test_a_keyring_with_a_foreign_entry(ring: Keyring) -> None:
    """An entry that is not ours is told, and left alone."""
    save("agency", store="keyring")
    for odd in ("token", "[]", "[" * 5000):
        ring.kept["kmoment", "agency"] = odd
        with pytest.raises(auth.CredentialStoreError, match="not ours"):
            auth.stored("agency")()
    ring.mood = "refuses"
    status = auth.status("agency")
    assert status.state == "unreadable"
    assert "KeyringLocked" in str(status.error)


def test_no_keyring_on_this_machine() -> None:
    """keyring's own backend for that is refused with its words."""
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(auth.CredentialStoreError, match="NoKeyringError"):
            probe(KeyringStore())
    finally:
        keyring.set_keyring(before)


def test_a_refusal_of_the_keyring_hides_the_token(ring: Keyring) -> None:
    """A keyring may repeat what it was given: neither message nor traceback does."""
    ring.mood = "refuses"
    hidden = Secret("can" + "ary")
    with pytest.raises(auth.CredentialStoreError) as caught:
        KeyringStore().write("agency", Credential(hidden, KAKAO))
    assert "***" in str(caught.value)
    told = with_locals(caught.value)
    assert hidden.reveal() not in told


def test_a_login_may_change_the_store(place: Sandbox, ring: Keyring) -> None:
    """A token that is alive moves, a new one leaves no old one behind."""
    first = login(place)
    moved = login(place, store="keyring")
    assert not moved.issued
    assert auth.stored("agency")() == first.token.reveal()
    assert FileStore().read("agency") is None
    assert login(place, store="file", force=True).issued
    assert not ring.kept
    assert auth.login_with_token("agency", place.token, store="keyring").profile.store == "keyring"
    assert FileStore().read("agency") is None


def test_what_was_kept_is_read_back(ring: Keyring) -> None:
    """A store that keeps something else is refused."""
    ring.kept["kmoment", "x"] = Credential(Secret("other"), KAKAO).dumped().reveal()
    ring.mood = "forgets"
    with pytest.raises(auth.CredentialStoreError, match="forgets"):
        keep(KeyringStore(), "x", Credential(Secret("token"), KAKAO))


# -- Which token is used ----------------------------------------------------------------


def test_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument, then KMOMENT_TOKEN, then KMOMENT_PROFILE, then the default profile."""
    with pytest.raises(auth.ProfileNotFoundError, match="no profile is chosen"):
        auth.stored()
    save("one", "token-1")
    save("two", "token-2")
    assert (auth.stored()(), auth.choose().because) == ("token-1", "default")
    monkeypatch.setenv("KMOMENT_PROFILE", "two")
    assert (auth.stored()(), auth.choose().because) == ("token-2", "KMOMENT_PROFILE")
    monkeypatch.setenv("KMOMENT_TOKEN", "token-0")
    assert (auth.stored()(), auth.choose().because) == ("token-0", "KMOMENT_TOKEN")
    assert auth.stored("one")() == "token-1"
    assert auth.choose("one").over_environment
    monkeypatch.delenv("KMOMENT_TOKEN")
    monkeypatch.setenv("KMOMENT_PROFILE", "none")
    with pytest.raises(auth.ProfileNotFoundError):
        auth.stored()
    assert not auth.choose("one").over_environment


def test_a_client_uses_no_profile_by_itself() -> None:
    """A test on a laptop with a default profile never reaches live accounts."""
    save("default", "token")
    with pytest.raises(kmoment.InvalidArgumentError, match="token is missing"):
        kmoment.Client()


def test_a_profile_without_token(place: Sandbox) -> None:
    """The call fails, unsent, and names the command to run."""
    save("agency", base_url=place.url)
    with kmoment.Client(auth.stored("agency"), base_url=place.url) as moment:
        with pytest.raises(auth.NotLoggedInError, match="kmoment auth login --profile agency"):
            moment.accounts.list()
        assert not place.requests()
        auth.login_with_token("agency", place.token)
        assert moment.accounts.list()


@pytest.mark.parametrize("kind", [kmoment.Client, kmoment.AsyncClient])
def test_a_token_is_bound_to_its_api(kind: Any, place: Sandbox, home: Path) -> None:
    """A client with another base_url is refused; so is a profile that was changed by hand."""
    save("agency", place.token, base_url=place.url)
    with pytest.raises(kmoment.InvalidArgumentError, match="base_url must be http://127"):
        kind(auth.stored("agency"))
    with pytest.raises(kmoment.InvalidArgumentError, match="base_url"):
        kind(auth.stored_by_account({1: "agency"}), base_url="http://localhost:1")
    save("agency", base_url="http://localhost:1")
    with pytest.raises(kmoment.InvalidArgumentError, match="base_url"):
        auth.stored("agency")()


def test_the_token_of_the_environment_is_bound_to_nothing(
    place: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KMOMENT_TOKEN is used as it is, and Kakao's refusal of it keeps its own hint."""
    monkeypatch.setenv("KMOMENT_TOKEN", "dead")
    stored = auth.stored()
    refused = pytest.raises(kmoment.AuthenticationError, match="Check the business token")
    with kmoment.Client(stored, base_url=place.url) as moment, refused:
        moment.accounts.list()
    assert repr(stored) == "<the token of KMOMENT_TOKEN>"


def test_a_refused_token_says_what_to_do(place: Sandbox) -> None:
    """Both clients' errors name the command; a new login helps the same client."""
    save("agency", "dead", base_url=place.url)
    options: dict[str, Any] = {"base_url": place.url}

    async def ask() -> kmoment.AuthenticationError:
        async with kmoment.AsyncClient(auth.stored("agency"), **options) as client:
            with pytest.raises(kmoment.AuthenticationError) as caught:
                await client.accounts.list()
            return caught.value

    error = asyncio.run(ask())
    assert "kmoment auth login --profile agency" in str(error)
    assert "kmoment auth login" in error.hint_ko
    assert "kmoment auth login" in pickle.loads(pickle.dumps(error)).hint
    with kmoment.Client(auth.stored("agency"), **options) as moment:
        for _ in range(2):  # the second is held back by the client, and says the same
            with pytest.raises(kmoment.AuthenticationError, match="kmoment auth login"):
                moment.accounts.list()
    refused = pytest.raises(kmoment.AuthenticationError, match="Check the business token")
    with kmoment.Client(lambda: "dead", **options) as moment, refused:
        moment.accounts.list()


def test_a_login_in_the_meantime_is_noticed(place: Sandbox) -> None:
    """After a refusal the store is read again, and the call is made with the new token."""
    first = login(place)
    with kmoment.Client(auth.stored("agency"), base_url=place.url) as moment:
        moment.accounts.list()
        place.revoke_token(first.token.reveal())
        login(place)
        assert moment.accounts.list()


def test_tokens_by_account(place: Sandbox) -> None:
    """Each ad account has the token of its profile; no account has the default's."""
    save("a", "token-a", base_url=place.url)
    save("b", "token-b", base_url=place.url)
    token = auth.stored_by_account({1234: "a", 5678: "b"}, default="b")
    assert [token(it) for it in (1234, 5678, None)] == ["token-a", "token-b", "token-b"]
    assert auth.stored_by_account({1234: "a", 5678: "b"})(None) == "token-a"
    with pytest.raises(
        kmoment.InvalidArgumentError, match=r"account must be one of \[1234, 5678\]"
    ):
        token(1)
    error = kmoment.AuthenticationError("no", {"ad_account_id": 5678})
    token.explain(error)
    assert "--profile b" in error.hint
    token.check_base_url(place.url)
    assert repr(token) == "<the tokens of 2 ad accounts>"
    for wrong in ({}, None, {"x": "a"}):
        with pytest.raises(kmoment.InvalidArgumentError, match="profiles"):
            auth.stored_by_account(wrong)  # type: ignore[arg-type]
    with pytest.raises(auth.ProfileNotFoundError):
        auth.stored_by_account({1: "c"})


# -- Status and logout ------------------------------------------------------------------


def test_states_of_a_token(place: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, dead, not from here and not known are told apart, each with its error."""
    save("agency", base_url=place.url)
    assert auth.status("agency").state == "missing"
    FileStore().write("agency", Credential(Secret("dead"), place.url))
    expired = auth.status("agency")
    assert expired.state == "expired"
    assert "kmoment auth login" in str(expired.error)
    assert expired.missing_scopes == ()
    FileStore().write("agency", Credential(Secret(place.token), place.url))
    good = auth.status()
    assert (good.state, good.because, good.mode) == ("ok", "default", 0o600)
    assert auth.status(ask=False).state == "unknown"
    place.allow_addresses("192.0.2.1")
    assert auth.status("agency").state == "address_not_allowed"
    place.allow_addresses()
    monkeypatch.setenv("KMOMENT_TOKEN", place.token)
    monkeypatch.setenv("KMOMENT_BASE_URL", place.url)
    from_environment = auth.status()
    assert (from_environment.state, from_environment.profile) == ("ok", None)
    assert from_environment.missing_scopes == ()
    assert place.token not in repr(good)


def test_the_status_when_kakao_does_not_answer(
    place: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is unknown, and never a dead token."""
    monkeypatch.setenv("KMOMENT_TOKEN", place.token)
    monkeypatch.setattr("kmoment.auth._token_info._DEADLINE", 0.3)
    monkeypatch.setattr("kmoment.auth._profiles.KAPI", place.url)
    monkeypatch.setattr("kmoment.auth._profiles.KAUTH", place.url)
    from kmoment.sandbox import Fault

    place.add_fault(Fault("kauth.token_info", "delay", delay=5))
    found = auth.status()
    assert found.state == "unknown"
    assert isinstance(found.error, kmoment.APIError)


def test_logout_forgets_one_token() -> None:
    """The profile and the tokens of others stay."""
    save("one", "token-1")
    save("two", "token-2")
    assert auth.logout("one")
    assert not auth.logout("one")
    assert auth.stored("two")() == "token-2"
    assert len(auth.profiles()) == 2


def test_errors_survive_a_pickle() -> None:
    """Each error of a login can be carried to another process, with its facts."""
    for error in (
        auth.CredentialStoreError("file", "is full"),
        auth.ProfileNotFoundError("x", ["y"]),
        auth.NotLoggedInError("x", "file"),
        auth.LoginNeedsTerminalError(),
        auth.RedirectPortInUseError([1]),
        auth.LoginInProgressError("x"),
        auth.StateMismatchError(),
        auth.LoginRefusedError("KOE101", "hint", "hint_ko", "words"),
        auth.LoginTimeoutError(1.0, 2),
        auth.LoginOutcomeUnknownError("lost"),
    ):
        carried = pickle.loads(pickle.dumps(error))
        assert (str(carried), vars(carried)) == (str(error), vars(error))
