"""Drafts of audiences, and the documented rules that a draft must follow to be sent.

Each rule is a generator of violations. :data:`_RULES` lists the rules. An ``OpenEnum`` value such
as ``Age("70")`` is never refused, because Kakao may have added it. Plain text is refused if it is
not a documented value.

https://developers.kakao.com/docs/latest/en/kakaomoment/audience
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Self, TypeVar

import attrs

from .._text import composed
from .._validate import LARGEST_LONG, collection, encodable, refuse, shown, whole
from ..errors import InvalidDraftError, Violation
from ._base import NO_EXTRA, Model, OpenEnum
from ._compare import SETS_OF, Difference, differences, draft_hash
from .entries import (
    CohortTargeting,
    CustomerFileTargeting,
    SyncAppTargeting,
    TalkChannelGroupTargeting,
    TalkChannelTargeting,
    TrackerTargeting,
)
from .enums import Age, AgeType, AudienceType, Gender, GenderType, LocationType
from .locations import Depth2Location, Depth3Location, Location
from .targeting import CategoryData

E = TypeVar("E", bound=OpenEnum)


class _Unchanged:
    """Stands for an argument that was not given, where ``None`` means something."""

    def __repr__(self) -> str:
        return "<unchanged>"


UNCHANGED: Final[Any] = _Unchanged()
_A_DRAFT: Final = "an AudienceDraft (audience.draft() makes one)"


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False, init=False)
class AudienceDraft(Model):
    """A draft of an audience, for ``audiences.create`` and ``audiences.update``.

    Making a draft checks only that its sets are collections. :meth:`violations` lists every
    documented rule that the draft breaks. ``create`` and ``update`` refuse such a draft, and the
    error has all violations. ``None`` leaves a member out. ``()`` sends it empty. Drafts are equal
    if they ask for the same: neither has :meth:`differences` from the other.
    """

    name: str
    """Sent with Hangul in whole syllables (NFC), whichever way it was typed."""
    type: AudienceType
    age_type: AgeType | None = None
    """``None`` means: derived from ``ages``. ``NOT_ALL`` if there are any, else ``ALL``."""
    ages: tuple[Age | str, ...] | None = None
    """The first year of each range. "15" is 15 to 19. The others are "20", "25" … "65"."""
    gender_type: GenderType | None = None
    """``None`` means: derived from ``genders``, as ``age_type`` is from ``ages``."""
    genders: tuple[Gender | str, ...] | None = None
    """"M" or "F"."""
    location_type: LocationType | None = None
    """``None`` means: derived from the location sets. ``AREA`` if any is given, else ``ALL``."""
    locations: tuple[Location, ...] | None = None
    """From ``client.locations.depth1()``. Overseas (Z) is not allowed with Kakao Bizboard."""
    depth2_locations: tuple[Depth2Location, ...] | None = None
    """From ``client.locations.depth2(keyword)``."""
    depth3_locations: tuple[Depth3Location, ...] | None = None
    """From ``client.locations.depth3(keyword)``."""
    ufo_interests: tuple[str, ...] | None = None
    """Ids, or rows, from ``client.categories.interests()``."""
    ufo_business_types: tuple[str, ...] | None = None
    """Ids, or rows, from ``client.categories.business_types()``."""
    customer_file_targetings: tuple[CustomerFileTargeting, ...] | None = None
    """DISPLAY only."""
    tracker_targetings: tuple[TrackerTargeting, ...] | None = None
    """DISPLAY only."""
    cohort_targetings: tuple[CohortTargeting, ...] | None = None
    talk_channel_targetings: tuple[TalkChannelTargeting, ...] | None = None
    sync_app_targetings: tuple[SyncAppTargeting, ...] | None = None
    talk_channel_group_targetings: tuple[TalkChannelGroupTargeting, ...] | None = None
    """MESSAGE only, and only in campaigns of Kakao Talk Channel X Reach."""

    def __init__(
        self,
        name: str,
        type: AudienceType | str,
        *,
        age_type: AgeType | str | None = None,
        ages: Iterable[Age | str] | None = None,
        gender_type: GenderType | str | None = None,
        genders: Iterable[Gender | str] | None = None,
        location_type: LocationType | str | None = None,
        locations: Iterable[Location] | None = None,
        depth2_locations: Iterable[Depth2Location] | None = None,
        depth3_locations: Iterable[Depth3Location] | None = None,
        ufo_interests: Iterable[CategoryData | str] | None = None,
        ufo_business_types: Iterable[CategoryData | str] | None = None,
        customer_file_targetings: Iterable[CustomerFileTargeting] | None = None,
        tracker_targetings: Iterable[TrackerTargeting] | None = None,
        cohort_targetings: Iterable[CohortTargeting] | None = None,
        talk_channel_targetings: Iterable[TalkChannelTargeting] | None = None,
        sync_app_targetings: Iterable[SyncAppTargeting] | None = None,
        talk_channel_group_targetings: Iterable[TalkChannelGroupTargeting] | None = None,
        extra: Mapping[str, Any] = NO_EXTRA,
    ) -> None:
        sets: dict[str, Iterable[Any] | None] = {
            "locations": locations,
            "depth2_locations": depth2_locations,
            "depth3_locations": depth3_locations,
            "ufo_interests": _categories("ufo_interests", ufo_interests),
            "ufo_business_types": _categories("ufo_business_types", ufo_business_types),
            "customer_file_targetings": customer_file_targetings,
            "tracker_targetings": tracker_targetings,
            "cohort_targetings": cohort_targetings,
            "talk_channel_targetings": talk_channel_targetings,
            "sync_app_targetings": sync_app_targetings,
            "talk_channel_group_targetings": talk_channel_group_targetings,
        }
        self.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue]
            name=name,
            type=_word(AudienceType, type),
            age_type=_word(AgeType, age_type),
            ages=_words("ages", Age, ages),
            gender_type=_word(GenderType, gender_type),
            genders=_words("genders", Gender, genders),
            location_type=_word(LocationType, location_type),
            **{name: collection(name, values) for name, values in sets.items()},
            extra=extra,
        )

    @classmethod
    def display(
        cls,
        name: str,
        *,
        ages: Iterable[Age | str] | None = None,
        genders: Iterable[Gender | str] | None = None,
        locations: Iterable[Location] | None = None,
        depth2_locations: Iterable[Depth2Location] | None = None,
        depth3_locations: Iterable[Depth3Location] | None = None,
        ufo_interests: Iterable[CategoryData | str] | None = None,
        ufo_business_types: Iterable[CategoryData | str] | None = None,
        customer_file_targetings: Iterable[CustomerFileTargeting] | None = None,
        tracker_targetings: Iterable[TrackerTargeting] | None = None,
        cohort_targetings: Iterable[CohortTargeting] | None = None,
        talk_channel_targetings: Iterable[TalkChannelTargeting] | None = None,
        sync_app_targetings: Iterable[SyncAppTargeting] | None = None,
        extra: Mapping[str, Any] = NO_EXTRA,
    ) -> Self:
        """A DISPLAY audience. Takes ``AudienceDraft``'s sets, except those for MESSAGE only."""
        return cls(
            name,
            AudienceType.DISPLAY,
            ages=ages,
            genders=genders,
            locations=locations,
            depth2_locations=depth2_locations,
            depth3_locations=depth3_locations,
            ufo_interests=ufo_interests,
            ufo_business_types=ufo_business_types,
            customer_file_targetings=customer_file_targetings,
            tracker_targetings=tracker_targetings,
            cohort_targetings=cohort_targetings,
            talk_channel_targetings=talk_channel_targetings,
            sync_app_targetings=sync_app_targetings,
            extra=extra,
        )

    @classmethod
    def message(
        cls,
        name: str,
        *,
        ages: Iterable[Age | str] | None = None,
        genders: Iterable[Gender | str] | None = None,
        locations: Iterable[Location] | None = None,
        depth2_locations: Iterable[Depth2Location] | None = None,
        depth3_locations: Iterable[Depth3Location] | None = None,
        ufo_interests: Iterable[CategoryData | str] | None = None,
        ufo_business_types: Iterable[CategoryData | str] | None = None,
        cohort_targetings: Iterable[CohortTargeting] | None = None,
        talk_channel_targetings: Iterable[TalkChannelTargeting] | None = None,
        sync_app_targetings: Iterable[SyncAppTargeting] | None = None,
        talk_channel_group_targetings: Iterable[TalkChannelGroupTargeting] | None = None,
        extra: Mapping[str, Any] = NO_EXTRA,
    ) -> Self:
        """A MESSAGE audience. Takes ``AudienceDraft``'s sets, except those for DISPLAY only."""
        return cls(
            name,
            AudienceType.MESSAGE,
            ages=ages,
            genders=genders,
            locations=locations,
            depth2_locations=depth2_locations,
            depth3_locations=depth3_locations,
            ufo_interests=ufo_interests,
            ufo_business_types=ufo_business_types,
            cohort_targetings=cohort_targetings,
            talk_channel_targetings=talk_channel_targetings,
            sync_app_targetings=sync_app_targetings,
            talk_channel_group_targetings=talk_channel_group_targetings,
            extra=extra,
        )

    def replace(
        self,
        *,
        name: str = UNCHANGED,
        type: AudienceType | str = UNCHANGED,
        age_type: AgeType | str | None = UNCHANGED,
        ages: Iterable[Age | str] | None = UNCHANGED,
        gender_type: GenderType | str | None = UNCHANGED,
        genders: Iterable[Gender | str] | None = UNCHANGED,
        location_type: LocationType | str | None = UNCHANGED,
        locations: Iterable[Location] | None = UNCHANGED,
        depth2_locations: Iterable[Depth2Location] | None = UNCHANGED,
        depth3_locations: Iterable[Depth3Location] | None = UNCHANGED,
        ufo_interests: Iterable[CategoryData | str] | None = UNCHANGED,
        ufo_business_types: Iterable[CategoryData | str] | None = UNCHANGED,
        customer_file_targetings: Iterable[CustomerFileTargeting] | None = UNCHANGED,
        tracker_targetings: Iterable[TrackerTargeting] | None = UNCHANGED,
        cohort_targetings: Iterable[CohortTargeting] | None = UNCHANGED,
        talk_channel_targetings: Iterable[TalkChannelTargeting] | None = UNCHANGED,
        sync_app_targetings: Iterable[SyncAppTargeting] | None = UNCHANGED,
        talk_channel_group_targetings: Iterable[TalkChannelGroupTargeting] | None = UNCHANGED,
        extra: Mapping[str, Any] = UNCHANGED,
    ) -> Self:
        """A copy with other members: ``draft.replace(name="New name", ages=None)``."""
        given = dict(locals())
        del given["self"]
        return attrs.evolve(self, **{k: v for k, v in given.items() if v is not UNCHANGED})

    def resolved(self) -> Self:
        """A copy in which ``age_type``, ``gender_type`` and ``location_type`` are filled in.

        An empty set that a type forbids is left out, because Kakao says not to pass it.
        """
        areas = self.locations or self.depth2_locations or self.depth3_locations
        typed = self.replace(
            age_type=self.age_type or (AgeType.NOT_ALL if self.ages else AgeType.ALL),
            gender_type=self.gender_type
            or (GenderType.NOT_ALL if self.genders else GenderType.ALL),
            location_type=self.location_type or (LocationType.AREA if areas else LocationType.ALL),
        )
        empty: dict[str, Any] = {
            name: None for name in _forbidden(typed) if getattr(self, name) == ()
        }
        return attrs.evolve(typed, **empty) if empty else typed

    def differences(self, other: "AudienceDraft") -> tuple[Difference, ...]:
        """What *other* has otherwise than this draft asks for: empty if it is the same by meaning.

            for difference in draft.differences(audience.draft()):
                print(difference)

        The order of a set, blanks around a name, how Hangul was typed, and an empty set instead of
        none make no difference. Places are compared by their codes. An entry of *other* may have
        more members: a server fills them in. So may ``extra``. A choice such as ``age_type`` is
        told only where its sets do not differ.

        :raises InvalidArgumentError: *other* is no draft.
        """
        if not isinstance(other, AudienceDraft):
            refuse("other", _A_DRAFT, other)
        return differences(self, other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AudienceDraft):
            return NotImplemented
        return not differences(self, other) and not differences(other, self)

    def __hash__(self) -> int:
        return draft_hash(self)

    def _in_set(self) -> str:
        return str(self.name)

    def violations(self) -> tuple[Violation, ...]:
        """Every documented rule that this draft breaks. Empty if there is none."""
        draft = self.resolved()
        return tuple(violation for rule in _RULES for violation in rule(draft))


