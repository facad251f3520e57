"""What a token may do, asked of Kakao.

``GET https://kapi.kakao.com/v1/business/tokeninfo``: known from third-party code only.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from .._facts import Problem
from .._secret import Secret
from .._validate import whole
from ..client import AsyncClient
from ..errors import DecodeError
from ._blocking import blocking
from ._profiles import KAPI

_PATH: Final = "/v1/business/tokeninfo"
_DEADLINE: Final = 20.0
"""Seconds for the answer and all attempts. Our figure: a person waits for it."""


@attrs.frozen
class TokenInfo:
    """What Kakao says of a business token. Only Moment's part is read."""

    scopes: tuple[str, ...]
    """Consent items that the user has agreed to."""
    ad_account_ids: tuple[int, ...]
    """Ad accounts that the user has agreed to."""
    status: str | None = None
    """Kakao's word. Its values are not known."""
    user_id: int | None = None
    token_id: int | str | None = None


async def token_info_async(token: Secret | str, *, kapi_url: str = KAPI) -> TokenInfo:
    """What a token may do. Changes nothing, and may be repeated.

    :raises AuthenticationError: The token is wrong or revoked.
    :raises AddressNotAllowedError: The token may be good; this machine's address is not allowed.
    :raises APIError: As for any call: no connection, not the API, not as documented.
    """
    hidden, token = Secret.wrap(token), ""
    client = AsyncClient(hidden.reveal(), base_url=kapi_url, deadline=_DEADLINE, insecure=True)
    async with client:
        return _read(await client.request("GET", _PATH))


token_info: Final = blocking(token_info_async)


def _read(answer: Any) -> TokenInfo:
    agreements = answer.get("biz_agreements") if isinstance(answer, Mapping) else None
    if not isinstance(agreements, list):
        problem = Problem("biz_agreements", "must be a list")
        raise DecodeError("the answer is not as documented", {"problems": (problem,)})
    moment = [it for it in agreements if isinstance(it, Mapping) and it.get("group") == "MOMENT"]
    status, user_id, token_id = (answer.get(it) for it in ("status", "token_user_id", "token_id"))
    return TokenInfo(
        scopes=_all(moment, "scope", str),
        ad_account_ids=_all(moment, "ad_account_ids", int),
        status=None if status is None else str(status),
        user_id=whole(user_id) if isinstance(whole(user_id), int) else None,
        token_id=token_id if isinstance(token_id, int | str) else None,
    )


def _all(agreements: list[Mapping[str, Any]], name: str, kind: type) -> tuple[Any, ...]:
    """All values of a list that agreements have, in order, without repeats."""
    lists = (it.get(name) for it in agreements)
    values = (value for it in lists if isinstance(it, list) for value in it)
    read = (whole(value) if kind is int else value for value in values)
    return tuple(dict.fromkeys(value for value in read if type(value) is kind))
