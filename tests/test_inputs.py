"""What callers pass: taken where its meaning is plain, else refused with one clear error."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from numbers import Integral
from typing import Any

import pytest

import kmoment
from helpers import TOKEN
from helpers.calls import STORED
from helpers.scripted import ok, scripted
from kmoment._protocol.converter import write
from kmoment.models.draft import checked_draft

pytestmark = pytest.mark.anyio


class Number:
    """An integer of another library, as numpy's are."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __int__(self) -> int:
        return self.value

    def __repr__(self) -> str:
        return f"Number({self.value})"

    __index__ = __int__


Integral.register(Number)


@pytest.mark.parametrize("ident", [9, Number(9), "9", " 9 ", "09"], ids=repr)
async def test_ids_of_every_plain_kind_are_taken(ident: Any) -> None:
    """Numbers of other libraries, and digits as a spreadsheet has them."""
    client = kmoment.AsyncClient(TOKEN, routes="nested")
    transport = scripted(client, ok(STORED))
    await client.account(ident).audiences.get(ident)
    (request,) = transport.requests
    assert request.url.path.endswith("/9")
    assert request.headers["adAccountId"] == "9"


@pytest.mark.parametrize(
    "ident",
    [
        0,
        -1,
        True,
        1.0,
        float("nan"),
        "1.0",
        "1e3",
        "+1",
        "12abc",
        "١",
        "",
        None,
        b"1",
        2**63,
        "9" * 20,
    ],
    ids=repr,
)
def test_any_other_id_is_refused_with_its_value(ident: Any) -> None:
    """The error names the argument, shows the value and says the rule."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        kmoment.Client(TOKEN).account(ident)
    assert caught.value.argument == "ad_account_id"
    assert "a positive 64-bit integer" in str(caught.value)
    assert repr(ident)[:70] in str(caught.value)


def test_a_long_value_is_shortened_and_an_object_shown_by_its_type() -> None:
    """An error stays one line, and prints no object of the caller's."""
    for value, shown in [("x" * 500, "x" * 60), ({"a": "secret"}, "this dict")]:
        with pytest.raises(kmoment.InvalidArgumentError) as caught:
            kmoment.Client(TOKEN).account(value)  # type: ignore[arg-type]
        assert shown in str(caught.value)
        assert len(str(caught.value)) < 200
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://user:secret@example.test", "https://user:secret@example.test", "ftp://u:secret@x"],
)
def test_a_password_in_an_url_is_not_shown(url: str) -> None:
    """The value of a URL may hold a secret."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        kmoment.Client(TOKEN, base_url=url)
    assert "secret" not in str(caught.value)


async def test_a_bulk_delete_of_nothing_sends_nothing() -> None:
    """It is a success without an outcome."""
    client = kmoment.AsyncClient(TOKEN)
    transport = scripted(client, ok([]))
    result = await client.account(1).audiences.delete_many(iter(()))
    assert (result.success_count, result.fail_count, list(result.outcomes)) == (0, 0, [])
    assert transport.requests == []


def test_a_bulk_delete_of_nothing_opens_nothing() -> None:
    """The blocking client starts no thread for it."""
    client = kmoment.Client(TOKEN)
    assert client.account(1).audiences.delete_many([]).outcomes == []
    assert client._sender.owner.running is None


async def test_an_id_that_is_given_twice_has_two_outcomes_and_is_deleted_once() -> None:
    """One outcome for each id, in the order given."""
    client = kmoment.AsyncClient(TOKEN, routes="nested", reconcile_delays=())
    transport = scripted(client, ok({"successCount": 2, "failCount": 0}))
    ids: list[Any] = [7, "8", 7]
    result = await client.account(1).audiences.delete_many(ids)
    assert [(it.input, str(it.value)) for it in result.outcomes] == [
        (7, "deleted"),
        (8, "deleted"),
        (7, "deleted"),
    ]
    assert result.success_count == 2
    assert transport.requests[0].url.query["audienceIds"] == "7,8"


# -- Drafts -----------------------------------------------------------------------------


def draft(**members: Any) -> kmoment.AudienceDraft:
    return kmoment.AudienceDraft.display("x", **members)


def test_categories_may_be_rows_of_the_look_up() -> None:
    """A row stands for its id."""
    row = kmoment.CategoryData(id="B0101")
    rows: Iterable[Any] = [row, "B0102", Number(3)]
    assert list(draft(ufo_interests=rows).ufo_interests or ()) == ["B0101", "B0102", 3]
    assert draft(ufo_business_types=[row]).violations() == ()


@pytest.mark.parametrize("value", [1.5, float("nan"), None, True, b"x", " "], ids=repr)
def test_what_is_no_category_is_named_at_the_draft(value: Any) -> None:
    """Not when it is sent, and with its place and value."""
    (violation,) = draft(ufo_interests=[value]).violations()
    assert violation.path == "ufo_interests[0]"
    assert repr(value) in violation.rule


def test_ages_may_be_numbers() -> None:
    """As a spreadsheet has them."""
    made = draft(ages=[20, Number(25), "30"])
    assert made.ages == ("20", "25", "30")
    assert made.violations() == ()
    assert draft(ages=[20.0]).violations()[0].path == "ages[0]"


def test_ids_of_entries_may_be_of_every_plain_kind() -> None:
    """They are sent as whole numbers."""
    ids: list[Any] = ["7", Number(8)]
    files = [kmoment.CustomerFileTargeting(customer_file_id=one) for one in ids]
    sent = write(checked_draft("audience", draft(customer_file_targetings=files)))
    assert [entry["customerFileId"] for entry in sent["customerFileTargetings"]] == [7, 8]


NEW_YORK = timezone(timedelta(hours=-5))


async def test_a_draft_that_cannot_be_sent_sends_nothing() -> None:
    """Not even the list that comes before a create."""
    client = kmoment.AsyncClient(TOKEN)
    transport = scripted(client, ok([]))
    with pytest.raises(kmoment.InvalidArgumentError, match=r"audience\.extra"):
        await client.account(1).audiences.create(draft(extra={"name": "y"}))
    assert transport.requests == []


# -- Bodies -----------------------------------------------------------------------------

NOT_JSON: list[tuple[Any, str]] = [
    ({"a": [1, {"b": {2}}]}, "json.a[1].b"),
    ({"a": float("nan")}, "json.a"),
    ([1, float("inf")], "json[1]"),
    ({"a": b"x"}, "json.a"),
    ({1: "x"}, "json, whose key 1 is not text,"),
    ({"a": object()}, "json.a"),
    ({"a": complex(1)}, "json.a"),
]


@pytest.mark.parametrize(("body", "path"), NOT_JSON, ids=[path for _, path in NOT_JSON])
async def test_a_value_that_json_does_not_have_is_refused_with_its_path(
    body: Any, path: str
) -> None:
    """Nothing is sent."""
    client = kmoment.AsyncClient(TOKEN)
    transport = scripted(client, ok({}))
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        await client.request("POST", "/x", json=body)
    assert caught.value.argument == path
    assert transport.requests == []


async def test_a_body_without_an_end_is_refused() -> None:
    """It holds itself."""
    body: dict[str, Any] = {}
    body["again"] = body
    client = kmoment.AsyncClient(TOKEN)
    scripted(client, ok({}))
    with pytest.raises(kmoment.InvalidArgumentError, match="levels deep"):
        await client.request("POST", "/x", json=body)


@pytest.mark.parametrize(
    ("date", "sent"),
    [
        (datetime(2026, 11, 26, 9, 0, 0, 123456), "2026-11-26T09:00:00"),
        (datetime(2026, 11, 26, 0, 0, tzinfo=UTC), "2026-11-26T09:00:00"),
        (
            datetime(2026, 11, 25, 19, 0, tzinfo=timezone(timedelta(hours=-5))),
            "2026-11-26T09:00:00",
        ),
    ],
)
async def test_a_date_is_seouls_without_microseconds(
    date: datetime, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never the machine's zone."""
    monkeypatch.setenv("TZ", "America/New_York")
    client = kmoment.AsyncClient(TOKEN)
    transport = scripted(client, ok({}))
    await client.request("POST", "/x", json={"when": date})
    assert sent.encode() in (transport.requests[0].body or b"")


