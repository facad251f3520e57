"""``locations.tree()`` learns what ``keyword`` means: whole, or it says what is missing."""

import unicodedata
import warnings
from pathlib import Path
from typing import Any

import pytest

import kmoment
from helpers.places import crawled, whole_tree
from kmoment.sandbox import Fault, Lookup, Sandbox

CALLS = int(1.15 * (1 + 19 + 252))
TEXTS = ("full", "description", "district", "own")
MATCHES = ("contains", "prefix", "exact")
MEANINGS = [(text, match) for text in TEXTS for match in MATCHES]


def settled(districts: Lookup, neighbourhoods: Lookup) -> int:
    """Check a server's tree, and return the number of places that it lacks."""
    tree, calls = crawled(districts, neighbourhoods)
    lacking = {place.value for place in whole_tree()} - {place.value for place in tree}
    assert calls <= CALLS
    assert bool(tree.missing) or not lacking, f"{len(lacking)} places are silently missing"
    told = " ".join(what for what, _ in tree.missing)
    for code in lacking:
        place = whole_tree()[code]
        above = [one.full_name for one in whole_tree().path(place)]
        assert any(name in told for name in above), place
    return len(lacking)


@pytest.mark.parametrize("cap", [None, 30])
@pytest.mark.parametrize(("text", "match"), MEANINGS)
def test_whole_or_told(text: Any, match: Any, cap: int | None) -> None:
    """For each meaning and cap, every place that is not there is told, within 1.15 × the calls."""
    lacking = settled(Lookup(), Lookup(text=text, match=match, cap=cap))
    if cap is None and (text, match) not in (("full", "exact"), ("own", "exact")):
        assert not lacking
    if text in ("full", "description") and match != "exact":
        assert not lacking


@pytest.mark.parametrize("cap", [None, 100, 30])
@pytest.mark.parametrize("match", ["contains", "prefix"])
@pytest.mark.parametrize("text", ["full", "own"])
def test_districts_are_whole_or_told(text: Any, match: Any, cap: int | None) -> None:
    """The same holds for the look-up of districts."""
    lacking = settled(Lookup(text=text, match=match, cap=cap), Lookup())
    if text == "full" or (match == "contains" and cap != 30):
        assert not lacking


@pytest.mark.parametrize("cap", [1000, 2000, 3000])
def test_large_caps_cost_nothing(cap: int) -> None:
    """A cap that cuts the wide questions alone costs no call and no place."""
    tree, calls = crawled(Lookup(), Lookup(cap=cap))
    assert (tree.missing, calls) == ((), 278)


GAPS = {
    "a district's name": (Lookup(), Lookup(gaps=("부산광역시 기장군",)), 0),
    "all of its names": (
        Lookup(),
        Lookup(gaps=("부산광역시 기장군", "기장군", "부산광역시", "동", "읍", "면")),
        0,
    ),
    "a province's name": (Lookup(gaps=("세종특별자치시",)), Lookup(), 0),
    "a syllable": (Lookup(), Lookup(text="own", match="prefix", gaps=("뜬",)), 0),
    "wide": (Lookup(gaps=("시", "군", "구")), Lookup(gaps=("동", "읍", "면")), 0),
    "everything": (
        Lookup(gaps=("경기도", "경기", "시", "군", "구")),
        Lookup(text="description", match="exact", gaps=("부산광역시 기장군",)),
        None,
    ),
}


@pytest.mark.parametrize("gap", GAPS)
def test_gaps_are_filled_or_told(gap: str) -> None:
    """Where a keyword brings nothing, others are asked for; what is not found is told."""
    districts, neighbourhoods, lacking = GAPS[gap]
    found = settled(districts, neighbourhoods)
    assert lacking is None or found == lacking


def test_a_server_without_districts_is_told() -> None:
    """If no keyword brings any district, each province is told to be missing."""
    gone = Lookup(text="district", match="exact", gaps=("세종시",))
    tree, calls = crawled(gone, gone)
    assert {what for what, _ in tree.missing} >= {"서울특별시", "경기도"}
    assert calls <= CALLS


def test_the_quick_mode_proves_nothing() -> None:
    """The quick mode takes 26 calls and says that nothing proves the tree to be whole."""
    tree, calls = crawled(Lookup(), Lookup(), quick=True)
    assert calls == 26
    assert "nothing proves" in tree.missing[0].why
    assert not tree.is_whole


