"""Korean heads of columns, and Korean labels of Kakao's words, for tables that people read.

The labels are ours, in the words of Kakao Moment's screens where those are known. A word that is
not here stays as it is.
"""

from collections.abc import Mapping
from typing import Any, Final

HEADS: Final[Mapping[str, str]] = {
    "ad_account_id": "광고계정",
    "id": "ID",
    "name": "이름",
    "type": "유형",
    "audience_type": "오디언스 유형",
    "audience_status": "오디언스 상태",
    "status": "상태",
    "population_score": "예상 모수",
    "population": "모수",
    "created_date": "만든 날짜",
    "last_modified_date": "수정한 날짜",
    "age_type": "나이 선택",
    "ages": "나이",
    "gender_type": "성별 선택",
    "genders": "성별",
    "location_type": "지역 선택",
    "locations": "시/도",
    "location_codes": "시/도 코드",
    "depth2_locations": "시/군/구",
    "depth2_location_codes": "시/군/구 코드",
    "depth3_locations": "동/읍/면",
    "depth3_location_codes": "동/읍/면 코드",
    "ufo_interests": "관심사",
    "ufo_business_types": "업종",
    "customer_file_targetings": "고객파일",
    "tracker_targetings": "픽셀 & SDK",
    "cohort_targetings": "광고반응타겟",
    "talk_channel_targetings": "카카오톡 채널",
    "sync_app_targetings": "카카오 로그인",
    "talk_channel_group_targetings": "친구그룹",
    "reconciled": "다시 찾음",
    "extra": "그 밖의 항목",
    "error": "오류",
    "campaign_id": "캠페인 ID",
    "campaign_name": "캠페인",
    "campaign_type_goal_campaign_type": "캠페인 유형",
    "campaign_type_goal_goal": "캠페인 목표",
    "ad_group_id": "광고그룹 ID",
    "ad_group_name": "광고그룹",
    "ad_group_status": "광고그룹 상태",
    "ad_group_type": "광고그룹 유형",
    "config": "설정",
    "member_type": "권한",
    "cash": "유상 캐시",
    "free_cash": "무상 캐시",
}
"""The Korean head of a column. No two are alike."""

_TYPES: Final = {"DISPLAY": "디스플레이", "MESSAGE": "메시지", "DIRECT_MESSAGE": "메시지"}
_GENDERS: Final = {"M": "남", "F": "여"}
_CHOICES: Final = {"ALL": "전체", "NOT_ALL": "일부", "AREA": "일부"}
_SWITCH: Final = {"ON": "켜짐", "OFF": "꺼짐", "DEL": "삭제됨"}
_GOALS: Final = {"VISITING": "방문", "CONVERSION": "전환", "REACH": "도달", "VIEW": "조회"}
_CAMPAIGNS: Final = {
    "TALK_BIZ_BOARD": "카카오 비즈보드",
    "DISPLAY": "디스플레이",
    "TALK_CHANNEL": "카카오톡 채널",
    "VIDEO": "동영상",
    "DAUM_SHOPPING": "다음쇼핑",
    "PERSONAL_MESSAGE": "개인화 메시지",
    "PRODUCT_CATALOG": "상품 카탈로그",
}
_STATUSES: Final = {
    "STANDBY": "준비 중",
    "WAITING": "대기 중",
    "AVAILABLE": "사용 가능",
    "COMPLETE": "완료",
    "SEED_NOT_ENOUGH": "모수 부족",
    "ERROR": "오류",
    "AVAILABLE_ERROR": "추출 오류",
    "MODIFYING": "수정 중",
    "DELETE": "삭제",
    "DELETED": "삭제됨",
    "READY": "집행 예정",
    "LIVE": "집행 중",
    "OPERATING": "운영 중",
    "FINISHED": "종료",
    "OFF": "꺼짐",
    "PAUSED": "일시 중지",
    "CANCELED": "취소됨",
    "ADMIN_STOP": "관리자 정지",
    "EXCEED_DAILY_BUDGET": "일예산 초과",
    "NO_AVAILABLE_CREATIVE": "집행 가능한 소재 없음",
    "ADACCOUNT_UNAVAILABLE": "광고계정 운영 불가",
    "CAMPAIGN_UNAVAILABLE": "캠페인 운영 불가",
    "ADGROUP_UNAVAILABLE": "광고그룹 운영 불가",
    "UNAPPROVED": "심사 미승인",
    "INVALID_DATE": "기간 오류",
    "MONITORING_REJECTED": "모니터링 보류",
}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "type": _TYPES,
    "audience_type": _TYPES,
    "ad_group_type": _TYPES,
    "genders": _GENDERS,
    "age_type": _CHOICES,
    "gender_type": _CHOICES,
    "location_type": _CHOICES,
    "config": _SWITCH,
    "audience_status": _STATUSES,
    "ad_group_status": _STATUSES,
    "status": _STATUSES,
    "talk_channel_group_file_status": _STATUSES,
    "campaign_type_goal_goal": _GOALS,
    "campaign_type_goal_campaign_type": _CAMPAIGNS,
}
"""Labels of the words in a column."""


def labelled(row: Mapping[str, Any]) -> dict[str, Any]:
    """*row* with labels in place of the words that have one."""
    return {name: _label(WORDS.get(name, {}), value) for name, value in row.items()}


def _label(words: Mapping[str, str], value: Any) -> Any:
    """Each word of a joined set has its label."""
    if not words or not isinstance(value, str):
        return value
    return ", ".join(words.get(word, word) for word in value.split(", "))
