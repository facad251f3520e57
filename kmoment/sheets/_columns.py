"""The columns that a sheet of audiences may have, with all their headings."""

import re
from collections.abc import Mapping
from typing import Final

import attrs

from .._text import normalised
from ..tables._labels import HEADS


@attrs.frozen
class Column:
    """One column."""

    key: str
    """What it fills, as ``kmoment.write`` heads it."""
    en: str
    also: str = ""
    """More headings, separated by ``|``."""
    used: bool = True
    """False: what is in it is left alone."""
    note: str = ""
    note_ko: str = ""
    """What to write in it. Only columns of the template have a note."""

    @property
    def ko(self) -> str:
        """The Korean heading."""
        return HEADS.get(self.key, self.also.split("|")[0])

    @property
    def headings(self) -> tuple[str, ...]:
        """All headings that are read."""
        return tuple(filter(None, (self.key, self.ko, self.en, *self.also.split("|"))))


_SEVERAL: Final = "Several: one a line, or separated by , or ;"
_SEVERAL_KO: Final = "여러 개는 줄바꿈이나 쉼표(,), 세미콜론(;)으로 구분하세요."
_LEAVE_OUT: Final = f"{_SEVERAL}. To leave one out: name (exclude)."
_LEAVE_OUT_KO: Final = f"{_SEVERAL_KO} 제외하려면 '이름 (제외)'라고 적으세요."

COLUMNS: Final = (
    Column(
        "ad_account_id",
        "account",
        "광고계정 번호|광고계정 ID|계정|account id|ad account",
        note="The ad account's id: digits only, as text.",
        note_ko="광고계정 번호를 숫자로만 적으세요.",
    ),
    Column(
        "name",
        "name",
        "오디언스|오디언스 이름|오디언스명|audience|audience name",
        note="The audience's name. One row of a name and type in each account.",
        note_ko="오디언스 이름입니다. 한 광고계정에 같은 이름과 유형은 한 행만 적으세요.",
    ),
    Column(
        "type",
        "type",
        "타입",
        note="DISPLAY or MESSAGE.",
        note_ko="디스플레이 또는 메시지.",
    ),
    Column(
        "ages",
        "age",
        "연령|연령대|나이대",
        note="20-34, 20대, 60+, a list of these, or all.",
        note_ko="20-34, 20대, 60+, 전체처럼 적으세요.",
    ),
    Column(
        "genders",
        "gender",
        "sex",
        note="M, F or all.",
        note_ko="남, 여, 전체.",
    ),
    Column(
        "places",
        "places",
        "지역|행정구역|위치|place|region|regions|areas",
        note=f"Places as people write them, or all. {_SEVERAL}.",
        note_ko=f"서울 강남구, 부산, 전체처럼 적으세요. {_SEVERAL_KO}",
    ),
    Column(
        "ufo_interests",
        "interests",
        "interest",
        note=f"Names or ids. {_SEVERAL}.",
        note_ko=f"이름, '상위 > 하위', 또는 ID. {_SEVERAL_KO}",
    ),
    Column(
        "ufo_business_types",
        "business types",
        "업종 카테고리|business type",
        note=f"Names or ids. {_SEVERAL}.",
        note_ko=f"이름, '상위 > 하위', 또는 ID. {_SEVERAL_KO}",
    ),
    Column(
        "customer_file_targetings",
        "customer files",
        "customer file",
        note=f"Names or ids; DISPLAY only. {_LEAVE_OUT}",
        note_ko=f"이름 또는 ID. 디스플레이만 가능합니다. {_LEAVE_OUT_KO}",
    ),
    Column(
        "talk_channel_targetings",
        "channels",
        "채널|톡채널|channel|talk channels",
        note=f"Names, search ids or ids. {_LEAVE_OUT}",
        note_ko=f"이름, 검색용 ID 또는 ID. {_LEAVE_OUT_KO}",
    ),
    Column(
        "sync_app_targetings",
        "sync apps",
        "앱 연동|카카오 로그인 이용자|카카오싱크|kakao login|sync app",
        note=f"Names or ids. {_LEAVE_OUT}",
        note_ko=f"이름 또는 ID. {_LEAVE_OUT_KO}",
    ),
    Column(
        "cohort_targetings",
        "cohorts",
        "코호트|광고반응|cohort|engagement targets",
        note=f"Names or ids. {_LEAVE_OUT}",
        note_ko=f"이름 또는 ID. {_LEAVE_OUT_KO}",
    ),
    Column("tracker_targetings", "trackers", "픽셀|pixel"),
    Column("talk_channel_group_targetings", "friend groups", "friend group"),
    Column("locations", "provinces"),
    Column("location_codes", "province codes"),
    Column("depth2_locations", "districts"),
    Column("depth2_location_codes", "district codes"),
    Column("depth3_locations", "neighbourhoods"),
    Column("depth3_location_codes", "neighbourhood codes"),
    Column("age_type", "age type"),
    Column("gender_type", "gender type"),
    Column("location_type", "location type"),
    Column("extra", "extra"),
    Column("memo", "note", "메모|비고|notes|remarks", used=False),
    Column("id", "audience id", "오디언스 ID", used=False),
    Column("audience_status", "status", "상태", used=False),
    Column("population_score", "population", used=False),
    Column("created_date", "created", used=False),
    Column("last_modified_date", "modified", used=False),
    Column("reconciled", "reconciled", used=False),
    Column("error", "error", used=False),
)

BY_KEY: Final[Mapping[str, Column]] = {column.key: column for column in COLUMNS}
REQUIRED: Final = ("ad_account_id", "name", "type")

_SIGNS: Final = re.compile(r"[\W_]+")


def heading_key(text: str) -> str:
    """A heading for comparing: without blanks and signs, in small letters."""
    return _SIGNS.sub("", normalised(text).casefold())


BY_HEADING: Final[Mapping[str, str]] = {
    heading_key(heading): column.key for column in COLUMNS for heading in column.headings
}
"""The key of a column, by each of its headings."""


def shown(key: str) -> str:
    """The headings of a column, for people."""
    column = BY_KEY[key]
    return f"{column.ko} ({column.en})"
