"""Which audience is meant, and whether it may be changed or deleted. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from .._text import near_names, normalised
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
_MOST: Final = 1000
"""Names that are compared for near ones: 30 ms, in which the loop stands still."""
_HINT: Final = "Check the name; the audience may have been renamed, or be another account's."
_HINT_KO: Final = "이름을 확인하세요. 이름이 바뀌었거나 다른 광고계정의 오디언스일 수 있습니다."


def one_named(
    rows: Iterable[AudienceSummary], account: int, name: str, type_: str | None
) -> AudienceSummary:
    """The one audience of this name, and of this type if one is given."""
    wanted = normalised(name)
    named = [row for row in rows if type_ is None or row.type in (type_, None)]
    found = [row for row in named if normalised(row.name) == wanted]
    if not found:
        facts = facts_of(Call(LIST_AUDIENCES, object, account))
        facts["operation"], facts["hint"], facts["hint_ko"] = "audiences.find", _HINT, _HINT_KO
        which = f"{type_} audience" if type_ else "audience"
        near = near_names(name, [row.name for row in named[:_MOST]])
        told = f"; near names: {', '.join(map(repr, near))}" if near else ""
        raise NotFoundError(f"no {which} is named {name!r}{told}", facts)
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