def checked_draft(argument: str, value: Any) -> AudienceDraft:
    """The draft as it is sent, or :class:`InvalidDraftError` with all its violations."""
    if not isinstance(value, AudienceDraft):
        refuse(argument, _A_DRAFT, value)
    if violations := value.violations():
        raise InvalidDraftError(argument, violations)
    return value.resolved().replace(name=composed(value.name))


def keeping(draft: AudienceDraft, **types: OpenEnum | None) -> AudienceDraft:
    """*draft* with those of *types* that differ from what its sets imply."""
    implied = draft.resolved()
    kept = {k: v for k, v in types.items() if v is not None and v != getattr(implied, k)}
    return attrs.evolve(draft, **kept)  # type: ignore[arg-type]


def _word(words: type[E], value: Any) -> Any:
    """Documented text becomes an enum member. Any other value is kept, and a rule refuses it."""
    if not isinstance(value, str) and type(number := whole(value)) is int:
        value = str(number)
    if type(value) is not str:
        return value
    word = words(value)
    return word if word.is_known else value


def _categories(argument: str, values: Iterable[Any] | None) -> tuple[Any, ...] | None:
    """Rows of the look-up become their ids."""
    given = collection(argument, values)
    if given is None:
        return None
    return collection(argument, (_category(value) for value in given))


