"""``kmoment fleet``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from ._errors import FAILED, Stop
from ._options import Group
from ._redis import place
from ._session import Session, pass_session

if TYPE_CHECKING:
    from ..fleet import FleetStatus

_COLUMNS: Final = ("what", "name", "ad_account_id", "state", "rate", "seconds")


@click.group(cls=Group, help="What processes that share limits over Redis know.")
def commands() -> None:
    """Nothing of its own."""


@commands.command("status")
@click.argument("url", required=False)
@pass_session
def status(session: Session, url: str | None) -> None:
    """Show the members, limits and breakers of a fleet.

    URL is that of the Redis. Default: KMOMENT_REDIS_URL. The fleet's namespace is KMOMENT_FLEET,
    or default. rate is calls per second of all members together, seconds is the time until one
    member tries again. Nothing is sent to Kakao. Exit code 1 if Redis does not answer.
    """
    from ..fleet import Fleet
    from ._output import print_rows

    found = Fleet(place("URL", url)).status()
    print_rows(session, _rows(found), _COLUMNS, " ".join(_COLUMNS))
    if not found:
        raise Stop(f"Redis does not answer ({found.reason})", FAILED)


def _rows(found: FleetStatus) -> Iterator[dict[str, Any]]:
    state = f"Redis {found.version} answers" if found else "Redis is away"
    yield _row("fleet", found.namespace, state=state)
    yield from (_row("member", it) for it in found.members)
    for limit in found.limits:
        rate = limit.rate and round(limit.rate, 3)
        facts = {"ad_account_id": limit.ad_account_id, "state": limit.state, "rate": rate}
        yield _row("limit", limit.quota, **facts)
    for one in found.breakers:
        yield _row("breaker", one.kind, state=one.reason, seconds=round(one.seconds, 1))


def _row(what: str, name: str, **rest: Any) -> dict[str, Any]:
    return {**dict.fromkeys(_COLUMNS), "what": what, "name": name, **rest}
