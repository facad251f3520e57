"""Values: they compare by meaning, travel, print readably, and turn into plain data."""

import copy
import json
import pickle
from datetime import datetime
from enum import Enum
from typing import Any, cast

import attrs
import pytest
from hypothesis import given, strategies as st

import kmoment
from helpers.strategies import MODELS, models_of
from kmoment import OutcomeStatus, models, outcomes
from kmoment._protocol.converter import SEOUL
from kmoment._protocol.link_edit import LinkEdit
from kmoment.journal.entries import json_value
from kmoment.limits import LimitStatus
from kmoment.models._base import SHOWN, Model
from kmoment.places import Missing, korea

PLACE = kmoment.Location(value="I", description="서울", depth1_name="서울특별시")


@pytest.mark.parametrize("model", MODELS, ids=lambda it: it.__name__)
@given(data=st.data())
def test_every_model_is_copied_pickled_and_turned_into_json(
    model: Any, data: st.DataObject
) -> None:
    """Copies are equal, and the dictionary has every member as a value that JSON has."""
    made = data.draw(models_of(model))
    assert pickle.loads(pickle.dumps(made)) == copy.copy(made) == copy.deepcopy(made) == made
    plain = made.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert set(plain) == {field.name for field in attrs.fields(model)}
    assert plain["extra"] is None or isinstance(plain["extra"], str)


ENSURED = kmoment.Ensured(
    draft=kmoment.AudienceDraft.display("x", ages=("20",)),
    audience=kmoment.Audience(id=1, name="x", type=kmoment.AudienceType.DISPLAY),
    change=kmoment.Change.UPDATED,
    differences=(kmoment.Difference("ages", (kmoment.Age.AGE_20,), None),),
)
OUTCOME: Any = kmoment.Outcome(index=0, input=1, status=OutcomeStatus.OK, value=ENSURED)
RESULTS: list[Any] = [
    ENSURED,
    OUTCOME,
    kmoment.Outcome(
        index=0, input=1, status=OutcomeStatus.FAILED, error=kmoment.NotFoundError("it is gone")
    ),
    kmoment.Outcomes([OUTCOME]),
    kmoment.EnsureOutcomes([attrs.evolve(OUTCOME, input=ENSURED.draft)]),
    kmoment.BulkDeleteResult(
        outcomes=kmoment.Outcomes([attrs.evolve(OUTCOME, value=kmoment.DeleteStatus.DELETED)])
    ),
    kmoment.Progress(1, 0, None, 0.5),
    PLANNED := kmoment.DeletePlanRow(kmoment.AudienceSummary(id=1, name="x"), ()),
    kmoment.DeletePlan(cast("Any", None), 1, (PLANNED,)),
    kmoment.AsyncDeletePlan(cast("Any", None), 1, (PLANNED,)),
    *(
        plan(cast("Any", None), LinkEdit(account=1, audience_id=2, ad_group_id=3, before={}))
        for plan in (kmoment.LinkPlan, kmoment.AsyncLinkPlan)
    ),
    kmoment.LinkResult(1, 2, True),
    kmoment.TreeChanges((PLACE,), (), ((PLACE, PLACE),), (Missing("x", "y"),)),
    korea().one("강남구 논현1동"),
    korea().resolve(["고성군", "강남구"]),
    korea().resolve(["고성군"])[0],
    LimitStatus(
        quota="x", ad_account_id=1, rate=None, waiting=0, last_rejection=None, state="free"
    ),
]
"""What methods return that is no model."""


@pytest.mark.parametrize("made", RESULTS, ids=lambda it: type(it).__name__)
def test_a_journal_keeps_what_methods_return(made: Any) -> None:
    """What a method returns has a ``to_dict``, or is a list of such, and a journal keeps it."""
    kept = json_value("value", made)
    told = [one.to_dict() for one in made] if isinstance(made, list) else made.to_dict()
    assert kept == told == json.loads(json.dumps(told))


def test_every_result_is_among_them() -> None:
    """No public value is forgotten: each is a model, an enum, or among those above."""
    classes = [getattr(models, name) for name in models.__all__]
    classes += [getattr(outcomes, name) for name in outcomes.__all__]
    assert {it for it in classes if not issubclass(it, Model | Enum)} <= {
        *map(type, RESULTS),
        kmoment.Difference,
    }


def test_a_pickle_of_an_older_version_loads_with_defaults() -> None:
    """A member that did not exist then is what it is by default."""
    row = kmoment.AudienceSummary(id=1, name="x")
    state = row.__getstate__()
    del state["created_date"], state["extra"]
    older = kmoment.AudienceSummary(id=2, name="y")
    older.__setstate__(state)
    assert older == row