def _category(value: Any) -> Any:
    if isinstance(value, CategoryData):
        return value.id
    return value if isinstance(value, str) else whole(value)


def _words(argument: str, words: type[E], values: Iterable[E | str] | None) -> Any:
    if isinstance(values, str):
        codes = f"a collection of codes, as kmoment.words.{argument}({shown(values)}) gives it"
        refuse(argument, codes, values)
    given = collection(argument, values)
    return given and collection(argument, (_word(words, value) for value in given))


# -- The rules --------------------------------------------------------------------------

_NOT_FOR: Final[Mapping[AudienceType, tuple[str, ...]]] = {
    AudienceType.DISPLAY: ("talk_channel_group_targetings",),
    AudienceType.MESSAGE: ("customer_file_targetings", "tracker_targetings"),
}

_WORDS: Final[Mapping[str, type[OpenEnum]]] = {
    "type": AudienceType,
    "age_type": AgeType,
    "gender_type": GenderType,
    "location_type": LocationType,
}

_KINDS: Final[Mapping[str, tuple[type[Model], str]]] = {
    "locations": (Location, "value"),
    "depth2_locations": (Depth2Location, "value"),
    "depth3_locations": (Depth3Location, "value"),
    "customer_file_targetings": (CustomerFileTargeting, "customer_file_id"),
    "tracker_targetings": (TrackerTargeting, "track_id"),
    "cohort_targetings": (CohortTargeting, "cohort_id"),
    "talk_channel_targetings": (TalkChannelTargeting, "profile_id"),
    "sync_app_targetings": (SyncAppTargeting, "profile_id"),
}


