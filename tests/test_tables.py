"""Tables: one set of columns, and files that other libraries read back as they were written."""

import builtins
import csv
import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import kmoment
from helpers.strategies import MODELS, models_of
from kmoment import testing
from kmoment._file import _part
from kmoment._protocol.converter import SEOUL
from kmoment.sandbox import Sandbox
from kmoment.tables._labels import HEADS, WORDS

ID = 3830610710806837838
SUMMARY = kmoment.AudienceSummary(
    id=ID,
    name='=1+1, "이십대"\n',
    audience_status=kmoment.AudienceStatus.AVAILABLE,
    created_date=datetime(2026, 1, 2, tzinfo=SEOUL),
)
GROUP = kmoment.AudienceAdGroup(
    campaign_id=1,
    ad_group_id=2,
    campaign_type_goal=kmoment.CampaignTypeGoal(
        campaign_type=kmoment.CampaignType.DISPLAY, goal=kmoment.Goal.VISITING
    ),
    ad_group_status=(kmoment.AdGroupStatus.LIVE, kmoment.AdGroupStatus.READY),
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)


def audience(**members: Any) -> kmoment.Audience:
    return kmoment.Audience(id=1, name="a", type=kmoment.AudienceType.DISPLAY, **members)


# -- Rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda it: it.__name__)
@given(data=st.data())
def test_every_model_is_one_flat_row(model: Any, data: st.DataObject) -> None:
    """Rows of a class have the same columns, with text, numbers, true, false or nothing."""
    first, second = data.draw(models_of(model)).to_row(), data.draw(models_of(model)).to_row()
    assert list(first) == list(second)
    assert all(type(it) in (str, int, float, bool, type(None)) for it in first.values())


def test_a_row_reads_well() -> None:
    """Sets are joined, places are named, objects are flat, what is deeper is JSON."""
    place = kmoment.Depth3Location(
        value="I10000101",
        description="x",
        depth1_name="서울특별시",
        depth2_name="강남구",
        depth3_name="논현1동",
    )
    province = kmoment.Location(value="I", description="x", depth1_name="서울특별시")
    district = kmoment.Depth2Location(
        value="I1000", description="x", depth1_name="서울특별시", depth2_name="강남구"
    )
    row = audience(
        ages=(kmoment.Age.AGE_20, kmoment.Age.AGE_25),
        genders=(),
        locations=(province,),
        depth2_locations=(district,),
        depth3_locations=(place, place),
        ufo_interests=("a", {"id": "b"}, None),
        cohort_targetings=(kmoment.CohortTargeting(cohort_id=1),),
        extra={"new": [1]},
    ).to_row()
    assert (row["type"], row["ages"], row["genders"], row["customer_file_targetings"]) == (
        "DISPLAY",
        "20, 25",
        "",
        None,
    )
    assert (row["locations"], row["depth2_locations"]) == ("서울특별시", "서울특별시 강남구")
    assert (row["location_codes"], row["depth3_location_codes"]) == ("I", "I10000101, I10000101")
    assert row["depth3_locations"] == "서울특별시 강남구 논현1동, 서울특별시 강남구 논현1동"
    assert row["ufo_interests"] == 'a, {"id": "b"}, '
    assert row["cohort_targetings"] == '{"cohort_id": 1}'
    assert row["extra"] == '{"new": [1]}'
    assert GROUP.to_row()["campaign_type_goal_goal"] == "VISITING"
    assert GROUP.to_row()["ad_group_status"] == "LIVE, READY"
    assert SUMMARY.to_row()["created_date"] == "2026-01-02T00:00:00+09:00"


def test_rows_have_one_set_of_columns() -> None:
    """Rows of several classes have all columns; each row has its account."""
    table = kmoment.rows([SUMMARY, GROUP, {"id": 7, "own": [1]}], ad_account_id=1234)
    assert all(list(row) == list(table[0]) for row in table)
    assert {row["ad_account_id"] for row in table} == {1234}
    assert table[2]["own"] == "1"
    assert "error" not in table[0]
    by_account = kmoment.rows({1: [SUMMARY], "2": [SUMMARY, audience(ad_account_id=9)]})
    assert [row["ad_account_id"] for row in by_account] == [1, 2, 9]
    assert kmoment.rows([]) == []
    deleted = kmoment.Outcome(
        index=0, input=1, status=kmoment.OutcomeStatus.OK, value=kmoment.DeleteStatus.DELETED
    )
    assert kmoment.rows([deleted], inputs="audience_id") == [{"audience_id": 1, "value": "deleted"}]


