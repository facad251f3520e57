"""Sheets of audiences: what is right becomes drafts, what is wrong is told at its cell."""

import asyncio
import builtins
import csv
import io
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import kmoment
from helpers.places import whole_tree
from kmoment import sheets
from kmoment._file import _part
from kmoment._text import normalised
from kmoment.sandbox import Sandbox
from kmoment.sheets._columns import BY_HEADING, COLUMNS, heading_key
from kmoment.sheets._form import _READERS

HEAD = ["광고계정", "이름", "유형"]
ROW = ["1234", "이십대", "디스플레이"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(accounts=(1234, 5678)) as running:
        yield running


@pytest.fixture(scope="module")
def moment(sandbox: Sandbox) -> Iterator[kmoment.Client]:
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as client:
        yield client


def table(*rows: Sequence[str], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def sheet_of(path: Path, *rows: Sequence[str], **how: Any) -> sheets.Sheet:
    target = path / "a.csv"
    target.write_text(table(*rows), "utf-8", newline="")
    return sheets.read(target, **how)


def with_cell(path: Path, heading: str, text: str, kind: str = "디스플레이") -> sheets.Sheet:
    return sheet_of(path, [*HEAD, heading], ["1234", "이십대", kind, text])


def draft_of(moment: kmoment.Client, sheet: sheets.Sheet) -> kmoment.AudienceDraft:
    (draft,) = moment.drafts(sheet, tree=whole_tree())[1234]
    return draft


def faults_of(moment: kmoment.Client, sheet: sheets.Sheet) -> dict[str, kmoment.CellFault]:
    """All faults, by where they are."""
    with pytest.raises(kmoment.SheetError) as caught:
        moment.drafts(sheet, tree=whole_tree())
    found = {fault.where: fault for fault in caught.value.faults}
    assert len(found) == len(caught.value.faults)
    return found


def names(places: Any) -> list[str]:
    return [place.full_name for place in places or ()]


# -- What is right ----------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("end", ["csv", "tsv", "CSV"])
def test_text_files(moment: kmoment.Client, tmp_path: Path, encoding: str, end: str) -> None:
    """A sheet in each encoding of Korea becomes drafts, each in its account."""
    rows = [
        [*HEAD, "나이", "성별", "지역"],
        [*ROW, "20대", "여", "서울 강남구, 서초구"],
        ["", " ", "", "", "", ""],
        ["5678", " 모두", " message ", "전체", "", ""],
    ]
    path = tmp_path / f"a.{end}"
    path.write_bytes(table(*rows, delimiter="\t" if end == "tsv" else ",").encode(encoding))
    sheet = sheets.read(path)
    assert (sheet.accounts, len(sheet), sheet.faults) == ((1234, 5678), 2, ())
    assert str(sheet) == repr(sheet) == f"<Sheet {path}: 2 audiences, 2 accounts, 0 faults>"
    drafts = moment.drafts(sheet, tree=whole_tree())
    places = whole_tree().select("서울 강남구", "서초구")
    first = kmoment.AudienceDraft.display("이십대", ages=("20", "25"), genders=("F",), **places)
    assert drafts == {
        1234: [first],
        5678: [kmoment.AudienceDraft("모두", "MESSAGE", age_type="ALL")],
    }


def test_names_are_settled_by_look_ups(moment: kmoment.Client, tmp_path: Path) -> None:
    """Names, ids, paths and search ids become entries; what is excluded is."""
    head = [*HEAD, "관심사", "business types", "고객파일", "채널", "앱 연동", "Cohorts"]
    row = [
        "sandbox INTEREST I01 > sandbox INTEREST I0102\nI02",
        "sandbox BUSINESS_TYPE B03",
        "first_customer file (제외)",
        "@first_friend; _ZQxd",
        "now_profile_exist",
        "first_ad_response_target, second_ad_response_target (Exclude)",
    ]
    draft = draft_of(moment, sheet_of(tmp_path, head, [*ROW, *row]))
    include, exclude = kmoment.InclusionType.INCLUDE, kmoment.InclusionType.EXCLUDE
    assert draft.ufo_interests == ("I0102", "I02")
    assert draft.ufo_business_types == ("B03",)
    assert draft.customer_file_targetings == (
        kmoment.CustomerFileTargeting(customer_file_id=1, inclusion_type=exclude),
    )
    assert draft.talk_channel_targetings == (
        kmoment.TalkChannelTargeting(profile_id="_xbHxd", inclusion_type=include),
        kmoment.TalkChannelTargeting(profile_id="_ZQxd", inclusion_type=include),
    )
    assert draft.sync_app_targetings == (
        kmoment.SyncAppTargeting(profile_id="_XLd", inclusion_type=include),
    )
    assert draft.cohort_targetings == (
        kmoment.CohortTargeting(cohort_id=1, inclusion_type=include),
        kmoment.CohortTargeting(cohort_id=2, inclusion_type=exclude),
    )


def test_the_account_may_be_given(moment: kmoment.Client, tmp_path: Path) -> None:
    """Rows that do not say an account are of the given one; a row's own one is its own."""
    sheet = sheet_of(tmp_path, HEAD[1:], ROW[1:], ad_account_id=5678)
    assert sheet.accounts == (5678,)
    sheet = sheet_of(tmp_path, HEAD, ["", *ROW[1:]], ROW, ad_account_id="5678")
    assert (sheet.accounts, sheet.faults) == ((5678, 1234), ())
    assert len(moment.drafts(sheet)) == 2
    with pytest.raises(kmoment.InvalidArgumentError, match="ad_account_id"):
        sheets.read(sheet.path, ad_account_id=0)


def test_places_may_be_codes_and_levels(moment: kmoment.Client, tmp_path: Path) -> None:
    """Places of all columns are together; codes settle what names leave open."""
    head = [*HEAD, "지역", "시/도", "시/군/구", "depth2_location_codes"]
    row = [*ROW, "제주", "부산광역시, 대구광역시", "서울특별시 강남구", "I1000"]
    draft = draft_of(moment, sheet_of(tmp_path, head, row))
    assert names(draft.locations) == ["제주특별자치도", "부산광역시", "대구광역시"]
    assert names(draft.depth2_locations) == ["서울특별시 강남구"]
    head = [*HEAD, "locations", "location_codes", "depth2_location_codes"]
    sheet = sheet_of(tmp_path, head, [*ROW, "서울", "I", "I1000"])
    draft = moment.drafts(sheet, tree=_without_overlaps())[1234][0]
    assert (names(draft.locations), names(draft.depth2_locations)) == (
        ["서울특별시"],
        ["서울특별시 강남구"],
    )


def test_all_is_said_and_empty_is_not(moment: kmoment.Client, tmp_path: Path) -> None:
    """All ages, genders and places are told from cells that say nothing."""
    head = [*HEAD, "나이", "성별", "지역"]
    said = draft_of(moment, sheet_of(tmp_path, head, [*ROW, "전체", "남녀", "전체"]))
    assert (said.age_type, said.gender_type, said.location_type) == ("ALL", "ALL", "ALL")
    silent = draft_of(moment, sheet_of(tmp_path, head, [*ROW, "", "", ""]))
    assert (silent.age_type, silent.gender_type, silent.location_type) == (None, None, None)
    head = [*HEAD, "나이", "나이 선택", "지역", "지역 선택", "시/도"]
    found = faults_of(moment, sheet_of(tmp_path, head, [*ROW, "전체", "일부", "전체", "", "서울"]))
    assert set(found) == {"a.csv!E2", "a.csv!H2"}


class _without_overlaps(kmoment.LocationTree):  # noqa: N801
    def __init__(self) -> None:
        tree = whole_tree()
        super().__init__(
            locations=tree.locations,
            depth2_locations=tree.depth2_locations,
            depth3_locations=tree.depth3_locations,
        )

    def overlaps(self, places: Any) -> tuple[str, ...]:
        return ()


def test_a_place_within_another_warns(moment: kmoment.Client, tmp_path: Path) -> None:
    """The warning names the sheet, the row and the columns, and points at the caller's line."""
    sheet = with_cell(tmp_path, "지역", "서울; 서울 강남구")
    with pytest.warns(UserWarning, match=r"a\.csv, row 2, column D: .*강남구 lies in") as caught:
        moment.drafts(sheet, tree=whole_tree())
    assert [warning.filename for warning in caught] == [__file__]
    head, row = [*HEAD, "시/도", "시/군/구"], [*ROW, "서울", "서울 강남구"]
    with pytest.warns(UserWarning, match=r"a\.csv, row 2, columns D and E: .*강남구 lies in"):
        draft_of(moment, sheet_of(tmp_path, head, row))


@pytest.mark.anyio
async def test_a_place_within_another_warns_the_awaiting_line(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """The async client's warning points at the line that awaits the drafts."""
    sheet = with_cell(tmp_path, "지역", "서울; 서울 강남구")
    async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
        with pytest.warns(UserWarning, match="column D") as caught:
            await moment.drafts(sheet, tree=whole_tree())
    assert [warning.filename for warning in caught] == [__file__]


def test_the_tree_is_asked_for_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """Two accounts share the tree and the categories, and each has its own look-ups."""
    head = [*HEAD, "지역", "관심사", "채널"]
    rows = [["1234", "a", "DISPLAY", "서울", "I01", "_xbHxd"]]
    rows += [["5678", str(n), "DISPLAY", "부산", "I02", "sandbox_channel"] for n in range(5)]
    sheet = sheet_of(tmp_path, head, *rows)

    async def run() -> dict[int, list[kmoment.AudienceDraft]]:
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            with pytest.raises(kmoment.InvalidArgumentError, match=r"^tree must be"):
                await moment.drafts(sheet, tree={})  # type: ignore[arg-type]
            return await moment.drafts(sheet)

    before = len(sandbox.requests())
    assert {account: len(own) for account, own in asyncio.run(run()).items()} == {1234: 1, 5678: 5}
    made = [(it["endpoint"], it["account"], str(it["query"])) for it in sandbox.requests()[before:]]
    assert len(made) == len({*made})
    counts = Counter((endpoint, account) for endpoint, account, _ in made)
    assert counts.pop(("locations.depth1", None)) == 1
    assert counts.pop(("locations.depth2", None)) > 16
    assert counts.pop(("locations.depth3", None)) > 200
    assert counts == {
        ("categories.list", None): 1,
        ("targeting.talk_channels", "1234"): 1,
        ("targeting.talk_channels", "5678"): 1,
    }


def test_a_sheet_without_names_asks_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    """Where nothing has to be looked up nothing is sent."""
    before = len(sandbox.requests())
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        assert moment.drafts(with_cell(tmp_path, "나이", "20대"))[1234][0].ages == ("20", "25")
        assert moment.drafts(sheet_of(tmp_path)) == {}
        wrongs: list[Any] = [{"sheet": "a.csv"}, {"sheet": sheet_of(tmp_path), "tree": {}}]
        for wrong in wrongs:
            with pytest.raises(kmoment.InvalidArgumentError, match="must be a"):
                moment.drafts(**wrong)
    assert len(sandbox.requests()) == before


@pytest.mark.parametrize("heading", ["지역", "시/도", "시/군/구"])
def test_everywhere_asks_nothing(sandbox: Sandbox, tmp_path: Path, heading: str) -> None:
    """All places are no place of the tree: it is not loaded for them."""
    before = len(sandbox.requests())
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        sheet = sheet_of(
            tmp_path, [*HEAD, heading], [*ROW, "전체"], ["1234", "b", "MESSAGE", "ALL"]
        )
        drafts = moment.drafts(sheet)[1234]
    assert [draft.location_type for draft in drafts] == ["ALL", "ALL"]
    assert len(sandbox.requests()) == before


# -- What is wrong ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "text", "near", "rule_ko"),
    [
        ("나이", "20-33", "20-34", "경계"),
        ("성별", "중", None, "성별"),
        ("성별", ",", None, "성별"),
        ("나이", ",;", None, "나이"),
        ("지역", ",", None, "장소 이름"),
        ("시/도 코드", ",", None, "코드"),
        ("관심사", ";", None, "없는 이름"),
        ("지역", "강남규", "서울특별시 강남구", "장소 이름"),
        ("지역", "중구", "부산광역시 중구", "여러 곳"),
        ("지역", "서울 제외", None, "제외"),
        ("관심사", "sandbox INTEREST I0", "sandbox INTEREST I01", "없는 이름"),
        ("고객파일", "first_customer fil", "first_customer file", "없는 이름"),
        ("고객파일", "nothing (제외)", None, "없는 이름"),
        ("고객파일", "1; xyz", None, "'xyz': 없는 이름"),
        ("고객파일", '{"customer_file_id": 1', None, "kmoment.write"),
        ("고객파일", '{"file": 1}', None, "kmoment.write"),
        ("고객파일", "{}", None, "kmoment.write"),
        ("고객파일", '{"inclusion_type": 3, "extra": "3"}', None, "kmoment.write"),
        ("픽셀", "visit", None, "이름을 읽지"),
        ("친구그룹", "test", None, "이름을 읽지"),
        ("시/도 코드", "I, XX", None, "코드"),
        ("age type", "some", None, "일부"),
        ("나이 선택", "일부", None, "값이 있어야"),
        ("지역 선택", "AREA", None, "장소가 있어야"),
        ("extra", "[1]", None, "JSON"),
        ("extra", "x", None, "JSON"),
    ],
)
def test_a_cell_that_means_nothing(
    moment: kmoment.Client, tmp_path: Path, heading: str, text: str, near: str | None, rule_ko: str
) -> None:
    """It is a fault at its cell, in both languages, with what may have been meant."""
    (fault,) = faults_of(moment, with_cell(tmp_path, heading, text)).values()
    where = ("a.csv", 2, "D", heading, text)
    assert fault[:5] == where
    assert rule_ko in fault.text_ko
    assert near in fault.near if near else fault.near == ()
    assert str(fault) == f"{fault.text_ko} / {fault.text}"
    assert f"a.csv!D2 ({heading})" in fault.text


@pytest.mark.parametrize(
    ("text", "told", "told_ko"),
    [
        ("중구", "several places have this name, write one of them whole [near: ", "여러 곳입니다"),
        ("청원군", "it changed 2014-07-01 [near: 충청북도 청주시 ", "2014-07-01에 바뀌었습니다"),
        ("강남규", "no place has this name [near: 서울특별시 강남구, ", "없는 장소 이름입니다"),
        ("아무데도없는동", "no place has this name", "없는 장소 이름입니다"),
        ("서울 제외", "excludes places (제외), name those that you want", "제외하는 말(제외)"),
        (
            "서울 강남구, 역삼동",
            "one place or a list: write '서울 강남구 역삼동' or '서울 강남구; 서울 역삼동'",
            "목록이면 '서울 강남구; 서울 역삼동'",
        ),
    ],
)
def test_why_a_place_is_not_settled(
    moment: kmoment.Client, tmp_path: Path, text: str, told: str, told_ko: str
) -> None:
    """The fault says why, and what to write, in both languages."""
    (fault,) = faults_of(moment, with_cell(tmp_path, "지역", text)).values()
    assert told in fault.text
    assert told_ko in fault.text_ko
    (row,) = whole_tree().resolve([text])
    assert fault.rule in row.message
    assert fault.rule_ko in row.message_ko


def test_a_fault_of_one_name_of_a_list_begins_with_the_name(
    moment: kmoment.Client, tmp_path: Path
) -> None:
    """In a cell of several places, the fault says which one is not settled."""
    (fault,) = faults_of(moment, with_cell(tmp_path, "지역", "강남구; 고성군")).values()
    assert fault.rule.startswith("'고성군': several places have this name")
    assert fault.rule_ko.startswith("'고성군': 같은 이름의 장소가 여러 곳입니다")


def test_a_list_of_near_values_that_is_cut_says_so(moment: kmoment.Client, tmp_path: Path) -> None:
    """The fault has all places of a name, and shows five of them and a mark."""
    (fault,) = faults_of(moment, with_cell(tmp_path, "지역", "중구")).values()
    assert len(fault.near) == len(whole_tree().find("중구")) == 6
    assert "인천광역시 중구" in fault.near
    for text in (fault.text, fault.text_ko):
        assert text.endswith(f"{', '.join(fault.near[:5])}, …]")


@pytest.mark.parametrize("depth", [90, 500, 5_000, 60_000])
@pytest.mark.parametrize(
    ("heading", "start", "end"),
    [
        ("extra", '{"a": ', "}"),
        ("고객파일", '{"customer_file_id": 1, "new": ', "}"),
        ("고객파일", '{"customer_file_id": ', "}"),
        ("고객파일", '{"customer_file_id": 1, "extra": "{\\"a\\": ', '}"}'),
        ("관심사", '{"id": ', "}"),
    ],
)
def test_json_that_is_too_deep(
    moment: kmoment.Client, tmp_path: Path, heading: str, start: str, end: str, depth: int
) -> None:
    """It is a fault at its cell, or can be sent: never an error of Python's."""
    text = f"{start}{'[' * depth}{']' * depth}{end}"
    sheet = with_cell(tmp_path, heading, text)
    try:
        (draft,) = moment.drafts(sheet)[1234]
    except kmoment.SheetError as error:
        assert [fault.where for fault in error.faults] == ["a.csv!D2"]
    else:
        assert moment.account(1234).audiences.ensure_many([draft], dry_run=True).raise_if_failed()


@pytest.mark.parametrize(
    ("heading", "kind", "text"),
    [
        ("고객파일", "메시지", "first_customer file"),
        ("픽셀", "메시지", '{"track_id": "1", "event_code": "*"}'),
        ("친구그룹", "디스플레이", '{"extra": "{\\"id\\": 1}"}'),
        ("고객파일", "디스플레이", '{"inclusion_type": "INCLUDE"}'),
    ],
)
def test_what_breaks_a_rule_of_kakao(
    moment: kmoment.Client, tmp_path: Path, heading: str, kind: str, text: str
) -> None:
    """It is a fault at the cell that breaks it."""
    (fault,) = faults_of(moment, with_cell(tmp_path, heading, text, kind)).values()
    assert fault.where == "a.csv!D2"


def test_all_that_a_type_forbids_is_told(moment: kmoment.Client, tmp_path: Path) -> None:
    """What is selected must fit the word that says how it is selected."""
    head = [*HEAD, "나이", "나이 선택", "locations", "location_type"]
    found = faults_of(moment, sheet_of(tmp_path, head, [*ROW, "20대", "전체", "서울", "ALL"]))
    assert set(found) == {"a.csv!D2", "a.csv!F2"}
    assert all("비워야" in fault.text_ko for fault in found.values())


def test_cohorts_are_of_the_rows_type(moment: kmoment.Client, tmp_path: Path) -> None:
    """One that only the other type can target is not there."""
    sheet = with_cell(tmp_path, "코호트", "first_ad_response_target", "메시지")
    assert set(faults_of(moment, sheet)) == {"a.csv!D2"}


def test_names_and_codes_must_agree(moment: kmoment.Client, tmp_path: Path) -> None:
    """A name that was changed beside an old code is a fault, not one of the two."""
    head = [*HEAD, "시/군/구", "시/군/구 코드"]
    for changed in ("서울 서초구", "전체", ""):
        found = faults_of(moment, sheet_of(tmp_path, head, [*ROW, changed, "I1000"]))
        assert "코드를 지우세요" in found["a.csv!D2"].text_ko
    found = faults_of(moment, sheet_of(tmp_path, head, [*ROW, "없는곳", "I1000"]))
    assert set(found) == {"a.csv!D2"}


def test_words_that_were_read_do_not_stay(tmp_path: Path) -> None:
    """A service that reads sheets for weeks keeps a bounded number of their words."""
    rows = [["1234", f"{n}", f"type {n}", f"age {n}", f"sex {n}"] for n in range(2_000)]
    sheet = sheet_of(tmp_path, [*HEAD, "나이", "성별"], *rows)
    assert len(sheet.faults) == 6_000
    for key in ("type", "ages", "genders"):
        assert _READERS[key].cache_info().currsize < 1_000  # type: ignore[attr-defined]


def test_rows_of_one_name_are_told(moment: kmoment.Client, tmp_path: Path) -> None:
    """Two rows of one name and type in an account would be one audience."""
    rows = [ROW, ["1234", " 이십대 ", "DISPLAY"], ["5678", *ROW[1:]], ["1234", "이십대", "메시지"]]
    (fault,) = faults_of(moment, sheet_of(tmp_path, HEAD, *rows)).values()
    assert (fault.where, "a.csv!B2" in fault.text) == ("a.csv!B3", True)


def test_headings(moment: kmoment.Client, tmp_path: Path) -> None:
    """Missing, unknown and repeated columns are told, and text that stands below none."""
    sheet = sheet_of(
        tmp_path,
        ["광고계정", "이름", "name", "나이대들", "", "비고", "완전히 다른 것"],
        ["1234", "a", "b", "20대", "x", "#N/A", ""],
    )
    found = {fault.where: fault for fault in sheet.faults}
    assert set(found) == {"a.csv!1", "a.csv!C1", "a.csv!D1", "a.csv!E2", "a.csv!G1"}
    assert "유형 (type)" in found["a.csv!1"].text_ko
    assert "두 번" in found["a.csv!C1"].text_ko
    assert "나이대" in found["a.csv!D1"].near
    assert found["a.csv!G1"].near == ()
    assert faults_of(moment, sheet) == found


@pytest.mark.parametrize("account", ["1,234", "1234.0", "1.2E+3", "x", "0", "9" * 19, "#REF!", ""])
def test_accounts_are_digits(moment: kmoment.Client, tmp_path: Path, account: str) -> None:
    """Anything else is a fault, and look-ups of that row are not made."""
    head = [*HEAD, "고객파일", "관심사", "픽셀"]
    row = [account, *ROW[1:], "x", "I01", '{"track_id": "1"}']
    assert set(faults_of(moment, sheet_of(tmp_path, head, row))) == {"a.csv!A2"}
    sheet = sheet_of(tmp_path, head, row, ad_account_id=5678)
    assert sheet.accounts == (() if account else (5678,))


def test_a_merged_account_is_not_the_given_one(tmp_path: Path) -> None:
    """Which account the cells of a merged area have is not known."""
    openpyxl: Any = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (HEAD, ROW, ["", "b", "MESSAGE"]):
        book.active.append(row)
    book.active.merge_cells("A2:A3")
    book.save(tmp_path / "a.xlsx")
    read = sheets.read(tmp_path / "a.xlsx", ad_account_id=5678)
    assert (read.accounts, [fault.column for fault in read.faults]) == ((), ["A"])


def test_required_cells_must_not_be_empty(tmp_path: Path) -> None:
    """Name and type are asked for in each row."""
    sheet = sheet_of(tmp_path, HEAD, ["1234", "", ""])
    assert [fault.where for fault in sheet.faults] == ["a.csv!B2", "a.csv!C2"]
    assert len(sheet_of(tmp_path, HEAD, ["", "\u200b", "\ufeff "])) == 0


def test_the_error_shows_some_and_has_all(moment: kmoment.Client, tmp_path: Path) -> None:
    """A sheet that is wrong from top to bottom does not fill the screen; long cells are cut."""
    rows = [["1234", f"{n}", "x" * 200] for n in range(50)]
    with pytest.raises(kmoment.SheetError, match="and 10 more") as caught:
        moment.drafts(sheet_of(tmp_path, HEAD, *rows))
    assert len(caught.value.faults) == 50
    assert "x" * 79 + "…" in caught.value.faults[0].text


def test_files_that_are_no_sheets_are_refused(tmp_path: Path) -> None:
    """The error says what the file must be."""
    for name, data, match in (
        ("a.xls", b"", "ends in"),
        ("a.csv", "a,b".encode("utf-16"), "UTF-16"),
        ("a.csv", b"\xff\xff\xff", "cp949"),
        ("a.csv", b'a,"b\n', "quotes"),
        ("a.xlsx", b"PK", "workbook"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(kmoment.InvalidArgumentError, match=match):
            sheets.read(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        sheets.read(tmp_path / "none.csv")


def test_openpyxl_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the error names the extra; text files need nothing."""
    real = builtins.__import__
    monkeypatch.setattr("kmoment.tables._excel.import_module", lambda it: real(f"{it}_missing"))
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(ModuleNotFoundError, match=r'pip install "kmoment\[excel\]"'):
        sheets.read(tmp_path / "a.xlsx")
    assert sheet_of(tmp_path, HEAD, ROW).faults == ()


# -- Workbooks --------------------------------------------------------------------------


def test_a_workbook_of_pandas_with_bad_cells(moment: kmoment.Client, tmp_path: Path) -> None:
    """Each kind of bad cell is told at its cell, all at once, and no good cell is."""
    pandas: Any = pytest.importorskip("pandas")
    pytest.importorskip("openpyxl")
    good = {"광고계정": "1234", "유형": "DISPLAY", "나이": "20대", "성별": "여", "지역": "서울"}
    good |= {"고객파일": "", "채널": "", "관심사": "", "메모": "x"}
    bad: list[dict[str, Any]] = [
        {},
        {"광고계정": 1234.5},  # a decimal point
        {"광고계정": 3830610710806837838},  # more digits than Excel keeps
        {"광고계정": "1,234"},
        {"광고계정": "=1200+34"},  # a formula
        {"광고계정": True},
        {"유형": "디스플래이"},
        {"유형": None},
        {"나이": date(2026, 10, 15)},  # what Excel makes of 10-15
        {"나이": "20-33"},
        {"나이": 20.5},
        {"나이": "#N/A"},
        {"성별": "둘다"},
        {"지역": "중구"},
        {"지역": "강남규"},
        {"지역": "서울 제외"},
        {"고객파일": "first customer"},
        {"채널": "@nobody"},
        {"관심사": "sandbox INTEREST > 없음"},
        {"고객파일": "{1}"},
        {"이름": "row 2"},  # the name of another row
        {"이름": 12.5},
    ]
    rows = [{"이름": f"row {at}", **good, **own} for at, own in enumerate(bad, 2)]
    frame = pandas.DataFrame(rows)
    columns = list(frame.columns)
    path = tmp_path / "bad.xlsx"
    with pandas.ExcelWriter(path, engine="openpyxl") as writer:
        frame.to_excel(writer, sheet_name="타겟", index=False)
        frame.head(1).to_excel(writer, sheet_name="숨김", index=False)
        book = writer.book
        book["숨김"].sheet_state = "hidden"
        sheet = book["타겟"]
        last = len(rows) + 1
        sheet.cell(last + 1, 1, "row hidden")
        sheet.row_dimensions[last + 1].hidden = True
        for column in range(2, len(columns) + 1):
            sheet.cell(last + 2, column, sheet.cell(2, column).value)
            sheet.cell(last + 3, column, sheet.cell(2, column).value)
        sheet.merge_cells(f"A{last + 2}:A{last + 3}")
        sheet.cell(last + 4, 15, "text beyond")
        sheet.cell(last + 5, 1, "formatted").number_format = "@"
        sheet.cell(last + 5, 2, 1234).number_format = "#,##0"
        sheet.cell(last + 5, 3, "DISPLAY")
        sheet.cell(1, 11, "업종")
        sheet.cell(1, 12, "업 종")
        sheet.cell(1, 13, "관심사들")
        sheet.column_dimensions["K"].hidden = True
        sheet.cell(5, 11, "B01")
        sheet.cell(6, 4, "#DIV/0!").data_type = "e"
    letter = dict(zip(columns, "ABCDEFGHIJ", strict=False))
    expected = {f"타겟!{letter[heading]}{row}" for row, own in enumerate(bad, 2) for heading in own}
    expected |= {"숨김", f"타겟!{last + 1}", f"타겟!A{last + 2}", "타겟!K1", "타겟!L1", "타겟!M1"}
    expected |= {f"타겟!{cell}{last + 4}" for cell in "ABCO"}
    expected |= {f"타겟!B{last + 5}", "타겟!D6"}
    found = faults_of(moment, sheets.read(path))
    assert set(found) == expected
    assert len(expected) > 30
    for fault in found.values():
        assert fault.text != fault.text_ko
        assert any("가" <= char <= "힣" for char in fault.rule_ko)


def test_hidden_headings_and_empty_hidden_parts(tmp_path: Path) -> None:
    """A hidden header is told. What is hidden and empty is nothing."""
    openpyxl: Any = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "A"
    sheet.append(HEAD)
    sheet.append(ROW)
    sheet.append([5678, 2026, "메시지"])
    sheet.append([None, "  "])
    sheet.row_dimensions[9].hidden = True
    sheet.column_dimensions.group("F", "XFD", hidden=True)
    sheet["AB1"] = " "
    book.create_sheet("empty").sheet_state = "hidden"
    book.create_sheet("also empty")
    book.save(tmp_path / "a.xlsx")
    read = sheets.read(tmp_path / "a.xlsx")
    assert (read.faults, read.accounts, len(read)) == ((), (1234, 5678), 2)
    sheet.row_dimensions[1].hidden = True
    sheet["AB2"] = "beyond"
    book.save(tmp_path / "a.xlsx")
    faults = sheets.read(tmp_path / "a.xlsx").faults
    assert [fault.where for fault in faults] == ["A!1", "A!AB2"]


def test_numbers_and_formulas_of_a_workbook(tmp_path: Path) -> None:
    """A number is taken if it is whole, exact and shown as it is; a heading may be no formula."""
    openpyxl: Any = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "A"
    sheet.append([*HEAD, "나이", "=1"])
    sheet.append([10**15, 2026, "메시지", 20])
    sheet.append([10**15 - 1, 2027, "메시지", 20])
    sheet["A3"].number_format = "0_ ;[Red]\\-0\\ "
    sheet.merge_cells("F9:H12")
    sheet["XFD1048576"].number_format = "0"
    book.save(tmp_path / "a.xlsx")
    read = sheets.read(tmp_path / "a.xlsx")
    rules = {fault.where: fault.rule for fault in read.faults}
    assert set(rules) == {"A!E1", "A!A2", "A!F9"}
    assert "formula" in rules["A!E1"]
    assert "15 digits" in rules["A!A2"]
    assert read.accounts == (10**15 - 1,)


def test_categories_may_be_objects(moment: kmoment.Client, tmp_path: Path) -> None:
    """Kakao's page does not say in which form it answers them."""
    draft = draft_of(moment, with_cell(tmp_path, "관심사", '{"id": "I01"}, {"id": "I02"}'))
    assert draft.ufo_interests == ({"id": "I01"}, {"id": "I02"})  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("labels", ["ko", "en"])
def test_the_template(tmp_path: Path, labels: Any) -> None:
    """It has a note on each heading, drop-downs, and an example that is left out when read."""
    openpyxl: Any = pytest.importorskip("openpyxl")
    pytest.importorskip("xlsxwriter")
    path = tmp_path / "a.xlsx"
    sheets.template(path, labels=labels)
    read = sheets.read(path)
    assert (len(read), read.faults, read.examples) == (0, (), 1)
    assert "1 example rows left out" in repr(read)
    book = openpyxl.load_workbook(path)
    sheet = book.active
    headings = [cell.value for cell in sheet[1]]
    assert all(heading_key(heading) in BY_HEADING for heading in headings)
    assert all(cell.comment for cell in sheet[1])
    assert len(sheet.data_validations.dataValidation) == 3
    for column, value in (("A", "1234"), ("B", "new"), ("C", "MESSAGE"), ("D", "10대")):
        sheet[f"{column}3"] = value
    sheet["A2"] = 1234
    book.save(path)
    read = sheets.read(path)
    assert (len(read), [fault.where for fault in read.faults]) == (2, [f"{sheet.title}!D3"])
    assert [it.name for it in tmp_path.iterdir()] == ["a.xlsx"]


def test_a_template_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """It is an OSError of the file as it was given, and nothing is left."""
    pytest.importorskip("xlsxwriter")
    path = tmp_path / "a.xlsx"
    _part(path).symlink_to(tmp_path / "no" / "folder")
    with pytest.raises(OSError, match="No such") as caught:
        sheets.template(path)
    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_template_is_refused(tmp_path: Path) -> None:
    """Nothing is written."""
    for name, labels in (("a.csv", "ko"), ("a.xlsx", "fr")):
        with pytest.raises(kmoment.InvalidArgumentError, match="must be"):
            sheets.template(tmp_path / name, labels=labels)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_no_heading_means_two_columns() -> None:
    """Each heading is of one column."""
    every = [(heading_key(it), column.key) for column in COLUMNS for it in column.headings]
    assert dict(every) == dict(BY_HEADING)
    assert len(set(every)) == len({key for key, _ in every})


def test_a_workbook_of_libreoffice(moment: kmoment.Client, tmp_path: Path) -> None:
    """A sheet that LibreOffice has saved is read as one that Excel has."""
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("needs soffice")
    source = tmp_path / "a.csv"
    source.write_text(table([*HEAD, "나이"], [*ROW, "20대"], ["=1+1", "b", "MESSAGE", ""]), "utf-8")
    how = ["--headless", "--convert-to", "xlsx", "--infilter=CSV:44,34,76,1", "--outdir"]
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = [office, profile, *how, str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=50)
    (where,) = faults_of(moment, sheets.read(tmp_path / "a.xlsx"))
    assert where.endswith("!A3")


# -- There and back ---------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=8)
NAMES = st.builds("{}x{}".format, TEXTS, TEXTS)
INCLUSION = st.sampled_from([*kmoment.InclusionType, None])
EXTRA = st.dictionaries(st.sampled_from(["memberA", "memberB"]), TEXTS | st.integers(), max_size=2)
PLACES = ("locations", "depth2_locations", "depth3_locations")


def sets(values: Any, **how: Any) -> Any:
    return st.none() | st.lists(values, max_size=3, unique=True, **how)


def entries(kind: Any, **members: Any) -> Any:
    return sets(st.builds(kind, **members, inclusion_type=INCLUSION, extra=EXTRA))


SHARED = {
    "ages": sets(st.sampled_from(list(kmoment.Age))),
    "genders": sets(st.sampled_from(list(kmoment.Gender))),
    "ufo_interests": sets(st.sampled_from(["I01", "I0101", "I010101"])),
    "ufo_business_types": sets(st.sampled_from(["B01", "B02"])),
    "cohort_targetings": entries(kmoment.CohortTargeting, cohort_id=st.integers(1, 2**63 - 1)),
    "talk_channel_targetings": entries(kmoment.TalkChannelTargeting, profile_id=NAMES),
    "sync_app_targetings": entries(kmoment.SyncAppTargeting, profile_id=NAMES),
    "extra": EXTRA,
}
DISPLAY = st.fixed_dictionaries(
    {
        **SHARED,
        "customer_file_targetings": entries(
            kmoment.CustomerFileTargeting, customer_file_id=st.integers(1, 10)
        ),
        "tracker_targetings": entries(
            kmoment.TrackerTargeting,
            track_id=NAMES,
            event_code=st.none() | TEXTS,
            tracker_targeting_terms=st.none() | st.just((30, "days")),
        ),
    }
)
MESSAGE = st.fixed_dictionaries(SHARED)
PLACED = st.lists(
    st.sampled_from(["I10000101", "I10000102", "H", "I1001"]), max_size=3, unique=True
)


@st.composite
def drafts(draw: st.DrawFn, at_least: int = 0) -> list[kmoment.AudienceDraft]:
    """Drafts of an account, of which each can be sent."""
    found = []
    for name in draw(st.lists(NAMES, min_size=at_least, max_size=4, unique_by=normalised)):
        kind = draw(st.sampled_from(["DISPLAY", "MESSAGE"]))
        members = draw(DISPLAY if kind == "DISPLAY" else MESSAGE)
        fields = whole_tree().select(*draw(PLACED), nothing=True)
        found.append(kmoment.AudienceDraft(name, kind, **members, **fields))
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({1234: drafts(), 5678: drafts()}),
    st.sampled_from(["a.xlsx", "a.csv", "a.tsv"]),
    st.sampled_from([None, "ko"]),
    st.booleans(),
    st.sampled_from([None, "text", "number"]),
)
def test_what_was_written_reads_back(
    moment: kmoment.Client,
    tmp_path: Path,
    given_: dict[int, list[kmoment.AudienceDraft]],
    name: str,
    labels: Any,
    excel: bool,
    ids: Any,
) -> None:
    """Any drafts, written as any kind of sheet, read and resolved, ask for the same."""
    wanted = {account: own for account, own in given_.items() if own}
    path = tmp_path / name
    kmoment.write(wanted, path, labels=labels, excel=excel, ids=ids)
    back = moment.drafts(sheets.read(path), tree=whole_tree())
    assert {account: len(own) for account, own in back.items()} == {
        account: len(own) for account, own in wanted.items()
    }
    for account, own in wanted.items():
        for one, again in zip(own, back[account], strict=True):
            assert one.differences(again) == again.differences(one) == ()


@pytest.mark.parametrize("labels", [None, "ko"])
def test_audiences_that_were_written_read_back(
    moment: kmoment.Client, tmp_path: Path, labels: Any
) -> None:
    """What the server has, in a book with a sheet for each account, gives the same drafts."""
    pytest.importorskip("xlsxwriter")
    own = {
        str(account): [
            moment.account(account).audiences.get(row.id)
            for row in moment.account(account).audiences.list()
        ]
        for account in (1234, 5678)
    }
    kmoment.write(own, tmp_path / "a.xlsx", labels=labels)
    back = moment.drafts(sheets.read(tmp_path / "a.xlsx"), tree=whole_tree())
    for account, audiences in own.items():
        for one, again in zip(audiences, back[int(account)], strict=True):
            assert one.draft().differences(again) == ()
