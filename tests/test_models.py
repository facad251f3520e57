"""Models: frozen values, open enums, and the documented rules of a draft."""

import copy
import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

import kmoment
from helpers.strategies import ENUMS, MODELS, models_of
from kmoment import Age, AudienceDraft, AudienceStatus, Violation, models
from kmoment._protocol.converter import read, write
from kmoment._text import normalised
from kmoment.models._base import FrozenDict, Model, OpenEnum
from kmoment.models.draft import checked_draft

SEOUL = kmoment.Location(value="I", description="서울특별시", depth1_name="서울특별시")
WRONG: Any = "1x"
WRONG_WORD: Any = 3
GANGNAM = kmoment.Depth2Location(
    value="I1000", description="서울특별시 강남구", depth1_name="서울특별시", depth2_name="강남구"
)


@pytest.mark.parametrize("enum", ENUMS, ids=lambda e: e.__name__)
def test_unknown_words_are_kept(enum: type[OpenEnum]) -> None:
    """A word that kmoment does not know compares, prints, hashes, copies and pickles as text."""
    word = enum("BRAND_NEW")
    assert (word, str(word), hash(word)) == ("BRAND_NEW", "BRAND_NEW", hash("BRAND_NEW"))
    assert not word.is_known
    assert "unknown" in repr(word)
    for copied in (pickle.loads(pickle.dumps(word)), copy.deepcopy(word)):
        assert type(copied) is enum
        assert copied == word


@pytest.mark.parametrize("enum", ENUMS, ids=lambda e: e.__name__)
def test_known_words_are_members(enum: type[OpenEnum]) -> None:
    """A known word is the member itself, so that ``is`` and completion work."""
    for member in enum:
        assert enum(member.value) is member
        assert member.is_known
        assert "unknown" not in repr(member)


def test_words_are_text() -> None:
    """A value that is not text is refused."""
    with pytest.raises(ValueError, match="not a valid"):
        AudienceStatus(WRONG_WORD)


def test_the_tables_spelling_of_all() -> None:
    """``All``, as in Kakao's tables, is read as ``ALL``, as in its samples and notes."""
    for enum in (kmoment.AgeType, kmoment.GenderType, kmoment.LocationType):
        assert enum("All") is enum("ALL")
        assert not enum("all").is_known


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
@given(data=st.data())
def test_models_round_trip(model: type[Model], data: st.DataObject) -> None:
    """A model is equal after writing and reading it as JSON, after pickling and after copying."""
    value = data.draw(models_of(model))
    assert read(json.loads(json.dumps(write(value))), model) == value
    assert pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(value) == value
    assert hash(value) == hash(copy.copy(value))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_models_are_frozen_and_slotted(model: type[Model]) -> None:
    """A model cannot be changed, and has no attributes except its fields."""
    empty = object.__new__(model)
    assert not hasattr(empty, "__dict__")
    for field in attrs.fields(model):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(empty, field.name, None)


def test_repr_shows_what_is_there() -> None:
    """A repr leaves out members that are not set, and shows unknown members."""
    assert repr(SEOUL) == "Location(value='I', description='서울특별시', depth1_name='서울특별시')"
    row = kmoment.AudienceSummary(id=1, name="x", extra={"new": 1})
    assert repr(row) == "AudienceSummary(id=1, name='x', extra={'new': 1})"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.__setitem__("a", 1),
        lambda d: d.__delitem__("a"),
        lambda d: d.update(b=1),
        lambda d: d.pop("a"),
        lambda d: d.popitem(),
        lambda d: d.clear(),
        lambda d: d.setdefault("b", 1),
        lambda d: d.__ior__({"b": 1}),
    ],
)
def test_extra_cannot_be_changed(change: object) -> None:
    """``extra`` cannot be changed."""
    extra = kmoment.AudienceSummary(id=1, name="x", extra={"a": 1}).extra
    with pytest.raises(TypeError, match="frozen"):
        change(extra)  # type: ignore[operator]
    assert extra == {"a": 1}


def test_frozen_dict_copies() -> None:
    """A copy of a frozen mapping is the mapping itself, and a pickled one is equal."""
    frozen = FrozenDict(a=1)
    assert copy.copy(frozen) is frozen
    assert pickle.loads(pickle.dumps(frozen)) == frozen


# -- Drafts -----------------------------------------------------------------------------