# -- Settings ---------------------------------------------------------------------------

SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"periods": {"audience": 1}}, r"periods\['audience'\] must be a quota group.*'audiences'"),
    ({"periods": {"locations.deph3": 1}}, "'locations.depth3'"),
    ({"periods": [("audiences", 1)]}, "periods must be a mapping"),
    ({"periods": {"audiences": 0}}, r"periods\['audiences'\]"),
    ({"hooks": [dict]}, r"hooks\[0\] must be an object, not the class: dict\(\)"),
    ({"hooks": object()}, r"hooks must be a collection of hooks, such as \[Hook\(\)\]"),
    ({"hooks": ["x"]}, r"hooks\[0\] must be an object of a subclass of kmoment.hooks.Hook"),
    ({"max_body_bytes": 0}, "max_body_bytes must be a positive whole number, not 0"),
    ({"routes": "nestd"}, "routes must be auto, nested or flat, not 'nestd'"),
]


@pytest.mark.parametrize("kind", [kmoment.Client, kmoment.AsyncClient])
@pytest.mark.parametrize(("settings", "words"), SETTINGS, ids=[words for _, words in SETTINGS])
def test_a_wrong_setting_is_refused_when_the_client_is_made(
    settings: dict[str, Any], words: str, kind: Any
) -> None:
    """One clear error, with the near name where there is one."""
    with pytest.raises(kmoment.UsageError, match=words):
        kind(TOKEN, **settings)