@pytest.mark.anyio
async def test_the_crawl_on_the_wire(tmp_path: Path) -> None:
    """The async client makes the counted calls, keeps the file, and then makes none.

    An async callback is awaited.
    """

    async def listener(progress: kmoment.Progress) -> None:
        seen.append(progress)

    file, seen = tmp_path / "places.json", list[kmoment.Progress]()
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment,
    ):
        first = await moment.locations.tree(file=file, on_progress=listener)
        assert len(sandbox.requests()) == 278
        assert not first.compare(await moment.locations.tree(file=file))
        assert len(sandbox.requests()) == 278
    assert first.is_whole
    assert {place.full_name for place in first} == {place.full_name for place in whole_tree()}
    assert seen[-1].done == seen[-1].total == 251


def test_a_tree_with_gaps_is_marked_and_not_kept(tmp_path: Path) -> None:
    """What is missing is a warning and in ``missing``; the tree is not written. Quick ones too."""
    file = tmp_path / "places.json"
    lookup = Lookup(text="full", match="exact")
    with (
        Sandbox(neighbourhoods=lookup) as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
    ):
        with pytest.warns(UserWarning, match=r"강릉시: no keyword .* and 249 more"):
            tree = moment.locations.tree(file=file)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert moment.locations.tree(file=file, quick=True).missing
    assert len(tree.missing) == 252
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_failing_call_fails_the_tree(tmp_path: Path) -> None:
    """If one call fails, the tree is neither returned nor written."""
    file = tmp_path / "places.json"
    async with Sandbox() as sandbox:
        body = {"code": -2, "msg": "x"}
        sandbox.add_fault(Fault("locations.depth3", "status", nth=(200,), status=400, body=body))
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            with pytest.raises(kmoment.BadRequestError):
                await moment.locations.tree(file=file)
    assert not file.exists()


@pytest.mark.parametrize("bad", [{"text": "x"}, {"match": "x"}, {"cap": 0}])
def test_settings_of_the_sandbox_are_checked(bad: dict[str, Any]) -> None:
    """A look-up that does not exist is refused."""
    with pytest.raises(ValueError, match="must"):
        Lookup(**bad)


TYPED = {
    "parts (NFD)": unicodedata.normalize("NFD", "강남구 논현1동"),
    "byte order mark": "\ufeff강남구 논현1동",
    "zero-width": "강남구\u200b 논현\u200d1동",
    "full-width": "강남구 논현１동",
    "no-break blank": "강남구\u00a0논현1동",
    "doubled blanks": "  강남구   논현1동 ",
    "filler": "강남구\u3164논현1동",
}


@pytest.mark.parametrize("kind", TYPED)
@pytest.mark.anyio
async def test_keywords_are_sent_normalised(kind: str) -> None:
    """However a keyword is typed, Kakao gets the same one."""
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment,
    ):
        (found,) = await moment.locations.depth3(TYPED[kind])
        await moment.locations.depth2(TYPED[kind])
        sent = [request["query"]["keyword"] for request in sandbox.requests()]
    assert found.full_name == "서울특별시 강남구 논현1동"
    assert sent == ["강남구 논현1동"] * 2


@pytest.mark.parametrize("keyword", ["", " ", "\u200b", "\ufeff\u3164", "\u3000"])
@pytest.mark.anyio
async def test_a_keyword_that_becomes_empty_is_refused(keyword: str) -> None:
    """Nothing is sent for a keyword of invisible characters."""
    client = kmoment.AsyncClient("token")
    for method in (client.locations.depth2, client.locations.depth3):
        with pytest.raises(kmoment.InvalidArgumentError, match="keyword"):
            await method(keyword)
    await client.aclose()


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore:the tree may lack")
async def test_a_server_that_knows_no_districts() -> None:
    """A tree of provinces alone says what is missing."""
    from kmoment import testing

    seoul = {"value": "I", "description": "서울특별시", "depth1Name": "서울특별시"}

    def answer(request: testing.Request) -> testing.Response:
        return testing.answer([seoul] if request.url.path.endswith("depth1") else [])

    async with testing.Script(then=answer).async_client() as moment:
        tree = await moment.locations.tree()
    assert tree.missing
