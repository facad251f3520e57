"""The public names of each object. They are the same for both clients and have docstrings."""

import inspect
import pydoc
import subprocess
import sys
from typing import Any

import pytest

import kmoment
from helpers import TOKEN
from kmoment._policies.options import CallOptions

CLIENT = (
    "account accounts base_url categories close drafts each each_account limits locations "
    "placements reconcile request with_options"
)
ERROR = (
    "ad_account_id add_note args attempts can_retry code detail_code detail_message hint hint_ko "
    "message method operation path reason request_id request_sent retry_after status "
    "with_traceback"
)
NAMES = {
    "client": CLIENT,
    "account": (
        "ad_account_id ad_groups audiences channel_profiles customer_data targeting trackers"
    ),
    "accounts": "balance get list pages",
    "trackers": "list rights",
    "ad_groups": "get list",
    "audiences": (
        "ad_groups create delete delete_many edit ensure ensure_many find get list plan_delete "
        "plan_link unlink update wait wait_each"
    ),
    "targeting": ("cohorts customer_files friend_groups pixel_events sync_profiles talk_channels"),
    "locations": "depth1 depth2 depth2_each depth3 depth3_each tree",
    "placements": "network_categories section_categories",
    "categories": "business_types interests",
    "batch": "close collect collected progress rest",
}
VALUES = {
    "outcome": "error index input ok result status to_dict value",
    "error": ERROR,
    "throttled": ERROR,
    "in doubt": f"{ERROR} candidates created_after draft known_ids",
}


def public(thing: object) -> list[str]:
    return [name for name in dir(thing) if not name.startswith("_")]


def things(client: Any) -> dict[str, Any]:
    account = client.account(1)
    return {
        "client": client,
        "account": account,
        "audiences": account.audiences,
        "targeting": account.targeting,
        "accounts": client.accounts,
        "trackers": account.trackers,
        "ad_groups": account.ad_groups,
        "locations": client.locations,
        "placements": client.placements,
        "categories": client.categories,
        "batch": client.each(client.locations.depth2, []),
    }


@pytest.mark.parametrize("kind", [kmoment.Client, kmoment.AsyncClient])
def test_both_clients_show_these_names_and_no_others(kind: type) -> None:
    """Both clients have exactly these public names, so that none is public by accident."""
    renamed = {"aclose": "close"} if kind is kmoment.AsyncClient else {}
    shown = {
        name: {renamed.get(it, it) for it in public(thing)}
        for name, thing in things(kind(TOKEN)).items()
    }
    assert shown == {name: set(names.split()) for name, names in NAMES.items()}


def test_values_show_these_names_and_no_others() -> None:
    """Outcomes and errors have exactly these public names."""
    outcome = kmoment.Outcome[int, int](index=0, input=1, status=kmoment.OutcomeStatus.OK)
    shown = {
        "outcome": outcome,
        "error": kmoment.APIError("x"),
        "throttled": kmoment.RateLimitedError("x"),
        "in doubt": kmoment.OutcomeUnknownError("x"),
    }
    found = {name: set(public(thing)) for name, thing in shown.items()}
    assert found == {name: set(names.split()) for name, names in VALUES.items()}


@pytest.mark.parametrize("kind", [kmoment.Client, kmoment.AsyncClient])
def test_every_method_is_explained(kind: type) -> None:
    """Each public method and property of a client and its resources has a docstring."""
    for thing in things(kind(TOKEN)).values():
        members = inspect.getmembers_static(type(thing))
        silent = [
            name
            for name, member in members
            if not name.startswith("_") and (inspect.isfunction(member) or name == "base_url")
            if not inspect.getdoc(member)
        ]
        assert not silent


class Agency(kmoment.Client):
    """A subclass with its own constructor."""

    def __init__(self, team: str, *, budget: int = 3) -> None:
        super().__init__(TOKEN, deadline=7)
        self.team, self.budget = team, budget

    def label(self) -> str:
        return f"{self.team}: {self.budget}"


