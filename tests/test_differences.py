"""What makes two drafts different: meaning, and never form."""

import copy
import unicodedata
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

import kmoment
from helpers.strategies import models_of
from kmoment import AudienceDraft, Difference, models
from kmoment._protocol.converter import read, write

SEOUL = kmoment.Location(value="I", description="서울특별시", depth1_name="서울특별시")
GANGNAM = kmoment.Depth2Location(
    value="I1000", description="x", depth1_name="서울특별시", depth2_name="강남구"
)


def display(name: str = "x", **members: Any) -> AudienceDraft:
    return AudienceDraft.display(name, **members)


def cohorts(*entries: dict[str, Any]) -> AudienceDraft:
    made = [kmoment.CohortTargeting(cohort_id=1, extra=extra) for extra in entries]
    return display(cohort_targetings=made)


def tracked(**members: Any) -> AudienceDraft:
    return display(tracker_targetings=[kmoment.TrackerTargeting(track_id="1", **members)])


SAME: dict[str, tuple[AudienceDraft, AudienceDraft]] = {
    "order of a set": (display(ages=["20", "25"]), display(ages=["25", "20"])),
    "an empty set": (display(ages=[]), display()),
    "a choice that follows": (
        display(ages=["20"]),
        AudienceDraft("x", "DISPLAY", age_type="NOT_ALL", ages=["20"]),
    ),
    "the other spelling": (AudienceDraft("x", "DISPLAY", age_type="All"), display()),
    "a location type that is left out": (
        AudienceDraft("x", "DISPLAY", location_type="AREA", locations=[SEOUL]),
        display(locations=[SEOUL]),
    ),
    "names of places": (
        display(locations=[SEOUL]),
        display(locations=[attrs.evolve(SEOUL, description="", depth1_name="Seoul")]),
    ),
    "blanks around a name": (display(" x  y "), display("x y")),
    "Hangul in parts": (display(unicodedata.normalize("NFD", "한글")), display("한글")),
    "how an id is printed": (display(ufo_interests=["101"]), display(ufo_interests=[101])),
    "a category as an object": (
        display(ufo_interests=["B01"]),
        display(ufo_interests=[{"id": "B01", "name": "스포츠"}]),
    ),
    "an item that is given twice": (
        display(ufo_interests=[{"id": "a"}, {"id": "a"}]),
        display(ufo_interests=[{"id": "a"}]),
    ),
    "members that say nothing": (
        display(extra={"new": None, "old": [], "deep": {"a": None}}),
        display(extra={"deep": {}}),
    ),
    "a status, which only answers have": (
        display(
            customer_file_targetings=[
                kmoment.CustomerFileTargeting(
                    customer_file_id=1, status=kmoment.CustomerFileStatus.COMPLETE
                )
            ]
        ),
        display(customer_file_targetings=[kmoment.CustomerFileTargeting(customer_file_id=1)]),
    ),
    "a list of any kind": (
        tracked(tracker_targeting_terms=[30]),
        tracked(tracker_targeting_terms=(30,)),
    ),
    "a word as text": (
        tracked(inclusion_type="INCLUDE"),
        tracked(inclusion_type=kmoment.InclusionType.INCLUDE),
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_form_makes_no_difference(case: str) -> None:
    """Drafts that ask for the same have no differences, are equal, and hash alike."""
    one, other = SAME[case]
    assert one.differences(other) == other.differences(one) == ()
    assert one == other
    assert hash(one) == hash(other)


OTHER: dict[str, tuple[AudienceDraft, AudienceDraft, str]] = {
    "name": (display("a"), display("b"), "name: b -> a"),
    "type": (AudienceDraft("x", "MESSAGE"), display(), "type: DISPLAY -> MESSAGE"),
    "ages": (display(ages=["20", "25"]), display(ages=["20", "15"]), "ages: +25 -15"),
    "genders": (display(genders=["M"]), display(), "genders: +M"),
    "depth2_locations": (
        display(),
        display(depth2_locations=[GANGNAM]),
        "depth2_locations: -서울특별시 강남구",
    ),
    "age_type": (
        AudienceDraft("x", "DISPLAY", age_type="ALL", ages=["20"]),
        display(ages=["20"]),
        "age_type: NOT_ALL -> ALL",
    ),
    "ufo_interests": (
        display(ufo_interests=[f"B{n}" for n in range(7)]),
        display(),
        "ufo_interests: +B0 +B1 +B2 +B3 +B4 +2 more",
    ),
    "cohort_targetings": (
        cohorts({"a": 1}),
        cohorts({"a": 2}),
        "cohort_targetings: +(a=1, cohort_id=1) -(a=2, cohort_id=1)",
    ),
    "extra": (
        display(extra={"a": 1, "b": [1], "d": []}),
        display(extra={"b": [1], "c": 1, "d": [1]}),
        "extra: (d=[1]) -> (a=1, d=[])",
    ),
}


@pytest.mark.parametrize("field", OTHER)
def test_one_difference_is_one_line(field: str) -> None:
    """A difference names its field, both values, and reads as one line."""
    wanted, found, line = OTHER[field]
    (difference,) = wanted.differences(found)
    assert (difference.field, str(difference)) == (field, line)
    assert wanted != found
    assert wanted.differences(wanted) == ()


def test_what_a_difference_holds() -> None:
    """The values are those of the drafts; of ``extra``, only the members that differ."""
    (difference,) = display(ages=["20"]).differences(display())
    assert difference == Difference("ages", ("20",), None)
    (difference,) = display(extra={"a": 1, "b": 2}).differences(display(extra={"b": 3, "a": 1}))
    assert difference == Difference("extra", {"b": 2}, {"b": 3})
    assert hash(difference) == hash(copy.copy(difference))
    assert len(str(Difference("name", "x" * 500, None))) < 150


def test_a_server_may_have_more() -> None:
    """What a server fills in is no difference; what it lacks is one."""
    plain, filled = cohorts({}), cohorts({"cohortName": "filled in"})
    assert plain.differences(filled) == ()
    assert [it.field for it in filled.differences(plain)] == ["cohort_targetings"]
    assert display().differences(display(extra={"new": 1})) == ()
    assert plain != filled


def test_each_entry_needs_one_for_itself() -> None:
    """An entry that fits several leaves one for an entry that fits no other."""
    wanted = cohorts({}, {"a": 1}, {"a": 1, "b": 1})
    found = cohorts({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2}, {"d": 1})
    assert wanted.differences(found) == ()
    assert cohorts({}, {"a": 1}).differences(cohorts({"d": 1}, {"e": 1})) != ()
    assert cohorts({}, {"a": 1}).differences(cohorts({"a": 1})) != ()
    wanted, found = cohorts({"a": 1}, {"a": 1, "b": 1}), cohorts({"a": 1, "b": 1, "c": 1}, {"d": 1})
    assert wanted.differences(found) != ()


@pytest.mark.parametrize(
    "value", [{"locations": ["I"]}, {"name": 5}, {"ages": [object()]}], ids=str
)
def test_a_draft_that_is_not_checked_can_be_compared(value: dict[str, Any]) -> None:
    """Comparing never raises, whatever a draft holds."""
    draft = AudienceDraft(**{"name": "x", "type": "DISPLAY", **value})
    assert draft == copy.copy(draft) != display()
    assert hash(draft) == hash(copy.copy(draft))


def test_only_drafts_are_compared() -> None:
    """Anything else is refused by ``differences``, and is not equal to a draft."""
    audience = kmoment.Audience(id=1, name="x", type=kmoment.AudienceType.DISPLAY)
    with pytest.raises(kmoment.InvalidArgumentError, match=r"^other must be an AudienceDraft"):
        display().differences(audience)  # type: ignore[arg-type]
    assert display() != audience
    assert audience.draft().differences(display()) == ()


TURN: list[Callable[[tuple[Any, ...]], tuple[Any, ...]]] = [lambda it: it[::-1], lambda it: it]


@given(draft=models_of(AudienceDraft), turn=st.sampled_from(TURN))
def test_any_draft_is_itself_in_any_order(draft: AudienceDraft, turn: Any) -> None:
    """A draft with its sets in another order is the same draft."""
    fields = attrs.fields(AudienceDraft)
    sets = {it.name: getattr(draft, it.name) for it in fields if "tuple" in str(it.type)}
    other = draft.replace(**{name: turn(it) for name, it in sets.items() if it is not None})
    assert draft.differences(other) == ()
    assert draft == other
    assert hash(draft) == hash(other)


@given(one=models_of(AudienceDraft), other=models_of(AudienceDraft))
def test_equal_is_no_difference_either_way(one: AudienceDraft, other: AudienceDraft) -> None:
    """``==`` holds exactly if neither draft has differences from the other."""
    different = [*one.differences(other), *other.differences(one)]
    assert (one == other) is (different == [])


@given(audience=models_of(models.Audience))
def test_an_answer_that_is_read_again_is_the_same(audience: models.Audience) -> None:
    """What is written as JSON and read back, in the answer's spelling, makes no difference."""
    again = read(write(audience), models.Audience)
    assert again.draft() == audience.draft()