def _name_is_text(draft: AudienceDraft) -> Iterator[Violation]:
    name: object = draft.name
    if not isinstance(name, str) or not name.strip():
        yield Violation("name", "must be text that is not empty")
    elif not encodable(name):
        yield Violation("name", "must be text that UTF-8 can encode")


def _types_are_words(draft: AudienceDraft) -> Iterator[Violation]:
    for name, words in _WORDS.items():
        if not isinstance(value := getattr(draft, name), words):
            yield Violation(name, f"must be {' or '.join(words)}, not {value!r}")


def _forbidden(draft: AudienceDraft) -> Iterator[str]:
    """The names of the sets that the draft's types forbid."""
    for type_name, names in SETS_OF.items():
        if getattr(draft, type_name) == "ALL":
            yield from names
    if isinstance(draft.type, AudienceType):
        yield from _NOT_FOR.get(draft.type, ())


def _ages_and_genders_fit(draft: AudienceDraft) -> Iterator[Violation]:
    for name, words in (("ages", Age), ("genders", Gender)):
        for index, value in enumerate(getattr(draft, name) or ()):
            if not isinstance(value, words):
                allowed = ", ".join(f'"{word}"' for word in words)
                see = f"; see kmoment.words.{name}" if isinstance(value, str) else ""
                rule = f"must be one of {allowed}, not {value!r}{see}"
                yield Violation(f"{name}[{index}]", rule)


