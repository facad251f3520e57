"""The tree of places: walking, selecting, comparing, and the file it is saved in."""

import json
import os
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import kmoment
from helpers.places import whole_tree
from kmoment import LocationTree
from kmoment.places import Missing, korea


@pytest.fixture(scope="module")
def tree() -> LocationTree:
    return whole_tree()


def test_a_code_on_two_levels_is_one_place() -> None:
    """If a code occurs on two levels, the tree has it once. Kakao does not rule that out."""
    province = kmoment.Location(value="I1", description="", depth1_name="A")
    district = kmoment.Depth2Location(value="I1", description="", depth1_name="A", depth2_name="B")
    tree = LocationTree(locations=[province], depth2_locations=[district], depth3_locations=[])
    assert list(tree) == [district]
    assert len(tree) == 1


def test_walking(tree: LocationTree) -> None:
    """The tree gives the path, parent and children of a place, and all places in it."""
    gangnam = tree["I1000"]
    assert [place.value for place in tree.path(tree["I10000101"])] == ["I", "I1000", "I10000101"]
    assert tree.parent(tree["I"]) is None
    assert tree["I10000101"] in tree.children(gangnam)
    assert tree.children(tree["I10000101"]) == ()
    assert {place.value[:5] for place in tree.walk(gangnam)} == {"I1000"}
    assert "I1000" in tree
    assert "X" not in tree
    with pytest.raises(KeyError):
        tree["X"]


@pytest.mark.parametrize(("name", "count"), [("고성군", 2), ("중구", 6), ("중앙동", 31)])
def test_a_shared_name_is_told_as_such(tree: LocationTree, name: str, count: int) -> None:
    """The error for a shared name has the number and all places, and can be pickled."""
    with pytest.raises(kmoment.AmbiguousLocationError, match=f"names {count}: ") as caught:
        tree.one(name)
    assert len(caught.value.candidates) == count
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.candidates) == (str(caught.value), caught.value.candidates)


def test_the_tree_is_complete(tree: LocationTree) -> None:
    """The tree has every official place, each once, and prints each by its full name."""
    names = {str(place) for place in tree}
    assert {place.full_name for place in korea().places} <= names
    assert len({place.value for place in tree}) == len(tree) == len(list(tree))
    assert tree.missing == ()
    assert tree.is_whole


def test_searching(tree: LocationTree) -> None:
    """``search`` takes parts of names, in any number; nothing else does."""
    assert {place.full_name for place in tree.search("서울 논현")} == {
        "서울특별시 강남구 논현1동",
        "서울특별시 강남구 논현2동",
    }
    assert len(tree.search("구")) > 100
    assert tree.search(" ") == tree.find("") == tree.find("구") == ()
    with pytest.raises(kmoment.InvalidArgumentError, match="text"):
        tree.search(None)  # type: ignore[arg-type]


def test_a_selection_is_a_drafts_fields(tree: LocationTree) -> None:
    """A selection of codes, names and rows gives the draft's fields, without violations."""
    fields = tree.select("부산광역시", "I1000", "송파구 잠실본동", tree["I1000"])
    assert {name: len(rows) for name, rows in fields.items()} == {  # type: ignore[arg-type]
        "locations": 1,
        "depth2_locations": 1,
        "depth3_locations": 1,
    }
    assert kmoment.AudienceDraft.display("South", **fields).violations() == ()
    with pytest.raises(kmoment.LocationNotFoundError, match="없는곳"):
        tree.select("I", "없는곳")


def test_a_replaced_selection_keeps_no_old_place(tree: LocationTree) -> None:
    """All three levels are in a selection, so that a draft's places are all replaced."""
    draft = kmoment.AudienceDraft.display("x", **tree.select("강남구"))
    replaced = draft.replace(**tree.select("부산광역시"))
    assert [place.full_name for place in replaced.locations or ()] == ["부산광역시"]
    assert replaced.depth2_locations is None
    none = draft.replace(**tree.select(nothing=True))
    assert (none.locations, none.depth2_locations, none.depth3_locations) == (None, None, None)


@pytest.mark.parametrize("wanted", [(), (" ",), ("",), (("", None),), ("서울 제외",), ("중구",)])
def test_what_is_not_settled_is_refused(tree: LocationTree, wanted: tuple[Any, ...]) -> None:
    """No name, a blank one, one that excludes, and a shared one are refused."""
    with pytest.raises(kmoment.InvalidArgumentError):
        tree.select(*wanted)


