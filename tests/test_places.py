"""What names mean: each place as people write it, and never silently another one."""

import json
import pickle
import unicodedata
from collections import Counter
from datetime import date
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import kmoment
from helpers.places import old_tree, rows, whole_tree
from kmoment._text import normalised
from kmoment.places import LocationTree, ResolveStatus, korea
from kmoment.places._names import key, names

ROWS = rows()
KINDS = list(dict.fromkeys(row[0] for row in ROWS))


def asked(kind: str) -> LocationTree:
    return old_tree() if kind == "server with old names" else whole_tree()


def full_names(places: Any) -> list[str]:
    return sorted(place.full_name for place in places)


def test_the_table_is_large_enough() -> None:
    """It has at least 600 inputs, and at least 20 of each kind."""
    assert len(ROWS) >= 600
    assert min(Counter(row[0] for row in ROWS).values()) >= 20


def outcome(tree: LocationTree, text: Any) -> tuple[str, list[str]]:
    """What a tree makes of an input, in the words of the table."""
    found = list(tree.resolve([tuple(text) if isinstance(text, list) else text]))
    states = {one.status for one in found}
    if len(found) > 1 and states == {ResolveStatus.FOUND}:
        return "list", full_names(place for one in found for place in one.places)
    (one,) = found
    if one.status == ResolveStatus.FOUND:
        return ("set" if len(one.places) > 1 else "found"), full_names(one.places)
    words = {"ambiguous": "ambiguous", "not found": "none", "refused": "refused"}
    return words[one.status], full_names(one.candidates)


@pytest.mark.parametrize("kind", KINDS)
def test_names_as_people_write_them(kind: str) -> None:
    """Each input of the table gives exactly its places, or the error it must give."""
    tree = asked(kind)
    wrong = []
    for _, text, status, wanted in (row for row in ROWS if row[0] == kind):
        got, places = outcome(tree, text)
        if status == "list" and got in ("found", "set"):
            got = "list"
        told = set(wanted) <= set(places) if status == "none" else sorted(wanted) == places
        if got != status or not told:
            wrong.append((text, status, wanted, got, places))
    assert not wrong


@pytest.mark.parametrize("kind", KINDS)
def test_one_find_and_select_agree(kind: str) -> None:
    """``one`` gives one place or raises; ``select`` takes sets too; ``find`` is neither a guess."""
    tree = asked(kind)
    for _, text, status, wanted in (row for row in ROWS if row[0] == kind):
        if not isinstance(text, str) or status in ("list", "refused"):
            continue
        assert full_names(tree.find(text)) == ([] if status == "none" else sorted(wanted)), text
        if status == "found":
            assert tree.one(text).full_name == wanted[0]
            continue
        with pytest.raises(kmoment.InvalidArgumentError) as caught:
            tree.one(text)
        if status in ("set", "ambiguous"):
            error = caught.value
            assert isinstance(error, kmoment.AmbiguousLocationError)
            assert [tree.one(writing) for writing in error.writings] == list(error.candidates)
        if status == "set":
            chosen = tree.select(text)
            assert full_names(chosen["depth2_locations"] or chosen["depth3_locations"] or ()) == (
                sorted(wanted)
            )


PLACES = st.sampled_from(list(whole_tree()))
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u200e"
BLANKS = (" ", "\u00a0", "\u3000", "  ", "\u3164", "\t")


def _with_stem(step: str) -> tuple[str, ...]:
    """A district's name, and its name without its suffix."""
    return (step, step[:-1]) if len(step) > 2 else (step,)


@st.composite
def writings(draw: st.DrawFn) -> tuple[Any, str]:
    """A place, and one of the ways in which it may be written."""
    place = draw(PLACES)
    first, *steps = place.full_name.split()
    own = steps.pop() if steps else ""
    others = names().provinces.get(first, (first,))
    kept = [draw(st.sampled_from(_with_stem(step))) for step in steps if draw(st.booleans())]
    front = ([draw(st.sampled_from(others))] if not own or draw(st.booleans()) else []) + kept
    form = draw(st.sampled_from(["words", "together", "brackets", "levels", "backwards"]))
    words = [*front, own] if own else front
    text = {
        "words": draw(st.sampled_from(BLANKS)).join(words),
        "together": "".join(words),
        "brackets": f"{own}({' '.join(front)})" if own and front else " ".join(words),
        "levels": " > ".join(words),
        "backwards": ", ".join(reversed(words)),
    }[form]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(INVISIBLE)) + text[at:]
    return place, unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), text)