def test_types_follow_from_what_is_given() -> None:
    """A type is ALL if its set is not given, and NOT_ALL or AREA if it is given."""
    bare = AudienceDraft("x", "DISPLAY").resolved()
    assert (bare.age_type, bare.gender_type, bare.location_type) == ("ALL", "ALL", "ALL")
    for area in ("locations", "depth2_locations", "depth3_locations"):
        given: dict[str, Any] = {area: [SEOUL]}
        full = AudienceDraft("x", "DISPLAY", ages=["20"], genders=["M"], **given).resolved()
        assert (full.age_type, full.gender_type) == ("NOT_ALL", "NOT_ALL")
        assert full.location_type == "AREA"


def test_both_kinds_have_a_maker() -> None:
    """``display`` and ``message`` make drafts of their type."""
    assert AudienceDraft.display("x", ages=["20"]) == AudienceDraft("x", "DISPLAY", ages=["20"])
    assert AudienceDraft.message("x", ages=["20"]) == AudienceDraft("x", "MESSAGE", ages=["20"])


def test_sets_keep_order_and_drop_repeats() -> None:
    """A draft's set is a tuple in the given order, with each value once."""
    draft = AudienceDraft.display("x", ages=["30", Age.AGE_20, "30", "20"], locations=[SEOUL] * 2)
    assert draft.ages == ("30", "20")
    assert draft.locations == (SEOUL,)


@pytest.mark.parametrize("value", ["20", b"20", {"a": 1}, 20], ids=lambda v: type(v).__name__)
def test_a_set_must_be_a_collection(value: Any) -> None:
    """A value that is not a collection is refused by name. Text is refused too."""
    with pytest.raises(kmoment.InvalidArgumentError, match=r"^ages must be a collection.*not"):
        AudienceDraft("x", "DISPLAY", ages=value)


DISPLAY_OR = "must be DISPLAY or MESSAGE"
VIOLATIONS = {
    "blank name": ({"name": "  "}, ["name: must be text that is not empty"]),
    "name is no text": ({"name": 3}, ["name: must be text that is not empty"]),
    "name cannot be sent": ({"name": "\ud800"}, ["name: must be text that UTF-8 can encode"]),
    "no type": ({"type": None}, ["type: must be DISPLAY or MESSAGE, not None"]),
    "unknown type": ({"type": "display"}, ["type: must be DISPLAY or MESSAGE, not 'display'"]),
    "ages with ALL": (
        {"age_type": "ALL", "ages": ["20"]},
        ["ages: must not be given if age_type is ALL"],
    ),
    "no ages with NOT_ALL": (
        {"age_type": "NOT_ALL"},
        ["age_type: NOT_ALL needs ages"],
    ),
    "genders with ALL": (
        {"gender_type": "ALL", "genders": ["M"]},
        ["genders: must not be given if gender_type is ALL"],
    ),
    "no genders with NOT_ALL": (
        {"gender_type": "NOT_ALL"},
        ["gender_type: NOT_ALL needs genders"],
    ),
    "wrong gender": (
        {"genders": ["X"]},
        ['genders[0]: must be one of "M", "F", not \'X\'; see kmoment.words.genders'],
    ),
    "area without a location": (
        {"location_type": "AREA"},
        ["location_type: AREA needs locations or depth2_locations or depth3_locations"],
    ),
    "location with ALL": (
        {"location_type": "ALL", "depth2_locations": [GANGNAM]},
        ["depth2_locations: must not be given if location_type is ALL"],
    ),
    "location of the wrong depth": (
        {"locations": [GANGNAM]},
        ["locations[0]: must be a Location, not Depth2Location"],
    ),
    "JSON in place of a location": (
        {"locations": [{"value": "I"}]},
        ["locations[0]: must be a Location, not dict"],
    ),
    "location without a code": (
        {"locations": [attrs.evolve(SEOUL, value=" ")]},
        ["locations[0].value: must be text that is not empty, not ' '"],
    ),
    "empty interest": (
        {"ufo_interests": [""]},
        ["ufo_interests[0]: must be a category's id, not ''"],
    ),
    "no tracker": (
        {"tracker_targetings": [kmoment.TrackerTargeting()]},
        ["tracker_targetings[0].track_id: must be text that is not empty, not None"],
    ),
    "group without an id": (
        {
            "type": "MESSAGE",
            "talk_channel_group_targetings": [kmoment.TalkChannelGroupTargeting()],
        },
        [
            (
                "talk_channel_group_targetings[0]: must be a TalkChannelGroupTargeting that names "
                "its group in extra"
            )
        ],
    ),
    "type of the wrong kind": ({"type": ["DISPLAY"]}, [f"type: {DISPLAY_OR}, not ['DISPLAY']"]),
    "cohort without an id": (
        {"cohort_targetings": [kmoment.CohortTargeting(cohort_id=0)]},
        ["cohort_targetings[0].cohort_id: must be a positive 64-bit integer, not 0"],
    ),
    "file id as text": (
        {"customer_file_targetings": [kmoment.CustomerFileTargeting(customer_file_id=WRONG)]},
        [
            (
                "customer_file_targetings[0].customer_file_id: "
                "must be a positive 64-bit integer, not '1x'"
            )
        ],
    ),
    "file in MESSAGE": (
        {
            "type": "MESSAGE",
            "customer_file_targetings": [kmoment.CustomerFileTargeting(customer_file_id=1)],
        },
        ["customer_file_targetings: must not be given for a MESSAGE audience"],
    ),
    "tracker in MESSAGE": (
        {"type": "MESSAGE", "tracker_targetings": [kmoment.TrackerTargeting(track_id="1")]},
        ["tracker_targetings: must not be given for a MESSAGE audience"],
    ),
    "friend group in DISPLAY": (
        {"talk_channel_group_targetings": [kmoment.TalkChannelGroupTargeting(extra={"id": 1})]},
        ["talk_channel_group_targetings: must not be given for a DISPLAY audience"],
    ),
}


