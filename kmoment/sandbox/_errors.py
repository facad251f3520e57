"""Kakao's error envelopes.

Codes and messages that Kakao has published are used word for word. Other messages begin with
"[sandbox]". The detailCodes that Kakao has not published are named below, with their source.
https://developers.kakao.com/docs/latest/en/kakaomoment/error-code
"""

from __future__ import annotations

from datetime import UTC, datetime

from ._reply import Reply, json_reply

OURS = "[sandbox] "
MOMENT = "KakaoMomentException"

DEPTH2_KEYWORD = (75029, "조회할 시/군/구 검색어를 입력해 주세요.")
DEPTH3_KEYWORD = (75528, "조회할 동/읍/면 검색어를 입력해 주세요.")
ALREADY_DELETED = "이미 삭제된 오디언스입니다."
# Kakao has published neither of these two codes. Third-party clients treat the first as "not
# found". They got the second, with HTTP 403, for ad accounts that their token may not use.
NOT_FOUND_CODE = 75014
FOREIGN_ACCOUNT_CODE = 9004
# Kakao's page shows the first of these. The others are quoted from third-party clients.
NO_ACCOUNT_CODE = 21006
NO_AD_GROUP_CODE = 32001
DELETED_AD_GROUP_CODE = 32026


class RefusedError(Exception):
    """The request is refused. `reply` is the answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


def envelope(status: int, code: int, msg: str, extras: dict[str, object] | None = None) -> Reply:
    return json_reply({"code": code, "msg": msg, "extras": extras or {}}, status)


def moment(text: str, detail_code: int | None = None, status: int = 400) -> Reply:
    code: dict[str, object] = {} if detail_code is None else {"detailCode": detail_code}
    return envelope(status, -813, MOMENT, {**code, "detailMsg": text})


def rule(text: str) -> RefusedError:
    """The request breaks a documented rule. Kakao's detailCode for it is not known."""
    return RefusedError(moment(OURS + text))


def parameter(text: str) -> RefusedError:
    return RefusedError(envelope(400, -2, OURS + text, {"detailMsg": OURS + text}))


def header(text: str) -> RefusedError:
    return RefusedError(envelope(400, -8, OURS + text, {"detailMsg": OURS + text}))


def documented(published: tuple[int, str]) -> RefusedError:
    detail_code, text = published
    return RefusedError(moment(text, detail_code))


def unauthorized() -> RefusedError:
    text = OURS + "the business token is missing or unknown"
    return RefusedError(json_reply({"code": -401, "msg": text}, 401))


def address_not_allowed(address: str | None) -> RefusedError:
    """The words are from third-party code. The token is not at fault."""
    text = f"ip mismatched! callerIp={address}. check out registered ips."
    return RefusedError(json_reply({"code": -401, "msg": text}, 401))


def no_consent(scopes: list[str]) -> RefusedError:
    """-402. That the missing items stand at the top level is inferred from Kakao Login's pages."""
    words = {"code": -402, "msg": f"{OURS}insufficient scopes", "required_scopes": scopes}
    return RefusedError(json_reply(words, 403))


def foreign_account(account_id: int) -> RefusedError:
    text = f"{OURS}the token has no permission for ad account {account_id}"
    return RefusedError(moment(text, FOREIGN_ACCOUNT_CODE, status=403))


def no_account(account_id: int) -> RefusedError:
    return RefusedError(moment(f"{OURS}does not exist: ad account {account_id}", NO_ACCOUNT_CODE))


def no_ad_group(ad_group_id: int) -> RefusedError:
    return RefusedError(moment(f"{OURS}there is no ad group {ad_group_id}", NO_AD_GROUP_CODE))


def deleted_ad_group(ad_group_id: int) -> RefusedError:
    return RefusedError(moment(f"{OURS}ad group {ad_group_id} is deleted", DELETED_AD_GROUP_CODE))


def not_found(text: str) -> RefusedError:
    return RefusedError(moment(text, NOT_FOUND_CODE))


def throttled() -> Reply:
    return moment(OURS + "too many requests for this endpoint", status=429)


def platform_quota() -> Reply:
    return envelope(400, -10, "API limit has been exceeded.")


def maintenance() -> Reply:
    return envelope(503, -9798, OURS + "the service is under maintenance")


def no_route(status: int, reason: str, path: str) -> Reply:
    """The answer to an unknown route, in the form of Spring, which Kakao's servers use."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json_reply({"timestamp": time, "status": status, "error": reason, "path": path}, status)


def crash(error: Exception) -> Reply:
    return envelope(500, -1, f"{OURS}{type(error).__name__}: {error}")