@given(writings())
@settings(max_examples=400)
def test_a_place_is_found_or_honestly_ambiguous(written: tuple[Any, str]) -> None:
    """Any place, written in any of its ways, is found or among the candidates, never another."""
    place, text = written
    found = whole_tree().find(text)
    assert place in found or _is_the_same_area(place, found), (text, full_names(found))


def _is_the_same_area(place: Any, found: tuple[Any, ...]) -> bool:
    return place.full_name == "세종특별자치시 세종시" and full_names(found) == ["세종특별자치시"]


@given(st.text(alphabet="강남구서울부산동읍면시군1·, ()/제\u200b\u3164", max_size=14))
def test_any_text_has_an_outcome(text: str) -> None:
    """No text raises anything but our errors, and what is found reads back."""
    for one in whole_tree().resolve([text]):
        assert one.places or one.message
    for place in whole_tree().find(text):
        assert place in whole_tree().find(place.full_name)


TYPED = st.text(alphabet="강남구논현ㄱ１2 \u3000\u00a0\u200b\ufeffㆍ·•（）.,\u3164\t")


@given(TYPED)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    """A normalised text stays as it is, in whole syllables, with single blanks inside only."""
    once = normalised(text)
    assert normalised(once) == once == unicodedata.normalize("NFC", once)
    assert once == " ".join(once.split())
    assert key(once) == key(key(once))


def test_a_successor_is_named() -> None:
    """The error for a place that was merged says when, and what to name instead."""
    with pytest.raises(kmoment.LocationNotFoundError, match="2014-07-01") as caught:
        whole_tree().one("충북 청원군")
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.since == "2014-07-01"
    assert len(error.successors) == 4
    (written_together,) = whole_tree().resolve(["충북청원군"])
    assert written_together.candidates == error.successors
    assert str(error) == str(caught.value)


def test_near_names_are_told() -> None:
    """The error for a misspelt name has near names, nearest first, within what was named."""
    with pytest.raises(kmoment.LocationNotFoundError, match="해운대구") as caught:
        whole_tree().one("부산해운데구")
    assert caught.value.near[0].full_name == "부산광역시 해운대구"


def with_districts(*paths: tuple[str, str]) -> LocationTree:
    """A small tree of these districts."""
    provinces = dict.fromkeys(path[0] for path in paths)
    return LocationTree(
        locations=[kmoment.Location(value=p, description=p, depth1_name=p) for p in provinces],
        depth2_locations=[
            kmoment.Depth2Location(value=p + d, description="", depth1_name=p, depth2_name=d)
            for p, d in paths
        ],
        depth3_locations=[],
    )


I = "인천광역시"  # noqa: E741


@pytest.mark.parametrize(
    ("there", "name", "found"),
    [
        ((I, "남구"), "인천 미추홀구", "인천광역시 남구"),
        (("경상북도", "군위군"), "대구 군위군", "경상북도 군위군"),
        ((I, "동구"), "인천 제물포구", None),
        ((I, "제물포구"), "인천 동구", None),
        (("경상남도", "마산시"), "마산합포구", None),
        (("경기도", "화성시 동탄구"), "화성시", "경기도 화성시 동탄구"),
        (("경기도", "수원시장안구"), "수원 장안구", "경기도 수원시장안구"),
    ],
)
def test_a_server_may_be_ahead_or_behind(
    there: tuple[str, str], name: str, found: str | None
) -> None:
    """New and old names lead to what the server has, or the error names it."""
    tree = with_districts(there, (I, "서구"))
    if found:
        assert tree.one(name).full_name == found
    else:
        with pytest.raises(kmoment.LocationNotFoundError) as caught:
            tree.one(name)
        assert full_names(caught.value.successors) == [" ".join(there)]


def test_places_with_the_same_names_are_told_apart_by_code() -> None:
    """If two places have the same full name, the error says their codes."""
    rows_ = [
        kmoment.Depth2Location(
            value=code, description="", depth1_name="서울특별시", depth2_name="중구"
        )
        for code in ("I1", "I2")
    ]
    tree = LocationTree(locations=[], depth2_locations=rows_, depth3_locations=[])
    with pytest.raises(kmoment.AmbiguousLocationError) as caught:
        tree.one("중구")
    assert caught.value.writings == ("I1", "I2")