@pytest.mark.parametrize("wanted", ["강남/서초", "전국 빼고 서울", " ", None, ["강남"]])
def test_one_takes_one(tree: LocationTree, wanted: Any) -> None:
    """``one`` refuses a list, and says what reads one."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        tree.one(wanted)
    assert ("select" in str(caught.value)) == (wanted == "강남/서초")
    assert tree.one("I1000").full_name == "서울특별시 강남구"


def test_lists_and_columns_are_selected(tree: LocationTree) -> None:
    """``select`` reads lists, columns, cities and groups."""
    chosen = tree.select("부산 중구, 동구", ("전북", "전주시", None), "수도권 ")
    assert [len(rows or ()) for rows in chosen.values()] == [3, 4, 0]  # type: ignore[arg-type]


def test_a_place_in_a_chosen_place_is_a_warning(tree: LocationTree) -> None:
    """A province together with a district in it warns, and names both."""
    with pytest.warns(UserWarning, match="서울특별시 강남구 lies in 서울특별시"):
        tree.select("서울", "강남구")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree.select("부산", "강남구")


def test_saved_and_loaded_it_is_the_same(tree: LocationTree, tmp_path: Path) -> None:
    """A saved and loaded tree has the same date and places, and no other file is left."""
    file = tmp_path / "places.json"
    tree.save(file)
    again = LocationTree.load(os.fspath(file))
    assert again.date == tree.date
    assert list(again) == list(tree)
    assert [path.name for path in tmp_path.iterdir()] == ["places.json"]
    assert f"{tree.date:%Y-%m-%d}" in repr(again)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"date": "x"}', "no"])
def test_another_file_is_refused(text: str, tmp_path: Path) -> None:
    """A file that kmoment has not saved is refused, and a missing one is FileNotFoundError."""
    file = tmp_path / "places.json"
    file.write_text(text)
    with pytest.raises(kmoment.InvalidArgumentError, match="file"):
        LocationTree.load(file)
    with pytest.raises(FileNotFoundError):
        LocationTree.load(tmp_path / "none.json")


def test_a_file_that_cannot_be_written_leaves_nothing(tree: LocationTree, tmp_path: Path) -> None:
    """If the file cannot be written, OSError is raised and no part of the file is left."""
    with pytest.raises(OSError):  # noqa: PT011 - the message depends on the system
        tree.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_dates_are_compared(tree: LocationTree, tmp_path: Path) -> None:
    """Two trees are compared by code: places added, removed and renamed."""
    file = tmp_path / "places.json"
    tree.save(file)
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    gone = data["depth3_locations"].pop()
    data["locations"][0]["depth1Name"] = "강원도"
    data["locations"].append({"value": "Y", "description": "새 도", "depth1Name": "새 도"})
    file.write_text(json.dumps(data))
    changes = tree.compare(LocationTree.load(file))
    assert [place.value for place in changes.added] == ["Y"]
    assert [place.value for place in changes.removed] == [gone["value"]]
    ((old, new),) = changes.renamed
    assert (old.full_name, new.full_name) == ("강원특별자치도", "강원도")
    assert changes


@pytest.mark.parametrize("wanted", [["I10"], None, 10])
def test_a_selection_of_something_else_is_refused(tree: LocationTree, wanted: Any) -> None:
    """``select`` refuses a list: without its star it could target everywhere."""
    with pytest.raises(kmoment.InvalidArgumentError, match="wanted"):
        tree.select(wanted)


def test_a_date_without_a_zone_is_seouls(tree: LocationTree) -> None:
    """A date without a zone is Seoul time, so that its age can be computed."""
    bare = LocationTree(
        date=datetime(2024, 1, 1), locations=(), depth2_locations=(), depth3_locations=()
    )
    assert bare.date.utcoffset() == tree.date.utcoffset()


def test_what_is_missing_is_saved_and_compared(tree: LocationTree, tmp_path: Path) -> None:
    """``missing`` is in the file, in the repr, and in a comparison."""
    lacking = LocationTree(
        locations=tree.locations,
        depth2_locations=tree.depth2_locations,
        depth3_locations=tree.depth3_locations,
        missing=[Missing("서울특별시 강남구", "cut")],
    )
    lacking.save(tmp_path / "places.json")
    again = LocationTree.load(tmp_path / "places.json")
    assert again.missing == lacking.missing
    assert "1 missing" in repr(again)
    assert tree.compare(again).newly_missing == lacking.missing
    assert again.compare(tree).no_longer_missing == lacking.missing
    assert not lacking.compare(again)


def test_an_old_file_is_read(tree: LocationTree, tmp_path: Path) -> None:
    """A file of the version without ``missing`` is read."""
    file = tmp_path / "places.json"
    tree.save(file)
    data = json.loads(file.read_text(encoding="utf-8"))
    del data["missing"]
    file.write_text(json.dumps(data), encoding="utf-8")
    assert LocationTree.load(file).missing == ()


def test_a_poor_tree_is_not_written_over_a_whole_one(tree: LocationTree, tmp_path: Path) -> None:
    """A tree that is not whole does not replace a file with one that is."""
    file = tmp_path / "places.json"
    tree.save(file)
    poor = LocationTree(locations=tree.locations, depth2_locations=(), depth3_locations=())
    with pytest.raises(kmoment.InvalidArgumentError, match="whole"):
        poor.save(file)
    assert LocationTree.load(file).is_whole


def test_old_and_new_names_of_a_province_are_one() -> None:
    """Kakao's samples have 강원특별자치도 and, in another row, 강원도: the tree joins them."""
    province = kmoment.Location(value="A", description="", depth1_name="강원특별자치도")
    district = kmoment.Depth2Location(
        value="A7005", description="", depth1_name="강원도", depth2_name="삼척시"
    )
    tree = LocationTree(locations=[province], depth2_locations=[district], depth3_locations=[])
    assert tree.parent(district) == province
    assert tree.one("강원 삼척시") == tree.one("강원특별자치도 삼척시") == district


def test_threads_may_save_at_once(tree: LocationTree, tmp_path: Path) -> None:
    """Threads can save to one file at once, and the file is always valid."""
    file = tmp_path / "places.json"
    small = LocationTree(
        locations=tree.locations, depth2_locations=tree.depth2_locations, depth3_locations=()
    )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: small.save(file), range(40)))
    assert len(LocationTree.load(file)) == len(small)
    assert [path.name for path in tmp_path.iterdir()] == ["places.json"]