class AsyncAgency(kmoment.AsyncClient):
    """The async counterpart of ``Agency``."""

    def __init__(self, team: str, *, budget: int = 3) -> None:
        super().__init__(TOKEN, deadline=7)
        self.team, self.budget = team, budget

    def label(self) -> str:
        return f"{self.team}: {self.budget}"


def state(client: kmoment.Client | kmoment.AsyncClient) -> tuple[object, CallOptions]:
    """What a client shares with its views, and its options, which it does not share."""
    if isinstance(client, kmoment.Client):
        return client._sender.owner, client._sender.settings.options
    return client._dispatcher.state, client._dispatcher.settings.options


@pytest.mark.parametrize("kind", [Agency, AsyncAgency])
def test_a_view_of_a_subclass_is_one_of_it(
    kind: type[Agency | AsyncAgency],
) -> None:
    """A view of a subclass has its attributes and shares its pool, but has its own options."""
    client = kind("growth", budget=5)
    view = client.with_options(max_attempts=1).with_options(reconcile_delays=())
    assert type(view) is kind
    assert view.label() == "growth: 5"
    assert view.base_url == client.base_url
    (before, options), (shared, changed) = state(client), state(view)
    assert shared is before
    assert (options.max_attempts, changed.max_attempts) == (3, 1)
    assert (changed.deadline, changed.reconcile_delays) == (7, ())


def test_a_view_needs_the_environment_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A view can be made after the token was removed from the environment."""
    monkeypatch.setenv("KMOMENT_TOKEN", TOKEN)
    client = kmoment.AsyncClient()
    monkeypatch.delenv("KMOMENT_TOKEN")
    assert client.with_options(deadline=5).base_url == client.base_url


@pytest.mark.parametrize("kind", [kmoment.Client, kmoment.AsyncClient])
def test_a_client_that_was_refused_has_a_repr(kind: type) -> None:
    """A client without settings has a repr, because a traceback with locals may show it."""
    assert repr(kind.__new__(kind, TOKEN)) == f"<{kind.__name__}>"


# -- Completion and help ------------------------------------------------------------------

SETS = (
    "ages genders locations depth2_locations depth3_locations ufo_interests ufo_business_types "
    "cohort_targetings talk_channel_targetings sync_app_targetings extra"
)
FOR_DISPLAY = "customer_file_targetings tracker_targetings"
FOR_MESSAGE = "talk_channel_group_targetings"
TYPES = "name type age_type gender_type location_type"
OPTIONS = "max_attempts deadline reconcile_delays max_wait outage_patience"
SETTINGS = (
    "token base_url timeout deadline insecure proxy trust_env ssl max_connections max_body_bytes "
    "routes max_attempts reconcile_delays periods max_wait outage_patience hooks fleet"
)
BATCH = "concurrency ordered on_progress"
EACH = f"{BATCH} deadline journal key shard repeatable"
LOGIN = (
    "profile client_id client_secret redirect_uris scopes allow accounts store base_url force "
    "timeout show open_browser read_pasted"
)
SHOWN = {
    "kmoment.AudienceDraft.display": f"name {SETS} {FOR_DISPLAY}",
    "kmoment.AudienceDraft.message": f"name {SETS} {FOR_MESSAGE}",
    "draft.replace": f"{TYPES} {SETS} {FOR_DISPLAY} {FOR_MESSAGE}",
    "kmoment.Client": SETTINGS,
    "kmoment.AsyncClient": SETTINGS,
    "client.with_options": OPTIONS,
    "moment.with_options": OPTIONS,
    "client.with_options(deadline=5).with_options": OPTIONS,
    "client.each": f"method inputs {EACH}",
    "moment.each": f"method inputs {EACH}",
    "client.locations.depth3_each": f"keywords {BATCH}",
    "moment.account(1).audiences.update": "audience_id audience",
    "client.account(1).audiences.ensure": "draft dry_run",
    "moment.account(1).audiences.ensure_many": (
        "drafts dry_run concurrency on_progress deadline journal shard"
    ),
}
# Jedi shows these from the functions themselves, in a notebook: of a file's text alone it cannot
# follow a ParamSpec, which mypy and Pylance do.
LOGINS = {
    "kmoment.auth.login": LOGIN,
    "kmoment.auth.login_with_token": "profile token store base_url scopes force",
    "kmoment.auth.status": "profile ask",
    "kmoment.auth.token_info": "token kapi_url",
    "web.exchange": "code",
}
BEGINNING = """
import kmoment
client, moment = kmoment.Client("x"), kmoment.AsyncClient("x")
draft = kmoment.AudienceDraft.display("x")
web = kmoment.auth.AuthorizationRequest(client_id="x", redirect_uri="https://x.example/")
"""


@pytest.fixture(scope="module")
def notebook() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(BEGINNING, names)
    return names


@pytest.fixture(scope="module")
def jedi(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Jedi with files of its own: another process may be writing those of all."""
    found = pytest.importorskip("jedi")
    found.settings.cache_directory = str(tmp_path_factory.mktemp("jedi"))
    return found