def test_an_unusable_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody passed a base_url."""
    monkeypatch.setenv("KMOMENT_BASE_URL", "apis.moment.kakao.com")
    with pytest.raises(kmoment.InvalidArgumentError, match=r"^KMOMENT_BASE_URL must be"):
        kmoment.Client(TOKEN)


async def test_a_period_for_request_holds_for_all_ids_of_its_path() -> None:
    """A path's ids are one limit."""
    periods = {"GET /openapi/v4/adGroups/17": 5.0}
    client = kmoment.AsyncClient(TOKEN, periods=periods, max_wait=1)
    scripted(client, ok({}))
    await client.request("GET", "/openapi/v4/adGroups/1")
    with pytest.raises(kmoment.DeadlineExceededError, match=r"its turn comes in about [45]"):
        await client.request("GET", "/openapi/v4/adGroups/2")


@pytest.mark.parametrize("client", [kmoment.Client, kmoment.AsyncClient])
def test_work_that_cannot_be_called_is_refused_at_once(client: Any) -> None:
    """``each`` and ``each_account`` refuse what is no function before a batch is made."""
    moment = client(TOKEN)
    with pytest.raises(kmoment.InvalidArgumentError, match="method must be callable"):
        moment.each("list", [1])
    with pytest.raises(kmoment.InvalidArgumentError, match="job must be callable"):
        moment.each_account([1], "list")


TREE = kmoment.LocationTree(locations=[], depth2_locations=[], depth3_locations=[])
FILES: list[tuple[str, Callable[[Any], object]]] = [
    ("file", TREE.save),
    ("file", kmoment.LocationTree.load),
    ("file", lambda file: kmoment.Client(TOKEN).locations.tree(file=file)),
    ("path", lambda path: kmoment.write([], path)),
    ("path", kmoment.sheets.read),
    ("path", kmoment.sheets.template),
]


@pytest.mark.parametrize("file", [3, b"x", "", " "], ids=repr)
@pytest.mark.parametrize(("argument", "call"), FILES)
def test_a_file_that_has_no_name_is_refused(
    argument: str, call: Callable[[Any], object], file: Any
) -> None:
    """The error names the argument, wherever a file is taken."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        call(file)
    assert str(caught.value) == f"{argument} must be the path of a file, not {file!r}"


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "localhost:8080", "kakao.com"])
def test_an_address_without_a_scheme_is_told_what_it_lacks(url: str) -> None:
    """The error names ``https://`` and ``http://``."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        kmoment.Client(TOKEN, base_url=url)
    rule = 'must be an absolute URL, which begins with "https://" or "http://"'
    assert str(caught.value) == f"base_url {rule}, not {url!r}"
    with pytest.raises(kmoment.InvalidArgumentError, match="not this str"):
        kmoment.Client(TOKEN, base_url=f"user:{TOKEN}@{url}")


def test_a_sheet_that_was_not_read_is_told_how() -> None:
    """A path in place of a sheet, or of a tree, names the function that reads it."""
    moment: Any = kmoment.Client(TOKEN)
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        moment.drafts("good.xlsx")
    told = "sheet must be a Sheet, as kmoment.sheets.read('good.xlsx') gives it"
    assert str(caught.value) == f"{told}, not 'good.xlsx'"


class City(str, Enum):  # noqa: UP042 - its text is not its value
    """Text of a kind that prints otherwise."""

    GANGNAM = "강남"


async def test_a_keyword_is_sent_as_its_text() -> None:
    """A member of an enumeration of texts is sent as its value."""
    client = kmoment.AsyncClient(TOKEN)
    transport = scripted(client, ok([]), ok([]))
    await client.locations.depth3(City.GANGNAM)
    await client.locations.depth2(City.GANGNAM)
    assert [request.url.query["keyword"] for request in transport.requests] == ["강남", "강남"]
