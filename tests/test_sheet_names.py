"""Names in the cells of a sheet: each is the row that was meant, or a fault. Never another row."""

from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

import kmoment
from kmoment import sheets, testing
from kmoment.sheets._entries import CellNames, read_entries
from test_sheets import draft_of, faults_of, with_cell

FILES = (
    (1, "서울, 2024"),
    (2, "부산"),
    (3, "a (제외)"),
    (4, "VIP"),
    (5, "VIP, 2024"),
    (6, "둘, 다"),
    (7, "둘, 다"),
    (8, "셋"),
    (9, "넷"),
    (10, "셋; 넷"),
    (11, "다섯; 여섯"),
)


def with_files(tmp_path: Path, text: str) -> tuple[kmoment.Client, sheets.Sheet]:
    """A client whose one answer are the files, and a sheet that names some of them."""
    script = testing.Script(testing.answer([{"id": it, "name": name} for it, name in FILES]))
    return script.client(), with_cell(tmp_path, "고객파일", text)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("서울, 2024", [1]),
        ("서울, 2024\n부산, a (제외)", [1, 2, 3]),
        ("부산, 서울, 2024, VIP", [2, 1, 4]),
        ("서울, 2024; 부산", [1, 2]),
        ("VIP, 2024", [5]),
        ("VIP, 부산", [4, 2]),
        ("다섯; 여섯", [11]),
        ("넷;셋", [9, 8]),
        ("다섯; 여섯, 넷", [11, 9]),
        (" ,부산,, VIP;", [2, 4]),
    ],
)
def test_a_name_with_a_comma_is_one_name(tmp_path: Path, text: str, ids: list[int]) -> None:
    """If that is the one way to read the cell; what separates names may stand in a name."""
    client, sheet = with_files(tmp_path, text)
    with client as scripted:
        files = draft_of(scripted, sheet).customer_file_targetings or ()
    assert [it.customer_file_id for it in files] == ids
    assert {it.inclusion_type for it in files} == {"INCLUDE"}


def test_a_name_with_a_comma_may_be_left_out(tmp_path: Path) -> None:
    """The word for it stands after the whole name."""
    client, sheet = with_files(tmp_path, "부산, 서울, 2024 (제외), VIP (제외)")
    with client as scripted:
        files = draft_of(scripted, sheet).customer_file_targetings or ()
    found = [(it.customer_file_id, it.inclusion_type) for it in files]
    assert found == [(2, "INCLUDE"), (1, "EXCLUDE"), (4, "EXCLUDE")]


@pytest.mark.parametrize(
    ("text", "rule_ko", "near"),
    [
        ("둘, 다", "같은 이름이 여러 개", ("6", "7")),
        ("둘, 다 (제외)", "같은 이름이 여러 개", ("6", "7")),
        ("부산, 둘, 다", "'둘, 다': 같은 이름이 여러 개", ("6", "7")),
        ("셋; 넷", "여러 뜻", ()),
        ("부산\n셋; 넷 (제외)", "'셋; 넷 (제외)': 여러 뜻", ()),
        ("서울, 2024, 부싼", "'부싼': 없는 이름", ("부산",)),
    ],
)
def test_a_cell_that_may_be_read_in_two_ways(
    tmp_path: Path, text: str, rule_ko: str, near: tuple[str, ...]
) -> None:
    """It is one fault, and none of the two: what several rows share is never split."""
    client, sheet = with_files(tmp_path, text)
    with client as scripted:
        (fault,) = faults_of(scripted, sheet).values()
    assert rule_ko in fault.text_ko
    assert fault.near == near


def test_names_that_rows_share_are_told_with_their_ids(tmp_path: Path) -> None:
    """The near values are the ids, one of which settles it."""
    script = testing.Script(testing.answer([{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]))
    with script.client() as scripted:
        (fault,) = faults_of(scripted, with_cell(tmp_path, "고객파일", "a")).values()
    assert fault.near == ("1", "2")


NAMES = st.text("ab,; ", max_size=6).map(str.strip).filter(bool)


@given(st.lists(NAMES, min_size=1, max_size=6), st.data(), st.sampled_from([", ", ";", "\n"]))
def test_no_cell_means_another_row(names: list[str], data: st.DataObject, mark: str) -> None:
    """Names that are there, joined as people do, are these rows or a fault, whatever is in them."""
    rows = [kmoment.CustomerFile(id=at, name=name) for at, name in enumerate(names, 1)]
    chosen = data.draw(st.lists(st.sampled_from(rows), min_size=1, max_size=4))
    text = mark.join(str(row.name) for row in chosen)
    found, wrongs = read_entries("customer_file_targetings", text, CellNames(rows))
    assert wrongs or [one.customer_file_id for one in found] == [row.id for row in chosen]


@given(st.lists(st.text("ab", min_size=1), min_size=1, unique=True), st.sampled_from([", ", ";"]))
@example([f"name {at}" for at in range(5_000)], ",")
def test_plain_names_are_all_read(names: list[str], mark: str) -> None:
    """Names without marks are no fault, however many stand in a cell."""
    rows = [kmoment.CustomerFile(id=at, name=name) for at, name in enumerate(names, 1)]
    found, wrongs = read_entries("customer_file_targetings", mark.join(names), CellNames(rows))
    assert (len(found), wrongs) == (len(rows), ())