def test_a_kind_of_list_that_is_also_one_place_is_ambiguous() -> None:
    """경기/광주 may be one place or two provinces: it is not guessed."""
    for text in ("경기/광주", "경기 수원시, 광주"):
        last = list(whole_tree().resolve([text]))[-1]
        assert last.status == ResolveStatus.AMBIGUOUS
        assert {"광주광역시", "경기도 광주시"} <= {place.full_name for place in last.candidates}


@pytest.mark.parametrize(
    ("cell", "one", "several"),
    [
        ("서울 강남구, 역삼동", "서울 강남구 역삼동", "서울 강남구; 서울 역삼동"),
        ("강남구, 역삼동", "강남구 역삼동", "강남구; 역삼동"),
        ("역삼동, 강남구", "강남구 역삼동", "역삼동; 강남구"),
        ("경기 수원시, 팔달구", "경기 수원시 팔달구", "경기 수원시; 경기 팔달구"),
        ("서울 강남구/역삼동", "서울 강남구 역삼동", "서울 강남구; 서울 역삼동"),
        ("강남구 · 역삼동", "강남구 역삼동", "강남구; 역삼동"),
        ("강남구·역삼동", "강남구 역삼동", "강남구; 역삼동"),
        ("강남, 역삼1동", "강남 역삼1동", "강남; 역삼1동"),
        (("서울", "강남구, 역삼동"), "서울 강남구 역삼동", "서울 강남구; 서울 역삼동"),
        ("경기/광주", "경기 광주", "경기; 광주"),
    ],
)
def test_what_may_be_one_place_or_a_list_is_not_guessed(cell: Any, one: str, several: str) -> None:
    """A cell that reads as a path and as a list is ambiguous, and the error says both writings."""
    tree = whole_tree()
    (told,) = tree.resolve([cell])
    assert (told.status, told.readings) == (ResolveStatus.AMBIGUOUS, (one, several))
    with pytest.raises(kmoment.AmbiguousLocationError) as caught:
        tree.select(cell)
    assert pickle.loads(pickle.dumps(caught.value)).readings == (one, several)
    for text in (str(told), str(caught.value)):
        assert repr(one) in text
        assert repr(several) in text
    if isinstance(cell, str):
        assert set(tree.find(cell)) == set(told.candidates)
        with pytest.raises(kmoment.AmbiguousLocationError, match="list"):
            tree.one(cell)
    means = [set(tree.resolve([text]).places) for text in (one, several)]
    assert means[0] != means[1]
    assert means[0] | means[1] == set(told.candidates)
    assert not tree.resolve([one, several]).unsettled


@pytest.mark.parametrize(
    "cell", ["서울, 강남구", "강남구, 서울", "서울, 강남구, 역삼동", "강남구 > 역삼동"]
)
def test_commas_from_a_province_on_are_levels(cell: str) -> None:
    """A province alone at one end, and ``>``, make a path, and never a list."""
    (told,) = whole_tree().resolve([cell])
    assert told.places == whole_tree().find(cell)
    assert all(place.full_name.startswith("서울특별시 강남구") for place in told.places)


def test_a_name_of_a_list_may_be_a_list_too() -> None:
    """Within a longer list, what may be a path or a list is not guessed either."""
    columns = ("서울", "서초구, 강남구·역삼동")
    for cell, front in (("부산 중구, 강남구·역삼동", ""), (columns, "서울 ")):
        first, second = whole_tree().resolve([cell])
        assert (first.status, second.status) == (ResolveStatus.FOUND, ResolveStatus.AMBIGUOUS)
        assert second.readings == (f"{front}강남구 역삼동", f"{front}강남구; {front}역삼동")


def test_full_names_are_never_lists() -> None:
    """Each place is settled by its own full name, whatever dots are in it."""
    tree = whole_tree()
    assert not tree.resolve([place.full_name for place in tree]).unsettled


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("강남구 논현1·2동", ["논현1동", "논현2동"]),
        ("서울(강남구, 서초구)", ["강남구", "서초구"]),
        ("부산 중구·동구·서구", ["중구", "동구", "서구"]),
        ("청주 상당구 탑·대성동, 금천동", ["탑·대성동", "금천동"]),
        ("서울 강남구; 부산 중구 ;", ["강남구", "중구"]),
    ],
)
def test_other_lists(text: str, found: list[str]) -> None:
    """Lists of numbers, in brackets, and with dots are read too."""
    assert [one.places[0].full_name.split()[-1] for one in whole_tree().resolve([text])] == found


