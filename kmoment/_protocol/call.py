"""A call as a value: which endpoint, with what, and how its answer is read."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

import attrs

from ..models._base import NO_EXTRA

T = TypeVar("T")


class Replay(StrEnum):
    """What happens if a call is sent twice."""

    SAFE = "safe"
    """Nothing: it only reads."""
    REPLACE = "replace"
    """The second copy changes nothing more, unless it arrives so late that it undoes an edit."""
    IDEMPOTENT = "idempotent"
    """The second copy changes nothing more."""
    CREATE = "create"
    """The second copy creates another audience. It is never sent again without looking first."""
    BULK = "bulk"
    """Each id is idempotent, the counts in the answer are not."""
    ONCE = "once"
    """Not known. It is sent again only where the first copy provably did nothing."""


class Evidence(StrEnum):
    """How an endpoint's method and path are known. None has been tried against the live API."""

    DOCUMENTED = "documented"
    """Read on Kakao's page."""
    QUOTED = "quoted"
    """Quoted from Kakao's page by third parties."""
    INFERRED = "inferred"
    """Concluded from neighbouring endpoints."""


class LimitScope(StrEnum):
    """Whose calls share a limit, as far as is known."""

    ACCOUNT = "ad account"
    APP = "app"
    """The app or its user: all accounts together."""


@attrs.frozen(kw_only=True)
class Endpoint:
    """One row of the table in ``endpoints.py``."""

    name: str
    method: str
    path: str
    """From the host on; ``{id}`` and the like are filled in from the call."""
    flat_path: str | None = None
    """The other reading of the path, where Kakao's page leaves two open."""
    account: bool
    """Whether the ``adAccountId`` header is sent."""
    account_in_path: bool = False
    """Whether ``{id}`` in the path is the ad account's."""
    replay: Replay
    quota: str
    """Calls of one quota group share a limit."""
    evidence: Evidence
    documentation: str
    period: float = 0.0
    """Seconds between two calls of its group and account, where Kakao has published a limit."""
    limit_scope: LimitScope = LimitScope.ACCOUNT
    flat_evidence: Evidence | None = None
    """How the flat reading is known, where there is one."""
    typed: bool = False
    """Whether Kakao's sample sends a Content-Type although there is no body."""


class Call(NamedTuple, Generic[T]):
    """One call. :attr:`returns` is ``NoneType`` where the answer carries nothing."""

    endpoint: Endpoint
    returns: type[T]
    account: int | None = None
    query: Mapping[str, int | str] = NO_EXTRA
    path: Mapping[str, int | str] = NO_EXTRA
    body: Any = None
    """A model, or JSON already."""
    body_ids: Mapping[str, int] = NO_EXTRA
    """Ids that Kakao wants in the body as well, by the name of their field."""

    @property
    def owner(self) -> int | None:
        """The ad account that the call is about."""
        return int(self.path["id"]) if self.endpoint.account_in_path else self.account
