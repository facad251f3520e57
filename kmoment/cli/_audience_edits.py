"""``kmoment audiences create``, ``update`` and ``link``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import click

from ._confirm import confirm, require_answer, warn_of_consent
from ._errors import USAGE, Stop
from ._options import Command, Whole
from ._session import Session, pass_session
from ._words import visible

if TYPE_CHECKING:
    from ..models import AudienceDraft

_SETS: Final = {
    "ages": "Such as 20-34, 20대, 60+; all: everyone.",
    "genders": "M, F, 남, 여; all: everyone.",
    "places": "Names or codes, as people write them. May be repeated. all: everywhere.",
    "interests": "Ids from `targeting interests`. none takes them away.",
    "business_types": "Ids from `targeting business-types`. none takes them away.",
    "cohorts": "Ids from `targeting cohorts`. none takes them away.",
    "customer_files": "Ids from `targeting customer-files`. none takes them away.",
    "talk_channels": "Ids from `targeting talk-channels`. none takes them away.",
}


def _described(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whom an audience is of."""
    for name, text in reversed(_SETS.items()):
        flag = f"--{name.replace('_', '-')}"
        many = name == "places"
        command = click.option(flag, name, metavar="A,B", multiple=many, help=text)(command)
    return command


@click.command("create", cls=Command)
@click.argument("name")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["DISPLAY", "MESSAGE"], case_sensitive=False),
    default="DISPLAY",
    show_default=True,
)
@_described
@pass_session
def create(session: Session, name: str, kind: str, **given: Any) -> None:
    """Create an audience. It is never created twice: a lost answer is searched for."""
    from ..models import AudienceDraft
    from ..models.draft import checked_draft
    from ._output import print_one

    require_answer(session)
    account = session.ad_account
    draft = checked_draft("audience", AudienceDraft(name, kind, **_members(session, given)))
    warn_of_consent(session, "create")
    if confirm(session, f"create {_shown(draft)}"):
        session.under_way = _creating(name)
        made = account.audiences.create(draft)
        print_one(session, made, ad_account_id=account.ad_account_id)


def _creating(name: str) -> str:
    return f"it may have been created: look for {name!r} in `kmoment audiences list`"


@click.command("update", cls=Command)
@click.argument("audience_id", type=Whole(1))
@click.option("--name", help="Its new name.")
@_described
@pass_session
def update(session: Session, audience_id: int, name: str | None, **given: Any) -> None:
    """Change what is named, and nothing else: the audience is read first."""
    from ..models.draft import checked_draft
    from ._output import print_one

    require_answer(session)
    changes: dict[str, Any] = _members(session, given)
    if name is not None:
        changes["name"] = name
    if not changes:
        raise Stop("name what to change, such as --name or --ages", USAGE)
    account = session.ad_account
    before = account.audiences.get(audience_id)
    after = checked_draft("audience", before.draft().replace(**changes))
    if not session.dry_run and not before.draft().differences(after):
        session.note("nothing changes")
    elif confirm(session, f"update {audience_id} {_changed(before.draft(), after)}"):
        session.under_way = f"audience {audience_id} may have been changed: show it"
        done = account.audiences.edit(before, **changes)
        print_one(session, done, ad_account_id=account.ad_account_id)


@click.command("link", cls=Command)
@click.argument("audience_id", type=Whole(1))
@click.argument("ad_group_id", type=Whole(1))
@click.option("--like", type=Whole(1), help="An ad group to learn from.")
@click.option("--at", help="Chooses among several places, as the error names them.")
@pass_session
def link(
    session: Session, audience_id: int, ad_group_id: int, like: int | None, at: str | None
) -> None:
    """Make an ad group use an audience. Experimental.

    Kakao has no call that links, and no page names the field. So other ad groups are read, and the
    plan says what would be changed, on which evidence. It was never tried on the live API.
    """
    from ._output import print_rows

    require_answer(session)
    account = session.ad_account
    plan = account.audiences.plan_link(audience_id, ad_group_id, like=like, at=at)
    if confirm(session, str(plan)):
        session.under_way = f"ad group {ad_group_id} may have been edited: make a new plan to see"
        result = plan.apply()
        names = result._fields
        print_rows(session, [result], names, " ".join(names), ad_account_id=account.ad_account_id)


# -- A draft's members ------------------------------------------------------------------


def _members(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """A draft's members from the options that were given."""
    members: dict[str, Any] = {}
    for name, text in given.items():
        if text:
            members |= _MAKERS[name](session, text)
    return members


def _items(text: str) -> list[str] | None:
    """The items of a list; ``None`` for "none"."""
    items = [item.strip() for item in text.split(",") if item.strip()]
    return None if _is_alone(items, "none") else items


def _places(session: Session, texts: Iterable[str]) -> dict[str, Any]:
    from ._places import tree_of

    cells = [text.strip() for text in texts]
    if _is_alone(cells, "all", "전체"):
        return dict.fromkeys(("locations", "depth2_locations", "depth3_locations"))
    return dict(tree_of(session).select(*cells))


def _is_alone(items: Iterable[str], *words: str) -> bool:
    """Whether one of *words* is all that was given. Beside another item it contradicts it."""
    found = {item.lower() for item in items}
    if len(found) > 1 and (beside := found.intersection(words)):
        raise Stop(f"{beside.pop()!r} cannot stand beside others", USAGE)
    return not found.isdisjoint(words)


def _ages(_: Session, text: str) -> dict[str, Any]:
    from .. import words

    return {"ages": words.ages(text)}


def _genders(_: Session, text: str) -> dict[str, Any]:
    from .. import words

    return {"genders": words.genders(text)}


def _words(member: str) -> Callable[[Session, str], dict[str, Any]]:
    return lambda _, text: {member: _items(text)}


def _entries(member: str, model: str, ident: str) -> Callable[[Session, str], dict[str, Any]]:
    """A maker of entries with an id that are included."""

    def make(_: Session, text: str) -> dict[str, Any]:
        from .. import models

        items = _items(text)
        entry = getattr(models, model)
        included = models.InclusionType("INCLUDE")
        made = [entry(**{ident: item, "inclusion_type": included}) for item in items or ()]
        return {member: None if items is None else made}

    return make


_MAKERS: Final[dict[str, Callable[[Session, Any], dict[str, Any]]]] = {
    "ages": _ages,
    "genders": _genders,
    "places": _places,
    "interests": _words("ufo_interests"),
    "business_types": _words("ufo_business_types"),
    "cohorts": _entries("cohort_targetings", "CohortTargeting", "cohort_id"),
    "customer_files": _entries(
        "customer_file_targetings", "CustomerFileTargeting", "customer_file_id"
    ),
    "talk_channels": _entries("talk_channel_targetings", "TalkChannelTargeting", "profile_id"),
}


# -- What would be written --------------------------------------------------------------


def _shown(draft: AudienceDraft) -> str:
    """The members that are set, a line for each."""
    row = {name: value for name, value in draft.to_row().items() if value is not None}
    return "\n".join([visible(repr(row.pop("name"))), *(f"  {n}: {v}" for n, v in row.items())])


def _changed(before: AudienceDraft, after: AudienceDraft) -> str:
    old, new = before.resolved().to_row(), after.resolved().to_row()
    lines = [f"  {name}: {old[name]} -> {new[name]}" for name in new if old[name] != new[name]]
    return "\n".join([repr(before.name), *(lines or ["  nothing changes"])])


COMMANDS: Final = (create, update, link)
