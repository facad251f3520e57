"""Which audience is meant, and whether it may be changed or deleted. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from .._text import normalised
from ..errors import (
    AmbiguousAudienceError,
    AudienceInUseError,
    ConflictError,
    InvalidArgumentError,
    NotFoundError,
)
from ..models import Audience, AudienceAdGroup, AudienceDraft, AudienceSummary
from ..models._compare import SETS_OF, kept_items, merged
from ..models.draft import UNCHANGED
from .call import Call
from .endpoints import LIST_AUDIENCES
from .error_table import facts_of

_BY_ITSELF: Final = ("audience_status", "population_score", "reconciled")
"""Members that change without an edit."""


def one_named(
    rows: Iterable[AudienceSummary], account: int, name: str, type_: str | None
) -> AudienceSummary:
    """The one audience of this name, and of this type if one is given."""
    wanted = normalised(name)
    found = [row for row in rows if normalised(row.name) == wanted]
    found = [row for row in found if type_ is None or row.type in (type_, None)]
    if not found:
        facts = facts_of(Call(LIST_AUDIENCES, object, account))
        facts["operation"] = "audiences.find"
        raise NotFoundError(f"no audience is named {name!r}", facts)
    if len(found) > 1:
        raise AmbiguousAudienceError(name, found)
    return found[0]


def name_and_type(audience: AudienceSummary | Audience | AudienceDraft) -> tuple[str, str]:
    """What tells one audience of an account from another, for whoever has no id."""
    return normalised(audience.name), str(audience.type)


def with_said(current: AudienceDraft, draft: AudienceDraft) -> AudienceDraft:
    """*current*, with all that *draft* says. ``None`` says nothing.

    A choice and its sets are said together: who names a district says that no province is meant.
    What is in a set already stays in the form that it has, with members that kmoment does not know.
    """
    members = {it.name: getattr(draft, it.name) for it in attrs.fields(AudienceDraft)}
    said = {name for name, value in members.items() if value is not None}
    for choice, sets in SETS_OF.items():
        if said & {choice, *sets}:
            said |= {choice, *sets}
    changes = {name: _kept(name, members[name], getattr(current, name)) for name in said}
    return current.replace(**changes)


def _kept(name: str, said: Any, there: Any) -> Any:
    if name == "extra":
        return merged(said, there)
    return kept_items(name, said, there) if isinstance(said, tuple) else said


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The changes among the arguments of an edit."""
    changes = {k: v for k, v in arguments.items() if k not in ("self", "audience")}
    changes = {k: v for k, v in changes.items() if v is not UNCHANGED}
    if not changes:
        raise InvalidArgumentError("changes", "must name at least one member to change")
    return changes


def check_unchanged(before: Audience, now: Audience) -> None:
    """Raise if *now* is another audience than *before*, or was edited since."""
    names = [f.name for f in attrs.fields(Audience) if f.name not in _BY_ITSELF]
    differing = [name for name in names if not _same(before, now, name)]
    if differing:
        raise ConflictError(
            f"audience {now.id} has changed since it was read ({', '.join(differing)}); "
            "nothing was written"
        )


def _same(before: Audience, now: Audience, name: str) -> bool:
    """Compared as the class compares them: Kakao's sets have no order."""
    value = {name: getattr(now, name)}
    return attrs.evolve(before, **value) == before


def check_unused(audience_id: int, ad_groups: Sequence[AudienceAdGroup]) -> None:
    """Raise if ad groups use the audience."""
    if ad_groups:
        raise AudienceInUseError((audience_id,), ad_groups)
