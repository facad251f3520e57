"""The one table of Kakao's login errors (KOE): what to do, in English and in Korean.

https://developers.kakao.com/docs/latest/en/business-auth/trouble-shooting has all but KOE010 and
KOE236, which were read in third-party code.
"""

import re
from collections.abc import Mapping
from typing import Final

from ._errors import LoginRefusedError

_KOE: Final = re.compile(r"\bKOE[0-9]{3}\b")
_LONGEST: Final = 200
"""Characters of the server's words that an error shows: two lines of a terminal."""

HINTS: Final[Mapping[str, tuple[str, str]]] = {
    "KOE003": (
        "Kakao's login server has a temporary fault: try again later.",
        "카카오 인증 서버의 일시적인 오류입니다. 잠시 후 다시 시도하세요.",
    ),
    "KOE005": (
        "This is a test app: add the user to the app's members.",
        "테스트 앱입니다. 사용자를 앱 멤버로 추가하세요.",
    ),
    "KOE008": (
        "Use the app's REST API key: this is a key of another type.",
        "앱의 REST API 키를 사용하세요. 다른 종류의 키입니다.",
    ),
    "KOE010": (
        "The client secret is missing or wrong: take that of Business Authentication.",
        "클라이언트 시크릿이 없거나 잘못되었습니다. 비즈니스 인증용 시크릿을 사용하세요.",
    ),
    "KOE025": (
        "Register the Kakao account at Kakao Business Center first.",
        "먼저 카카오비즈니스에 카카오계정을 등록하세요.",
    ),
    "KOE026": (
        "This Kakao account cannot be used: log in with another one.",
        "사용할 수 없는 카카오계정입니다. 다른 계정으로 로그인하세요.",
    ),
    "KOE027": (
        "This Kakao account owns no business asset, such as an ad account.",
        "카카오계정에 광고계정 등 비즈니스 자산이 없습니다.",
    ),
    "KOE028": (
        "Register exactly this redirect URI with the app.",
        "이 리다이렉트 URI를 앱에 똑같이 등록하세요.",
    ),
    "KOE101": ("Check the REST API key: there is no such app.", "REST API 키를 확인하세요."),
    "KOE123": ("Turn the app into a Biz app.", "앱을 비즈 앱으로 전환하세요."),
    "KOE124": (
        "The app lacks the permission: apply for the Kakao Moment feature.",
        "앱에 권한이 없습니다. 카카오모먼트 추가 기능을 신청하세요.",
    ),
    "KOE125": (
        "The app or its developer is under sanctions: ask Kakao.",
        "앱 또는 개발자가 제재된 상태입니다. 카카오에 문의하세요.",
    ),
    "KOE201": (
        "The login asked for something other than a code: update kmoment.",
        "response_type은 code여야 합니다. kmoment를 업데이트하세요.",
    ),
    "KOE232": (
        "Set up the consent items (scopes) of the app, or ask for fewer.",
        "앱의 동의항목을 설정하거나 요청하는 동의항목을 줄이세요.",
    ),
    "KOE233": (
        "Kakao does not take these parameters: with moment_create ask for all accounts.",
        "지원하지 않는 파라미터입니다. moment_create는 모든 광고계정으로 요청해야 합니다.",
    ),
    "KOE236": (
        "Too many tokens were issued: wait, and use the token that you have.",
        "토큰이 너무 많이 발급되었습니다. 기다렸다가 기존 토큰을 사용하세요.",
    ),
    "access_denied": (
        "The user did not agree. Start again and agree.",
        "사용자가 동의하지 않았습니다. 다시 시작하여 동의하세요.",
    ),
}
_OTHER: Final = (
    "Read the server's words and Kakao's page on Business Authentication errors.",
    "메시지와 카카오 비즈니스 인증 문제 해결 문서를 확인하세요.",
)


def refusal(
    error: str | None, description: str | None, error_code: str | None = None
) -> LoginRefusedError:
    """The error for what Kakao has answered. A KOE code in its words counts as one."""
    found = _KOE.search(f"{error_code} {description} {error}")
    code = found.group() if found else _shown(error_code or error)
    hint, hint_ko = HINTS.get(code or "", _OTHER)
    return LoginRefusedError(code, hint, hint_ko, _shown(description))


def _shown(text: str | None) -> str | None:
    """*text* on one line, without control characters."""
    printable = "".join(char if char.isprintable() else " " for char in text or "")
    return " ".join(printable.split())[:_LONGEST] or None
