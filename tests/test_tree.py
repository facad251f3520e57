"""The tree of places: it is complete, needs one call per node, and is searched without calls."""

import csv
import gzip
import json
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import kmoment
from kmoment import LocationTree
from kmoment.sandbox import Fault, Sandbox
from kmoment.tree import full_name


def listed() -> set[tuple[str, ...]]:
    """The names of all places in the file of regions."""
    packed = files("kmoment._data").joinpath("regions.csv.gz").read_bytes()
    rows = [tuple(row) for row in csv.reader(gzip.decompress(packed).decode().splitlines()[1:])]
    return {row[:depth] for row in rows for depth in (1, 2, 3)}


@pytest.fixture(scope="module")
def tree() -> Iterator[LocationTree]:
    with Sandbox() as sandbox, kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        yield moment.locations.tree()


def calls(sandbox: Sandbox) -> int:
    return len(sandbox.requests())


def test_the_tree_is_complete(tree: LocationTree) -> None:
    """The tree has every province, district and neighbourhood of the file, each once."""
    names = {full_name(place) for place in tree}
    assert {" ".join(name) for name in listed()} <= names
    assert len(listed()) == 17 + 252 + 3557
    assert len({place.value for place in tree}) == len(tree) == len(list(tree))


def test_a_code_on_two_levels_is_one_place() -> None:
    """If a code occurs on two levels, the tree has it once. Kakao does not rule that out."""
    province = kmoment.Location(value="I1", description="", depth1_name="A")
    district = kmoment.Depth2Location(value="I1", description="", depth1_name="A", depth2_name="B")
    tree = LocationTree(locations=[province], depth2_locations=[district], depth3_locations=[])
    assert list(tree) == [district]
    assert len(tree) == 1


@pytest.mark.anyio
async def test_at_most_one_call_per_node_and_none_the_second_time(tmp_path: Path) -> None:
    """Loading makes one call, plus one per province and per district. The file saves them all."""
    file = tmp_path / "places.json"
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment,
    ):
        first = await moment.locations.tree(file=file)
        assert calls(sandbox) == 1 + len(first.locations) + len(first.depth2_locations)
        second = await moment.locations.tree(file=file)
        assert calls(sandbox) == 1 + 19 + 252
        assert not first.compare(second)
        assert second.date == first.date
        await moment.locations.tree(file=file, max_age=timedelta(0))
        assert calls(sandbox) == 2 * (1 + 19 + 252)


def test_the_sync_client_keeps_the_tree_too(sandbox: Sandbox, tmp_path: Path) -> None:
    """The sync client loads the same tree, and reads it from the file the second time."""
    file = tmp_path / "places.json"
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        first = moment.locations.tree(file=file)
        before = calls(sandbox)
        assert not first.compare(moment.locations.tree(file=file))
        assert calls(sandbox) == before


@pytest.mark.anyio
async def test_a_failing_call_fails_the_tree(tmp_path: Path) -> None:
    """If one call fails, the tree is neither returned nor written."""
    file = tmp_path / "places.json"
    async with Sandbox() as sandbox:
        sandbox.add_fault(
            Fault(
                "locations.depth3", "status", nth=(200,), status=400, body={"code": -2, "msg": "x"}
            )
        )
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            with pytest.raises(kmoment.BadRequestError):
                await moment.locations.tree(file=file)
    assert not file.exists()


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


FOUND = {
    "강남구 논현1동": ["서울특별시 강남구 논현1동"],
    "서울특별시": ["서울특별시"],
    "장안구": ["경기도 수원시 장안구"],
    "강원 고성군": ["강원특별자치도 고성군"],
    " 강원   고성군 ": ["강원특별자치도 고성군"],
    "고성군": ["강원특별자치도 고성군", "경상남도 고성군"],
    "서울 논현": ["서울특별시 강남구 논현1동", "서울특별시 강남구 논현2동"],
    "없는곳": [],
    "": [],
    "구": [],
}


@pytest.mark.parametrize("name", FOUND)
def test_finding(tree: LocationTree, name: str) -> None:
    """Exact names are found first, then an exact last word, then names with all words."""
    if name == "구":  # part of hundreds of names, but not a name itself
        assert len(tree.find(name)) > 100
    else:
        assert [full_name(place) for place in tree.find(name)] == FOUND[name]


@pytest.mark.parametrize(("name", "count"), [("고성군", 2), ("중구", 6), ("중앙동", 31)])
def test_a_shared_name_is_told_as_such(tree: LocationTree, name: str, count: int) -> None:
    """The error for a shared name has the number and all places, and can be pickled."""
    with pytest.raises(kmoment.AmbiguousLocationError, match=f"names {count}: ") as caught:
        tree.one(name)
    assert len(caught.value.candidates) == count
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.candidates) == (str(caught.value), caught.value.candidates)


def test_a_selection_is_a_drafts_fields(tree: LocationTree) -> None:
    """A selection of codes, names and rows gives the draft's fields, without violations."""
    fields = tree.select("부산광역시", "I1000", "강남구 논현1동", tree["I1000"])
    assert {name: len(rows) for name, rows in fields.items()} == {  # type: ignore[arg-type]
        "locations": 1,
        "depth2_locations": 1,
        "depth3_locations": 1,
    }
    assert kmoment.AudienceDraft.display("South", **fields).violations() == ()
    assert tree.select() == {}
    with pytest.raises(kmoment.InvalidArgumentError, match="없는곳"):
        tree.select("I", "없는곳")


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
    assert (full_name(old), full_name(new)) == ("강원특별자치도", "강원도")
    assert changes


@pytest.mark.parametrize("wanted", [["I10"], None, 10])
def test_a_selection_of_something_else_is_refused(tree: LocationTree, wanted: Any) -> None:
    """``select`` refuses a list: without its star it could target everywhere."""
    with pytest.raises(kmoment.InvalidArgumentError, match="wanted"):
        tree.select(wanted)


def test_a_date_without_a_zone_is_seouls(tree: LocationTree, tmp_path: Path) -> None:
    """A date without a zone is Seoul time, so that its age can be computed."""
    bare = LocationTree(
        date=datetime(2024, 1, 1),
        locations=tree.locations,
        depth2_locations=(),
        depth3_locations=(),
    )
    bare.save(tmp_path / "places.json")
    assert LocationTree.kept(tmp_path / "places.json", timedelta(days=1)) is None


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