def test_outcomes_become_rows() -> None:
    """The rows of each input have it beside them; an input that failed is a row with its error."""
    with (
        Sandbox(accounts=(1234, 5678)) as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
    ):
        ids = [1234, 5678, 9]
        outcomes = moment.each_account(ids, lambda it: it.audiences.list()).collect()
        table = kmoment.rows(outcomes, inputs="ad_account_id")
        single = kmoment.rows(moment.each(moment.account(1234).audiences.get, [1]).collect())
    assert [row["ad_account_id"] for row in table] == [1234] * 3 + [5678] * 3 + [9]
    assert [row["error"] is None for row in table] == [True] * 6 + [False]
    assert "permission" in table[6]["error"]
    assert (single[0]["input"], single[0]["name"]) == (1, "first_audience")


@pytest.mark.parametrize(
    ("argument", "items", "how"),
    [
        ("items", 3, {}),
        ("items", "text", {}),
        ("items[1]", [SUMMARY, 3], {}),
        ("items", {"x": [SUMMARY]}, {}),
        ("ad_account_id", [], {"ad_account_id": 0}),
        ("inputs", [], {"inputs": ""}),
    ],
)
def test_what_is_no_table_is_refused(argument: str, items: Any, how: dict[str, Any]) -> None:
    """An item that is no row is one error that names it, and no file is left."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        kmoment.rows(items, **how)
    assert caught.value.argument == argument


# -- Files ------------------------------------------------------------------------------


def read_xlsx(path: Path) -> list[dict[str, Any]]:
    openpyxl: Any = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(path).active
    header, *lines = ([it.value for it in line] for line in sheet.iter_rows())
    assert all(it.data_type != "f" for line in sheet.iter_rows() for it in line)
    return [dict(zip(header, line, strict=True)) for line in lines]


def read_csv(path: Path, **how: Any) -> list[dict[str, Any]]:
    pandas: Any = pytest.importorskip("pandas")
    frame = pandas.read_csv(path, dtype=object, keep_default_na=False, na_values=[""], **how)
    return [
        {name: None if pandas.isna(it) else it for name, it in row.items()}
        for row in frame.to_dict("records")
    ]


def as_written(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A table as text, without the difference of nothing and empty."""
    return [{k: None if v in (None, "") else str(v) for k, v in row.items()} for row in table]


def test_xlsx_reads_back_equal(tmp_path: Path) -> None:
    """openpyxl reads what was written: long ids are text, no formula, dates are dates."""
    pytest.importorskip("xlsxwriter")
    path = tmp_path / "a.xlsx"
    items = [SUMMARY, GROUP, {"id": 5, "ready": True, "share": 0.5, "link": "https://a.b"}]
    assert kmoment.write(items, path, ad_account_id=1234) == 3
    back, table = read_xlsx(path), kmoment.rows(items, ad_account_id=1234)
    assert back[0].pop("created_date") == datetime(2026, 1, 2)
    assert table[0].pop("created_date") == "2026-01-02T00:00:00+09:00"
    assert as_written(back) == as_written(table)
    assert [row["id"] for row in back] == [str(ID), None, "5"]
    assert (back[2]["ready"], back[2]["share"], back[1]["ad_group_id"]) == (True, 0.5, 2)
    assert back[0]["name"] == SUMMARY.name
    assert [it.name for it in tmp_path.iterdir()] == ["a.xlsx"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "A.CSV"])
def test_csv_reads_back_equal(tmp_path: Path, name: str) -> None:
    """pandas reads what was written, whatever the text holds."""
    path = tmp_path / name
    items = [SUMMARY, GROUP, {"id": 5, "ready": True, "note": "a\tb;c"}]
    kmoment.write(items, path)
    back = read_csv(path, sep="\t" if name == "a.tsv" else ",")
    table = kmoment.rows(items)
    table[2]["ready"] = "true"
    assert as_written(back) == as_written(table)
    assert not path.read_bytes().startswith(b"\xef\xbb\xbf")


