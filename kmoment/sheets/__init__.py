"""Sheets of audiences, as colleagues send them: read, checked as a whole, and made into drafts.

    from kmoment import sheets

    sheets.template("audiences.xlsx")           # an empty sheet, for colleagues
    sheet = sheets.read("audiences.xlsx")
    print(sheet)                                # how many audiences; every fault of form
    drafts = moment.drafts(sheet)               # {account: [drafts]}, or SheetError with all faults

The first row that is not empty has the headings. Each row below it is one audience. Every visible
sheet of a workbook is read. Blanks around a text make no difference. These are the columns; the
first three must be there. English headings may have ``_`` for a blank.

| Korean | English | what is in it |
|---|---|---|
| 광고계정 | account, ad_account_id | digits |
| 이름 | name | the audience's name |
| 유형 | type | 디스플레이, DISPLAY, 메시지, MESSAGE |
| 나이 | age, ages | ``kmoment.words.ages`` |
| 성별 | gender, genders | ``kmoment.words.genders`` |
| 지역 | places | as ``LocationTree.select`` reads a cell; 전체 or all: everywhere |
| 관심사 | interests, ufo_interests | ids, names, or ``상위 > 하위`` |
| 업종 | business types, ufo_business_types | the same |
| 고객파일 | customer files, customer_file_targetings | ids or names |
| 카카오톡 채널, 채널 | channels, talk_channel_targetings | ids, names or search ids |
| 카카오 로그인, 앱 연동 | sync apps, sync_app_targetings | ids or names |
| 광고반응타겟, 코호트 | cohorts, cohort_targetings | ids or names, of the row's type |
| 픽셀 & SDK | trackers, tracker_targetings | only as ``kmoment.write`` writes it |
| 친구그룹 | friend groups, talk_channel_group_targetings | only as ``kmoment.write`` writes it |
| 시/도, 시/군/구, 동/읍/면 | locations, depth2_locations, depth3_locations | names of places |
| 시/도 코드 … | location_codes … | their codes: both must mean the same places |
| 나이 선택, 성별 선택, 지역 선택 | age_type, gender_type, location_type | 전체 (ALL) or 일부 |
| 그 밖의 항목 | extra | members that kmoment does not know, as JSON |
| 메모, 비고, ID, 오디언스 상태, 예상 모수 … | note, id, audience_status … | left alone |

An empty cell says nothing: a new audience then has all ages, genders and places. 전체 says all of
them: ``age_type`` and so on are ``ALL``. Several values in a cell stand on lines of their own, or
are separated by ``,`` or ``;``. A name may have these in it, if its line can be read in one way
only. Of places, 서울, 강남구 is one, and 강남구, 역삼동 may be one or two: write 강남구 역삼동, or
강남구; 역삼동. A custom audience is left out of the target with ``(제외)`` or ``(exclude)`` after
its name.

Nothing is guessed. These are faults, each with its sheet, row and column, in Korean and in English:
formulas, errors such as #N/A, dates where a word belongs, numbers with a decimal point or with more
than 15 digits, merged cells, hidden rows, columns and sheets, unknown and repeated headings, text
below no heading, words and names that mean nothing or several things, two rows of one name and type
in an account, and what breaks Kakao's rules. Nothing is sent to write while one is there.

What ``kmoment.write`` writes of audiences is such a sheet.
"""

import os

from .. import _file, _validate
from ..tables._styles import BOOK
from ..tables._text_files import DELIMITERS
from ._form import GridReader, repeated_names
from ._grid import Grid
from ._template import template
from ._text_file import read_text_file
from ._workbook import read_workbook
from .sheet import Sheet

__all__ = ["Sheet", "read", "template"]


def read(path: str | os.PathLike[str], *, ad_account_id: int | None = None) -> Sheet:
    """Read a sheet of audiences. What is wrong in it is in ``sheet.faults``, all at once.

    :param path: Ends in ``.xlsx``, ``.csv`` or ``.tsv``. Text is UTF-8, with or without a byte
        order mark, or cp949.
    :param ad_account_id: The account of rows that do not say it themselves.
    :raises InvalidArgumentError: The file is not of the kind that its name says.
    :raises ModuleNotFoundError: openpyxl is missing.
    :raises OSError: The file cannot be read.
    """
    account = None
    if ad_account_id is not None:
        account = _validate.ident("ad_account_id", ad_account_id)
    grids = _grids(path)
    readers = [GridReader(grid, account) for grid in grids]
    rows = [row for reader in readers for row in reader.rows]
    faults = [fault for reader in readers for fault in reader.faults]
    examples = sum(reader.examples for reader in readers)
    titles = [grid.title for grid in grids]
    return Sheet(os.fspath(path), titles, rows, [*faults, *repeated_names(rows)], examples)


def _grids(path: str | os.PathLike[str]) -> list[Grid]:
    _validate.file("path", path)
    target = _file.path_of(path)
    kind = target.suffix.lower()
    if kind != BOOK and kind not in DELIMITERS:
        known = ", ".join([BOOK, *DELIMITERS])
        _validate.refuse("path", f"a name that ends in {known}", str(target))
    with _file.naming(path):
        data = target.read_bytes()
    if kind == BOOK:
        return read_workbook(data)
    return [read_text_file(data, target.name, DELIMITERS[kind])]
