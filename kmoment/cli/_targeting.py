"""``kmoment targeting``: look-ups of what an audience can target."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from ._options import Command, Group, Whole
from ._session import Session, pass_session


@click.group(cls=Group, help="Look up what an audience can target.")
def commands() -> None:
    """Nothing of its own."""


Ask = Callable[..., Iterable[Any]]


def _lookup(name: str, model: str, columns: str, text: str, ask: Ask, *given: Any) -> None:
    """Add a command that prints what *ask* finds. *given* are its parameters."""

    @pass_session
    def run(session: Session, **arguments: Any) -> None:
        from .. import models
        from ._output import print_rows

        print_rows(session, ask(session, **arguments), getattr(models, model), columns)

    commands.add_command(Command(name, callback=run, params=list(given), help=text))


_lookup(
    "cohorts",
    "CohortAvailable",
    "id name audience_type status collect_duration",
    "Engagement targets.",
    lambda session: session.ad_account.targeting.cohorts(),
)
_lookup(
    "trackers",
    "TrackRight",
    "track_id track_name event_status role population",
    "Pixels and SDKs. Kakao allows one call per 5 seconds.",
    lambda session: session.ad_account.trackers.rights(),
)
_lookup(
    "pixel-events",
    "PixelAndSdkEvent",
    "event_code event_name track_rule_id population last_event_date",
    "Events of one Pixel or SDK.",
    lambda session, track_id, term: session.ad_account.targeting.pixel_events(track_id, term=term),
    click.Argument(["track_id"]),
    click.Option(["--term"], type=Whole(1, 180), default=30, show_default=True, help="Days."),
)
_lookup(
    "customer-files",
    "CustomerFile",
    "id name status ready population_score",
    "Customer files.",
    lambda session: session.ad_account.targeting.customer_files(),
)
_lookup(
    "customer-data",
    "CustomerData",
    "id name status ready population_score",
    "Customer data, which takes the place of customer files.",
    lambda session: session.ad_account.customer_data(),
)
_lookup(
    "talk-channels",
    "ChannelProfile",
    "id name search_id",
    "Kakao Talk Channels.",
    lambda session: session.ad_account.targeting.talk_channels(),
)
_lookup(
    "sync-profiles",
    "SyncProfile",
    "id name search_id",
    "Services with Kakao Login users.",
    lambda session: session.ad_account.targeting.sync_profiles(),
)
_lookup(
    "friend-groups",
    "TalkChannelGroupFile",
    "id name talk_channel_group_file_status file_type",
    "Friend groups of a channel, such as _Xxju.",
    lambda session, profile_id: session.ad_account.targeting.friend_groups(profile_id),
    click.Argument(["profile_id"]),
)
_lookup(
    "interests",
    "CategoryData",
    "id extra",
    "Interests. No ad account is needed.",
    lambda session: session.client.categories.interests(),
)
_lookup(
    "business-types",
    "CategoryData",
    "id extra",
    "Business types. No ad account is needed.",
    lambda session: session.client.categories.business_types(),
)
_lookup(
    "network-categories",
    "NetworkPlacement",
    "code name",
    "Categories of the Network placement, for ad groups.",
    lambda session: session.client.placements.network_categories(),
)
_lookup(
    "section-categories",
    "SectionCategory",
    "code name",
    "Section categories, for ad groups.",
    lambda session: session.client.placements.section_categories(),
)
