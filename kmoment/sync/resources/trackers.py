# Made from kmoment/resources/trackers.py by `nox -s mirror`: edit that one.
"""Pixels and SDKs of one ad account."""

from ..._protocol.call import Call
from ..._protocol.endpoints import TRACKER_RIGHTS, TRACKERS
from .._sender import Sender
from ...models import Tracker, TrackRight

# Inside the class, `list` is the method.
TrackerRows = list[Tracker]
TrackRights = list[TrackRight]


class Trackers:
    """The trackers of one ad account: Pixels and SDKs, which collect events."""

    __slots__ = ("_account", "_sender")

    def __init__(self, sender: Sender, account: int) -> None:
        self._sender = sender
        self._account = account

    def list(self) -> TrackerRows:
        """List the account's trackers. Their ``id`` is what ``targeting.pixel_events`` takes.

            for tracker in account.trackers.list():
                events = account.targeting.pixel_events(tracker.id, term=30)

        Kakao's page shows no other member: the rest is in ``extra``.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/reference
        """
        return self._sender.send(
            Call(endpoint=TRACKERS, returns=TrackerRows, account=self._account)
        )

    def rights(self) -> TrackRights:
        """List the trackers that the token's user may use, with what they have collected.

        Kakao allows one call per 5 seconds and user: more of them wait for their turn.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/reference
        """
        return self._sender.send(
            Call(endpoint=TRACKER_RIGHTS, returns=TrackRights, account=self._account)
        )