def test_a_column_of_500_names_is_settled_in_one_look() -> None:
    """``resolve`` has an outcome for each name, and prints as a table with what to write."""
    cells = [
        "강남구",
        "고성군",
        "",
        "강남귀",
        "청원군",
        "전국(제주 제외)",
        "수원시",
        "부산 중구, 동구",
    ]
    nan: Any = float("nan")  # as pandas has empty cells
    resolution = whole_tree().resolve([*cells, ("서울", None, "역삼1동"), ("서울", nan)])
    text = str(resolution)
    assert [one.line for one in resolution] == [1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10]
    assert [row.split()[0] for row in text.splitlines()[1:3]] == ["1", "2"]
    assert len(text.splitlines()) == 1 + len(resolution) + 1
    for told in ("강원특별자치도 고성군", "2014-07-01", "제외", "it is blank", "강남구"):
        assert told in text
    assert "6 found, 1 ambiguous, 2 not found, 2 refused" in repr(resolution)
    assert resolution[1].status == "ambiguous"
    assert len(resolution.unsettled) == 5
    assert len(resolution.places) == 9
    with pytest.raises(kmoment.InvalidArgumentError, match=r"line 2: 고성군[\s\S]*and 1 more"):
        resolution.raise_if_unsettled()
    pasted = whole_tree().resolve("강남구\n\n서초구")
    assert [one.line for one in pasted] == [1, 3]  # as an editor counts them
    pasted.raise_if_unsettled()
    assert "none" in repr(whole_tree().resolve([]))
    assert "…" in str(whole_tree().resolve(["가" * 40]))


@pytest.mark.parametrize("wanted", [[None], [["강남구"]], [1], [(1,)]])
def test_cells_of_another_type_are_refused(wanted: Any) -> None:
    """A cell is text or a tuple of text."""
    with pytest.raises(kmoment.InvalidArgumentError, match="lines"):
        whole_tree().resolve(wanted)


def test_the_official_names_alone() -> None:
    """``korea()`` has all names with source and date, and no codes; lists are checked offline."""
    official = korea()
    assert official.date == date(2025, 12, 31)
    assert "SGIS" in official.source
    assert official.source in files("kmoment._data").joinpath("ATTRIBUTION.txt").read_text("utf-8")
    assert len(official) == len(official.places) == 17 + 252 + 3557
    assert str(official.one("강남구")) == "서울특별시 강남구"
    assert not hasattr(official.one("강남구"), "value")
    assert len(official.search("논현")) == len(whole_tree().search("논현"))
    assert official.find("역삼동") == official.resolve(["역삼동"]).places
    assert "3826 places" in repr(official)
    with pytest.raises(kmoment.AmbiguousLocationError) as caught:
        official.one("고성군")
    assert caught.value.writings == ("강원특별자치도 고성군", "경상남도 고성군")


def test_the_names_have_sources_and_dates() -> None:
    """Each change says since when and by what, and leads to official names or known new ones."""
    data = json.loads(files("kmoment._data").joinpath("names.json").read_text("utf-8"))
    official = {place.full_name for place in korea().places}
    for change in data["changes"]:
        assert change["since"][:2] == "20"
        assert change["source"]
        there = [" ".join(path) in official for path in [change["old"], *change["new"]]]
        assert any(there)
    assert {row["names"][0] for row in data["provinces"]} == {
        place.depth1_name for place in korea().places
    }


def test_an_old_name_without_blanks_names_its_successors() -> None:
    """A place that is no more is recognised also where its names are written together."""
    with pytest.raises(kmoment.LocationNotFoundError) as caught:
        whole_tree().one("충청북도청원군")
    assert caught.value.successors


def test_columns_that_name_nothing_are_read_as_one_cell() -> None:
    """Separate columns whose last names no place are not found, as one name."""
    (one,) = whole_tree().resolve([("서울", "없는동네")])
    assert not one.places


def test_an_old_name_in_the_wrong_province_has_no_successor() -> None:
    """A name that is no more is not guessed in a province in which it never was."""
    with pytest.raises(kmoment.LocationNotFoundError) as caught:
        whole_tree().one("경상남도청원군")
    assert not caught.value.successors