@pytest.mark.parametrize(("name", "text"), [("ages", "20대"), ("genders", "여")])
def test_words_are_told_where_they_are_read(name: str, text: str) -> None:
    """Text in place of codes is refused, and the error names the function that reads it."""
    members: Any = {name: text}
    for make in (kmoment.AudienceDraft.display, kmoment.AudienceDraft.display("x").replace):
        with pytest.raises(kmoment.InvalidArgumentError) as caught:
            make(**{"name": "x", **members})
        told = f"{name} must be a collection of codes, as kmoment.words.{name}('{text}') gives it"
        assert str(caught.value) == f"{told}, not '{text}'"
    (violation,) = kmoment.AudienceDraft.display("x", **{name: (text,)}).violations()  # type: ignore[arg-type]
    assert violation.rule.endswith(f"not '{text}'; see kmoment.words.{name}")


@pytest.mark.parametrize(("members", "violations"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_violations(members: dict[str, object], violations: list[str]) -> None:
    """A draft that breaks a documented rule has a violation with the path and the rule."""
    draft = AudienceDraft(**{"name": "x", "type": "DISPLAY", **members})  # type: ignore[arg-type]
    assert [str(violation) for violation in draft.violations()] == violations


def test_all_violations_at_once() -> None:
    """All violations of a draft are in one error, which can be pickled."""
    draft = AudienceDraft("", "DISPLAY", ages=["20", "99"], genders=["X"])
    with pytest.raises(kmoment.InvalidDraftError) as caught:
        checked_draft("audience", draft)
    assert [v.path for v in caught.value.violations] == [
        "name",
        "ages[1]",
        "genders[0]",
    ]
    assert str(caught.value).startswith("audience breaks 3 rules:\n  name: ")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.violations == caught.value.violations
    assert str(kmoment.InvalidDraftError("audience", [Violation("a", "b")])).startswith(
        "audience breaks 1 rule:"
    )


def test_a_word_newer_than_kmoment_is_never_refused() -> None:
    """An enum value that kmoment does not know is accepted, because Kakao may have added it."""
    draft = AudienceDraft(
        "x", models.AudienceType("SEARCH"), ages=[Age("70")], age_type=models.AgeType("SOME")
    )
    assert draft.violations() == ()


@given(draft=models_of(AudienceDraft))
def test_checking_any_draft(draft: AudienceDraft) -> None:
    """Any draft is accepted, or refused with violations that each name one of its fields."""
    try:
        checked = checked_draft("audience", draft)
        assert checked.replace(name=draft.name) == draft.resolved()
        assert normalised(checked.name) == normalised(draft.name)
    except kmoment.InvalidDraftError as error:
        assert error.violations == draft.violations() != ()
        for violation in error.violations:
            assert hasattr(draft, violation.path.partition("[")[0]), violation
    else:
        assert draft.violations() == ()


# -- From answers to drafts ----------------------------------------------------------------

ANSWER = {
    "id": 7,
    "type": "DISPLAY",
    "name": "x",
    "audienceStatus": "AVAILABLE",
    "populationScore": 10,
    "createdDate": "2021-05-03T18:50:54",
    "ageType": "NOT_ALL",
    "ages": ["20", "70"],
    "genderType": "ALL",
    "depth2locations": [
        {"value": "B7222", "desrciption": "d", "depth1Name": "a", "depth2Name": "b", "new": [1]}
    ],
    "ufoInterests": [],
    "customerFileTargetings": [
        {"customerFileId": 1, "inclusionType": "INCLUDE", "status": "COMPLETE"}
    ],
    "cohortTargetings": [{"cohortId": 2, "weight": 3}],
    "lookalikeTargetings": [{"lookalikeId": 9}],
}


def test_a_draft_of_an_answer_loses_no_targeting() -> None:
    """A draft of an answer keeps all targeting, also unknown members, and derives its types."""
    draft = read(ANSWER, models.Audience).draft()
    assert write(checked_draft("audience", draft)) == {
        "lookalikeTargetings": [{"lookalikeId": 9}],
        "name": "x",
        "type": "DISPLAY",
        "ageType": "NOT_ALL",
        "ages": ["20", "70"],
        "genderType": "ALL",
        "locationType": "AREA",
        "depth2Locations": [
            {
                "new": [1],
                "value": "B7222",
                "description": "d",
                "depth1Name": "a",
                "depth2Name": "b",
            }
        ],
        "ufoInterests": [],
        "customerFileTargetings": [{"customerFileId": 1, "inclusionType": "INCLUDE"}],
        "cohortTargetings": [{"weight": 3, "cohortId": 2}],
    }


def test_a_draft_never_widens_an_audience_unseen() -> None:
    """If an answer has NOT_ALL but no ages, its draft is refused and does not become ALL."""
    answer = read({"id": 1, "name": "x", "type": "DISPLAY", "ageType": "NOT_ALL"}, models.Audience)
    assert [violation.path for violation in answer.draft().violations()] == ["age_type"]


def test_sets_that_kakao_forbids_are_left_out_when_empty() -> None:
    """An empty set that its type forbids is not sent."""
    draft = AudienceDraft.display("x", ages=(), locations=(), tracker_targetings=(), extra={})
    assert write(checked_draft("audience", draft)) == {
        "name": "x",
        "type": "DISPLAY",
        "ageType": "ALL",
        "genderType": "ALL",
        "locationType": "ALL",
        "trackerTargetings": [],
    }


def test_entries_kmoment_does_not_understand_survive() -> None:
    """An entry with members that kmoment does not know is read, kept and sent back."""
    entries = {
        "cohortTargetings": [{"id": 5, "inclusionType": "INCLUDE"}],
        "ufoInterests": [101, {"id": "I01"}, "A01"],
        "trackerTargetings": [{"trackerTargetingTerms": [30], "key": "x"}],
    }
    answer = read({"id": 1, "name": "x", "type": "DISPLAY", **entries}, models.Audience)
    sent = write(checked_draft("audience", answer.draft()))
    assert {name: sent[name] for name in entries} == entries


def test_a_changed_draft_changes_its_types() -> None:
    """After a change of its sets, a draft derives its types again."""
    draft = read(ANSWER, models.Audience).draft().replace(ages=None, depth2_locations=None)
    assert checked_draft("audience", draft).age_type == "ALL"
    assert checked_draft("audience", draft).location_type == "ALL"
    assert draft.name == "x"


@given(audience=models_of(models.Audience))
def test_any_answer_becomes_a_draft(audience: models.Audience) -> None:
    """Any audience can become a draft, which has the audience's locations and extra members."""
    draft = audience.draft()
    for field in attrs.fields(AudienceDraft):
        if field.name.endswith("locations") or field.name == "extra":
            assert getattr(draft, field.name) == getattr(audience, field.name)


def test_targets() -> None:
    """``target`` of each look-up row makes the entry that targets it."""
    include = kmoment.InclusionType.INCLUDE
    exclude = kmoment.InclusionType.EXCLUDE
    assert kmoment.CohortAvailable(id=1).target() == kmoment.CohortTargeting(
        cohort_id=1, inclusion_type=include
    )
    assert kmoment.CustomerFile(id=1).target(exclude) == kmoment.CustomerFileTargeting(
        customer_file_id=1, inclusion_type=exclude
    )
    assert kmoment.ChannelProfile(id="_a").target() == kmoment.TalkChannelTargeting(
        profile_id="_a", inclusion_type=include
    )
    assert kmoment.SyncProfile(id="_a").target(None) == kmoment.SyncAppTargeting(profile_id="_a")
    group = kmoment.TalkChannelGroupFile(id=5).target("someId")
    assert write(group) == {"someId": 5, "inclusionType": "INCLUDE"}
    event = kmoment.PixelAndSdkEvent(
        event_code="PageView", track_rule_id="*", track_rule=kmoment.TrackRule(name="visit")
    )
    assert event.target("9", tracker_targeting_terms=["ONE_MONTH"]) == kmoment.TrackerTargeting(
        track_id="9",
        inclusion_type=include,
        event_code="PageView",
        track_rule_id="*",
        track_rule_name="visit",
        tracker_targeting_terms=("ONE_MONTH",),
    )
    assert kmoment.PixelAndSdkEvent(event_code="*").target("9").track_rule_name is None
