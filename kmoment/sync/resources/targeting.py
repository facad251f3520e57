# Made from kmoment/resources/targeting.py by `nox -s mirror`: edit that one.
"""What one ad account can target: engagement, events, files, channels, friend groups."""

from ... import _validate
from ..._protocol.call import Call
from ..._protocol.endpoints import (
    COHORTS,
    CUSTOMER_FILES,
    FRIEND_GROUPS,
    PIXEL_EVENTS,
    SYNC_PROFILES,
    TALK_CHANNELS,
)
from .._sender import Sender
from ...models import (
    ChannelProfile,
    CohortAvailable,
    CustomerFile,
    PixelAndSdkEvent,
    SyncProfile,
    TalkChannelGroupFile,
)


class Targeting:
    """The custom audiences of one ad account. ``row.target()`` makes an entry for a draft."""

    __slots__ = ("_account", "_sender")

    def __init__(self, sender: Sender, account: int) -> None:
        self._sender = sender
        self._account = account

    def cohorts(self) -> list[CohortAvailable]:
        """List the engagement targets, for a draft's ``cohort_targetings``.

        Take those whose ``audience_type`` is the draft's ``type``.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return self._sender.send(
            Call(endpoint=COHORTS, returns=list[CohortAvailable], account=self._account)
        )

    def pixel_events(self, track_id: str, *, term: int) -> list[PixelAndSdkEvent]:
        """List the events of one Pixel or SDK, for a draft's ``tracker_targetings``.

        :param track_id: The tracker's id, from ``account.trackers.list()``.
        :param term: The targeting period in days, 1 to 180.
        :raises InvalidArgumentError: An argument breaks its rule. Nothing was sent.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return self._sender.send(
            Call(
                endpoint=PIXEL_EVENTS,
                returns=list[PixelAndSdkEvent],
                account=self._account,
                path={"track_id": _validate.track_id("track_id", track_id)},
                query={"term": _validate.term("term", term)},
            )
        )

    def customer_files(self) -> list[CustomerFile]:
        """List the customer files, for a draft's ``customer_file_targetings``.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return self._sender.send(
            Call(endpoint=CUSTOMER_FILES, returns=list[CustomerFile], account=self._account)
        )

    def talk_channels(self) -> list[ChannelProfile]:
        """List the Kakao Talk Channels, for a draft's ``talk_channel_targetings``.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return self._sender.send(
            Call(endpoint=TALK_CHANNELS, returns=list[ChannelProfile], account=self._account)
        )

    def sync_profiles(self) -> list[SyncProfile]:
        """List the services with Kakao Login users, for a draft's ``sync_app_targetings``.

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return self._sender.send(
            Call(endpoint=SYNC_PROFILES, returns=list[SyncProfile], account=self._account)
        )

    def friend_groups(self, profile_id: str) -> list[TalkChannelGroupFile]:
        """List a channel's friend groups, for a draft's ``talk_channel_group_targetings``.

        :param profile_id: The channel's profile id, such as ``_Xxju``.
        :raises InvalidArgumentError: The profile id is empty. Nothing was sent.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/targeting
        """
        return self._sender.send(
            Call(
                endpoint=FRIEND_GROUPS,
                returns=list[TalkChannelGroupFile],
                account=self._account,
                query={"profileId": _validate.text("profile_id", profile_id)},
            )
        )