@pytest.mark.parametrize("code", [*SHOWN, *LOGINS])
def test_completion_shows_every_parameter(code: str, notebook: dict[str, Any], jedi: Any) -> None:
    """Jedi shows and completes each by its name, in a notebook and in a file."""
    expected = set((SHOWN | LOGINS)[code].split())
    *_, last = sorted(expected)
    asked: list[tuple[str, Any]] = [(f"{code}(", lambda text: jedi.Interpreter(text, [notebook]))]
    if code in SHOWN:
        asked.append((f"{BEGINNING}{code}(", jedi.Script))
    for call, ask in asked:
        (signature,) = ask(call).get_signatures()
        assert {it.name for it in signature.params} - {"self"} == expected
        if signature.params[-1].kind is inspect.Parameter.KEYWORD_ONLY:
            assert f"{last}=" in {it.name for it in ask(call + last[:-1]).complete()}


@pytest.mark.parametrize("code", [*SHOWN, *LOGINS])
def test_help_shows_every_parameter(code: str, notebook: dict[str, Any]) -> None:
    """``inspect.signature`` and ``help`` have each by its name, with no ``**``."""
    method = eval(code, notebook)
    shown = inspect.signature(method).parameters
    assert set(shown) == set((SHOWN | LOGINS)[code].split())
    kinds = {it.kind for it in shown.values()}
    assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    text = pydoc.plain(pydoc.render_doc(method))
    assert all(f"{name}: " in text for name in shown)


def test_names_of_logins() -> None:
    """What ``kmoment.auth`` has is sorted and complete, and each name is explained."""
    auth = kmoment.auth
    assert auth.__all__ == sorted(auth.__all__, key=lambda name: (name.islower(), name))
    shown = {
        name
        for name in public(auth)
        if getattr(getattr(auth, name), "__module__", "").startswith("kmoment")
    }
    assert shown == set(auth.__all__)
    assert all(inspect.getdoc(getattr(auth, name)) for name in auth.__all__)


@pytest.mark.parametrize("blocking", ["login", "login_with_token", "status", "token_info"])
def test_a_blocking_login_is_its_counterpart(blocking: str) -> None:
    """Both take the same and say the same; the blocking one says that it blocks, and is none."""
    here, there = (eval(f"kmoment.auth.{blocking}{end}") for end in ("", "_async"))
    assert inspect.signature(here) == inspect.signature(there)
    assert not inspect.iscoroutinefunction(here)
    assert here.__module__ == there.__module__
    assert f"{here.__qualname__}_async" == there.__qualname__
    told = str(inspect.getdoc(here))
    assert told.startswith(str(inspect.getdoc(there)))
    assert f"{here.__name__}_async" in told


def test_logins_are_light() -> None:
    """Neither aiohttp nor a package of an extra is loaded before it is used."""
    code = "import sys, kmoment.auth; print({'aiohttp', 'keyring', 'filelock'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