def test_sets_have_no_order() -> None:
    """Two drafts, or audiences, that ask for the same are equal, and hash the same."""
    draft = kmoment.AudienceDraft.display
    assert draft("x", ages=("20", "25")) == draft("x", ages=("25", "20"))
    assert hash(draft("x", ages=("20", "25"))) == hash(draft("x", ages=("25", "20")))
    assert draft("x", ages=("20", "25")) != draft("x", ages=("20",))
    assert draft("x", ages=()) == draft("x")
    files = [kmoment.CustomerFileTargeting(customer_file_id=n) for n in (1, 2)]
    one = kmoment.Audience(id=1, name="x", type="DISPLAY", customer_file_targetings=tuple(files))  # type: ignore[arg-type]
    assert one == attrs.evolve(one, customer_file_targetings=tuple(reversed(files)))


def test_a_set_that_cannot_be_hashed_compares_in_order() -> None:
    """Kakao's page does not say in which form it answers categories: they may be objects."""
    made = kmoment.AudienceDraft.display("x", ufo_interests=[{"id": "a"}])  # type: ignore[list-item]
    assert made == made.replace(name="x")
    assert made != made.replace(name="y")


def test_a_repr_shows_zero_and_false_where_they_are_facts() -> None:
    """Nothing that the answer says is hidden; what it leaves out is."""
    file = kmoment.CustomerFile(id=1, ready=False, population_score=0)
    assert repr(file) == "CustomerFile(id=1, population_score=0, ready=False)"
    audience = kmoment.Audience(id=1, name="x", type=kmoment.AudienceType.DISPLAY)
    assert "reconciled" not in repr(audience)
    assert "reconciled=True" in repr(attrs.evolve(audience, reconciled=True))


def test_a_long_repr_says_that_it_is_cut() -> None:
    """At most about 500 characters."""
    ages = tuple(kmoment.Age(str(n)) for n in range(300))
    text = repr(kmoment.AudienceDraft.display("x", ages=ages))
    assert len(text) <= SHOWN + 60
    assert text.endswith("characters more)")


def test_a_date_becomes_text_with_its_zone() -> None:
    """Whoever reads the data knows which moment it is."""
    made = kmoment.AudienceSummary(id=1, name="x", created_date=datetime(2026, 1, 2, tzinfo=SEOUL))
    assert made.to_dict()["created_date"] == "2026-01-02T00:00:00+09:00"


def test_a_part_of_outcomes_has_their_methods() -> None:
    """A slice can be asked for what failed, or raised."""
    outcomes = kmoment.Outcomes[int, int](
        kmoment.Outcome(index=n, input=n, status=OutcomeStatus.OK, value=n) for n in range(5)
    )
    assert outcomes[1:3].values() == [1, 2]
    assert outcomes[::2].failures() == []
    assert outcomes[0].value == 0


ROW = kmoment.AudienceSummary(id=1, name="a")
MADE_OF: dict[str, tuple[Any, ...]] = {
    "InvalidDraftError": ("audience", [kmoment.Violation("a", "b")]),
    "AmbiguousLocationError": ("중구", [1, 2], ["a 중구", "b 중구"]),
    "AmbiguousAudienceError": ("a", [ROW]),
    "AmbiguousPlaceError": ("reason", ["a.b"]),
    "AudienceInUseError": ([1], [kmoment.AudienceAdGroup(campaign_id=1, ad_group_id=2)]),
    "EntryBusyError": ("key", "process 5"),
    "EntryUnknownError": ("key", "its process died"),
    "JournalStoreError": ("nightly.db", "it is full"),
    "AmbiguousNameError": ("a", [ROW, ROW], ["1", "2"]),
    "AudienceNotUsableError": (ROW,),
    "SheetError": ([kmoment.CellFault("s", 2, "C", "나이", "x", "must", "해야")],),
}


@pytest.mark.parametrize("name", [name for name in dir(kmoment) if name.endswith("Error")])
def test_errors_travel_with_their_notes(name: str) -> None:
    """Through a pickle, as process pools send them, and through copies."""
    kind = getattr(kmoment, name)
    if issubclass(kind, kmoment.APIError):
        error = kind("reason", {"status": 400, "message": "said"})
    elif issubclass(kind, kmoment.InvalidArgumentError):
        error = kind(*MADE_OF.get(name, ("argument", "rule")))
    else:
        error = kind(*MADE_OF.get(name, ("reason",)))
    error.add_note("input 3: 'x'")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert again.__notes__ == ["input 3: 'x'"]
        assert vars(again) == vars(error)


DISPLAY = kmoment.AudienceType.DISPLAY


def test_audiences_with_entries_that_cannot_be_hashed_are_compared() -> None:
    """An entry that came as a mapping does not break the comparison."""
    entry = {"id": "I01"}
    one, same = (
        kmoment.Audience(id=1, name="a", type=DISPLAY, ufo_interests=(entry,)) for _ in "ab"
    )
    assert one == same
    assert one != attrs.evolve(one, ufo_interests=())