def _choices_are_made(draft: AudienceDraft) -> Iterator[Violation]:
    for type_name, names in SETS_OF.items():
        choice = getattr(draft, type_name)
        given = [name for name in names if getattr(draft, name)]
        if choice == "ALL":
            for name in given:
                yield Violation(name, f"must not be given if {type_name} is ALL")
        elif choice in ("NOT_ALL", "AREA") and not given:
            yield Violation(type_name, f"{choice} needs {' or '.join(names)}")


def _targeting_fits_type(draft: AudienceDraft) -> Iterator[Violation]:
    if isinstance(draft.type, AudienceType):
        for name in _NOT_FOR.get(draft.type, ()):
            if getattr(draft, name):
                yield Violation(name, f"must not be given for a {draft.type} audience")


def _entries_are_of_their_kind(draft: AudienceDraft) -> Iterator[Violation]:
    for name, (kind, id_field) in _KINDS.items():
        for index, entry in enumerate(getattr(draft, name) or ()):
            path = f"{name}[{index}]"
            if not isinstance(entry, kind):
                yield Violation(path, f"must be a {kind.__name__}, not {type(entry).__name__}")
            else:
                yield from _id_violations(path, entry, id_field)


def _groups_and_categories_say_which(draft: AudienceDraft) -> Iterator[Violation]:
    for index, group in enumerate(draft.talk_channel_group_targetings or ()):
        if not isinstance(group, TalkChannelGroupTargeting) or not group.extra:
            rule = "must be a TalkChannelGroupTargeting that names its group in extra"
            yield Violation(f"talk_channel_group_targetings[{index}]", rule)
    for name in ("ufo_interests", "ufo_business_types"):
        for index, category in enumerate(getattr(draft, name) or ()):
            if not _is_category(category):
                rule = f"must be a category's id, not {shown(category)}"
                yield Violation(f"{name}[{index}]", rule)


def _is_category(value: Any) -> bool:
    """Whether *value* may be a category's id: Kakao's page does not say how it prints them."""
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, int | dict) and not isinstance(value, bool)


def _id_violations(path: str, entry: Model, field: str) -> Iterator[Violation]:
    value = getattr(entry, field)
    if value is None and entry.extra:
        return  # from an answer: its target is in `extra`, under a name that kmoment does not know
    if field in ("customer_file_id", "cohort_id"):
        if type(value) is not int or not 0 < value <= LARGEST_LONG:
            yield Violation(f"{path}.{field}", f"must be a positive 64-bit integer, not {value!r}")
    elif not isinstance(value, str) or not value.strip():
        yield Violation(f"{path}.{field}", f"must be text that is not empty, not {value!r}")


_RULES: Final[tuple[Callable[[AudienceDraft], Iterator[Violation]], ...]] = (
    _name_is_text,
    _types_are_words,
    _ages_and_genders_fit,
    _choices_are_made,
    _targeting_fits_type,
    _entries_are_of_their_kind,
    _groups_and_categories_say_which,
)