def test_csv_for_excel(tmp_path: Path) -> None:
    """For Excel there is a byte order mark, no formula, and long ids are text."""
    path = tmp_path / "a.csv"
    texts = ["=1+1", "+1", "-1", "@x", "ok", ""]
    kmoment.write([{"id": ID, "n": -5, "text": it} for it in texts], path, excel=True)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@x", "ok", ""]
    assert {row["id"] for row in rows} == {f"\t{ID}"}
    assert {row["n"] for row in rows} == {"-5"}


def test_jsonl_reads_back_equal(tmp_path: Path) -> None:
    """Each line is one object; whole numbers that JSON readers would round are text."""
    path = tmp_path / "a.jsonl"
    items = [SUMMARY, GROUP, {"id": 5, "ready": True}]
    kmoment.write(items, path)
    back = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert as_written(back) == as_written(kmoment.rows(items))
    assert [row["id"] for row in back] == [str(ID), None, "5"]
    assert back[2]["ready"] is True


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.integers(-(2**63), 2**63), "text": TEXTS, "on": st.booleans() | st.none()}
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_text_survives(tmp_path: Path, table: list[dict[str, Any]]) -> None:
    """Any text and any id of 64 bits come back as they were, from each kind of file."""
    pytest.importorskip("xlsxwriter")
    expected = as_written(table)
    kmoment.write(table, tmp_path / "a.xlsx")
    assert as_written(read_xlsx(tmp_path / "a.xlsx")) == expected
    kmoment.write(table, tmp_path / "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_text("utf-8").split("\n")[:-1]
    assert as_written([json.loads(line) for line in lines]) == expected
    kmoment.write(table, tmp_path / "a.tsv")
    with (tmp_path / "a.tsv").open(encoding="utf-8", newline="") as file:
        back: list[dict[str, Any]] = list(csv.DictReader(file, delimiter="\t"))
    spelt = [{k: v.lower() if k == "on" and v else v for k, v in row.items()} for row in expected]
    assert as_written(back) == spelt


def test_empty_tables(tmp_path: Path) -> None:
    """No item makes a file without rows, of each kind."""
    for end in ("csv", "tsv", "jsonl", "xlsx"):
        assert kmoment.write([], tmp_path / f"a.{end}") == 0
        assert (tmp_path / f"a.{end}").exists()


@pytest.fixture
def no_xlsxwriter(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__
    monkeypatch.setattr("kmoment.tables._excel.import_module", lambda name: real(f"{name}_missing"))


def test_xlsxwriter_is_optional(tmp_path: Path, no_xlsxwriter: None) -> None:
    """Without xlsxwriter the error names the extra; other kinds of files need nothing."""
    with pytest.raises(ModuleNotFoundError, match=r'pip install "kmoment\[excel\]"'):
        kmoment.write([SUMMARY], tmp_path / "a.xlsx")
    assert kmoment.write([SUMMARY], tmp_path / "a.csv") == 1


def test_what_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of file that is not known, and a sheet that is too large, leave nothing behind."""
    with pytest.raises(kmoment.InvalidArgumentError, match=r"\.csv, \.tsv, \.jsonl, \.xlsx"):
        kmoment.write([], tmp_path / "a.xls")
    long = [{"text": "x" * 32_768}]
    with pytest.raises(kmoment.InvalidArgumentError, match=r"items\[0\].text"):
        kmoment.write(long, tmp_path / "a.xlsx")
    monkeypatch.setattr("kmoment.tables._excel.ROWS", 1)
    with pytest.raises(kmoment.InvalidArgumentError, match="at most 1 rows"):
        kmoment.write([SUMMARY, SUMMARY], tmp_path / "a.xlsx")
    with pytest.raises(OSError, match="No such"):
        kmoment.write([SUMMARY], tmp_path / "no" / "a.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["csv", "tsv", "jsonl", "xlsx"])
def test_a_file_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """It is an OSError of the file as it was given, whatever writes it, and nothing is left."""
    pytest.importorskip("xlsxwriter")
    path = tmp_path / f"a.{end}"
    _part(path).symlink_to(tmp_path / "no" / "folder")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OSError, match="No such") as caught:
        kmoment.write([SUMMARY], path)
    assert caught.value.filename == str(path)
    assert ".part" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_has_all_columns_or_is_refused(tmp_path: Path) -> None:
    """Excel has 16,384 columns: one more, and a head that is too long, are one error."""
    path = tmp_path / "a.xlsx"
    with pytest.raises(kmoment.InvalidArgumentError, match=r"at most 16,384 columns.*16385"):
        kmoment.write({"A": [{"id": 1}], "B": [dict.fromkeys(map(str, range(16_385)), 1)]}, path)
    with pytest.raises(kmoment.InvalidArgumentError, match=r"^items must.* 32,767 characters"):
        kmoment.write([{"x" * 32_768: 1}], path)
    assert list(tmp_path.iterdir()) == []
    kmoment.write([dict.fromkeys(map(str, range(16_384)), 1)], path)
    assert set(book_of(path)["kmoment"][1]) == {1}


def test_a_file_that_was_there_stays_if_writing_fails(tmp_path: Path) -> None:
    """A write that fails midway leaves the old file, and no half one."""
    path = tmp_path / "a.jsonl"
    path.write_text("old")
    with pytest.raises(ValueError, match="surrogates"):
        kmoment.write([{"x": 1}, {"x": "\ud800"}], path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_answers_go_straight_into_a_file(tmp_path: Path) -> None:
    """What a call answers is written as it is."""
    script = testing.Script(testing.answer([{"id": 1, "name": "a", "new": {"x": 1}}]))
    with script.client() as moment:
        kmoment.write(moment.account(1).audiences.list(), tmp_path / "a.csv", ad_account_id=1)
    (row,) = read_csv(tmp_path / "a.csv")
    assert (row["ad_account_id"], row["id"], row["extra"]) == ("1", "1", '{"new": {"x": 1}}')


# -- Workbooks for people ---------------------------------------------------------------


def book_of(path: Path) -> dict[str, list[list[Any]]]:
    openpyxl: Any = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(path)
    return {it.title: [[cell.value for cell in line] for line in it.iter_rows()] for it in book}


def test_a_book_has_several_sheets(tmp_path: Path) -> None:
    """Each title is a sheet of its own; one that is an account's id is the account of its rows."""
    path = tmp_path / "a.xlsx"
    assert kmoment.write({"8월": [SUMMARY], "1234": [SUMMARY, SUMMARY], "Empty": []}, path) == 3
    book = book_of(path)
    assert list(book) == ["8월", "1234", "Empty"]
    assert book["8월"][0][0] == "id"
    assert [line[0] for line in book["1234"]] == ["ad_account_id", 1234, 1234]
    assert kmoment.write({1234: [SUMMARY], 5678: [SUMMARY]}, path) == 2
    assert [line[0] for line in book_of(path)["kmoment"]] == ["ad_account_id", 1234, 5678]
    assert kmoment.write({"A": {1: [SUMMARY]}}, path, ad_account_id=9) == 1
    assert book_of(path)["A"][1][0] == 1


@pytest.mark.parametrize(
    "titles", [["a/b"], ["x" * 32], [""], ["History"], ["a", "A"], ["'a"], ["a", 1]]
)
def test_titles_that_excel_does_not_take_are_refused(tmp_path: Path, titles: list[Any]) -> None:
    """The error names the title, and no file is left."""
    with pytest.raises(kmoment.InvalidArgumentError, match="items"):
        kmoment.write({title: [SUMMARY] for title in titles}, tmp_path / "a.xlsx")
    with pytest.raises(kmoment.InvalidArgumentError, match="items"):
        kmoment.write({"several": [SUMMARY]}, tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_labels_are_korean(tmp_path: Path) -> None:
    """Heads, statuses, goals, types and genders have labels; a word without one stays."""
    rows = [
        attrs.evolve(audience(genders=("M", "F")), audience_status=kmoment.AudienceStatus("NEW")),
        GROUP,
    ]
    kmoment.write(rows, tmp_path / "a.xlsx", labels="ko", ad_account_id=1)
    head, first, second = book_of(tmp_path / "a.xlsx")["kmoment"]
    one, two = dict(zip(head, first, strict=True)), dict(zip(head, second, strict=True))
    assert (one["광고계정"], one["유형"], one["성별"]) == (1, "디스플레이", "남, 여")
    assert one["오디언스 상태"] == "NEW"
    assert (two["캠페인 목표"], two["광고그룹 상태"]) == ("방문", "집행 중, 집행 예정")
    kmoment.write(rows, tmp_path / "a.csv", labels="ko")
    assert (tmp_path / "a.csv").read_text("utf-8").startswith("ID,이름,")
    kmoment.write([{"name": 1, "이름": 2}, {"이름": 3}], tmp_path / "a.jsonl", labels="ko")
    assert json.loads((tmp_path / "a.jsonl").read_text("utf-8").split("\n")[0]) == {
        "name": 1,
        "이름": 2,
    }


def test_every_head_is_of_one_column() -> None:
    """No two columns have one head, and each head and label is of a column that exists."""
    assert len(set(HEADS.values())) == len(HEADS)
    empty = [model.__new__(model) for model in MODELS]
    for made in empty:
        made.__setstate__({})
    columns = {name for made in empty for name in made.to_row()}
    assert set(HEADS) - {"error"} <= columns | {"ad_account_id"}
    assert set(WORDS) <= columns


def test_ids_are_text_or_numbers(tmp_path: Path) -> None:
    """As text in each kind of file; as numbers only where no reader changes them."""
    row = {"id": 5, "ad_group_id": None, "count": 6}
    kmoment.write([row], tmp_path / "a.xlsx", ids="text")
    assert book_of(tmp_path / "a.xlsx")["kmoment"][1] == ["5", None, 6]
    kmoment.write([row], tmp_path / "a.jsonl", ids="text")
    assert json.loads((tmp_path / "a.jsonl").read_text()) == {**row, "id": "5"}
    kmoment.write([row], tmp_path / "a.csv", ids="text", excel=True)
    assert (tmp_path / "a.csv").read_text("utf-8-sig").endswith("\t5,,6\n")
    kmoment.write([row], tmp_path / "a.xlsx", ids="number")
    assert book_of(tmp_path / "a.xlsx")["kmoment"][1] == [5, None, 6]
    for name in ("a.xlsx", "a.jsonl"):
        with pytest.raises(kmoment.InvalidArgumentError, match="the numbers of id"):
            kmoment.write([SUMMARY], tmp_path / name, ids="number")
    kmoment.write([SUMMARY], tmp_path / "a.csv", ids="number")
    kmoment.write([{"id": 5, "population": 2**60}], tmp_path / "a.xlsx", ids="number")
    assert book_of(tmp_path / "a.xlsx")["kmoment"][1] == [5, str(2**60)]
    for wrong in ({"ids": "x"}, {"labels": "en"}):
        with pytest.raises(kmoment.InvalidArgumentError, match="must be"):
            kmoment.write([SUMMARY], tmp_path / "b.csv", **wrong)  # type: ignore[arg-type]


def test_dates_that_cells_cannot_hold_are_text(tmp_path: Path) -> None:
    """Before 1900 there are none; and text that is no date of ours stays text."""
    old = attrs.evolve(SUMMARY, created_date=datetime(1899, 1, 2, tzinfo=SEOUL))
    kmoment.write([old, {"created_date": "soon"}], tmp_path / "a.xlsx")
    head, *lines = book_of(tmp_path / "a.xlsx")["kmoment"]
    column = head.index("created_date")
    assert [line[column] for line in lines] == ["1899-01-02T00:00:00+09:00", "soon"]


@pytest.mark.parametrize("end", [".csv", ".tsv", ".jsonl", ".xlsx"])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=repr)
def test_a_number_that_files_do_not_have_is_named(tmp_path: Path, end: str, number: float) -> None:
    """NaN and infinity are refused with their row and column, before anything is written."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        kmoment.write([{"a": 1.5}, {"a": number}], tmp_path / f"x{end}")
    assert str(caught.value) == f"items[1].a must be a finite number, not {number!r}"
    assert not list(tmp_path.iterdir())
