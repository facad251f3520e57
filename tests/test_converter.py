"""The converter: which answers are accepted, which are refused, and the path of each problem."""

from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

from helpers.strategies import JSON, MODELS, TEXT, models_of
from kmoment import models
from kmoment._protocol.converter import SEOUL, StructureError, camel, read, write
from kmoment.models._base import Model

ROW: dict[str, Any] = {"id": 1, "name": "x"}
ANSWERS = [model for model in MODELS if model is not models.AudienceDraft]


@pytest.mark.parametrize(
    "text",
    ["2021-05-03T18:50:54", "2021-05-03 18:50:54", "2021-05-03 18:50", "2021.05.03 18:50"],
)
def test_dates_in_four_forms(text: str) -> None:
    """All four forms of Kakao's dates are read as Seoul time."""
    row = read(ROW | {"createdDate": text}, models.AudienceSummary)
    assert row.created_date is not None
    assert row.created_date.replace(second=0) == datetime(2021, 5, 3, 18, 50, tzinfo=SEOUL)
    assert row.created_date.utcoffset() == timedelta(hours=9)


def test_a_zone_is_kept_and_written_as_seouls() -> None:
    """A date with a zone keeps its instant, and is written in Seoul time."""
    row = read(ROW | {"createdDate": "2021-05-03T09:50:54+00:00"}, models.AudienceSummary)
    assert row.created_date == datetime(2021, 5, 3, 18, 50, 54, tzinfo=SEOUL)
    assert write(row)["createdDate"] == "2021-05-03T18:50:54"


def test_numbers_and_text_stand_in_for_each_other() -> None:
    """A documented Long is read from text too, and a documented String from a number."""
    file = read({"id": "1", "adidListKey": 7, "populationScore": "100"}, models.CustomerFile)
    assert (file.id, file.adid_list_key, file.population_score) == (1, "7", 100)
    assert read({"id": -5, "name": "x"}, models.AudienceSummary).id == -5


def test_both_spellings_are_read_and_the_documented_one_written() -> None:
    """The typos of Kakao's samples are read. The spelling of its tables wins, and is written."""
    place = {"value": "B7222", "desrciption": "d", "depth1Name": "a", "depth2Name": "b"}
    audience = read(ROW | {"type": "DISPLAY", "depth2locations": [place]}, models.Audience)
    assert audience.depth2_locations is not None
    assert audience.depth2_locations[0].description == "d"
    assert audience.extra == audience.depth2_locations[0].extra == {}
    assert write(audience)["depth2Locations"][0]["description"] == "d"
    both = read(place | {"description": "right"}, models.Depth2Location)
    assert both.description == "right"


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"content": x}, lambda x: {"data": x}])
def test_lists_bare_or_wrapped(wrap: Any) -> None:
    """A list is read in all three forms: bare, in ``content`` or in ``data``."""
    assert read(wrap([ROW]), list[models.AudienceSummary]) == [read(ROW, models.AudienceSummary)]


def test_absent_is_not_empty() -> None:
    """A set that is absent or null is None, and an empty set is an empty tuple."""
    base = ROW | {"type": "DISPLAY"}
    assert read(base, models.Audience).ages is None
    assert read(base | {"ages": None}, models.Audience).ages is None
    assert read(base | {"ages": []}, models.Audience).ages == ()
    assert "ages" not in write(read(base, models.Audience))
    assert write(read(base | {"ages": []}, models.Audience))["ages"] == []


NOT_AS_DOCUMENTED = [
    (3, models.Audience, "", "must be an object, not a number"),
    (None, models.Audience, "", "must be an object, not null"),
    ({"id": 1}, models.AudienceSummary, "name", "is missing"),
    ({"id": 1, "name": None}, models.AudienceSummary, "name", "is missing"),
    (ROW | {"id": True}, models.AudienceSummary, "id", "must be a whole number, not a boolean"),
    (ROW | {"id": 1.5}, models.AudienceSummary, "id", "must be a whole number, not a number"),
    (ROW | {"id": "x"}, models.AudienceSummary, "id", "must be a whole number, not text"),
    (ROW | {"id": "1" * 20}, models.AudienceSummary, "id", "must be a whole number, not text"),
    (ROW | {"name": []}, models.AudienceSummary, "name", "must be text, not a list"),
    (ROW | {"type": ["D"]}, models.AudienceSummary, "type", "must be text, not a list"),
    (ROW | {"type": False}, models.AudienceSummary, "type", "must be text, not a boolean"),
    ({"id": 1, "ready": 1}, models.CustomerFile, "ready", "must be true or false, not a number"),
    (
        ROW | {"createdDate": 1},
        models.AudienceSummary,
        "createdDate",
        "must be a date, not a number",
    ),
    (
        [ROW, ROW | {"createdDate": "soon"}],
        list[models.AudienceSummary],
        "[1].createdDate",
        "must be a date in one of Kakao's forms",
    ),
    (
        {"content": [ROW, ROW, ROW, ROW | {"createdDate": "soon"}]},
        list[models.AudienceSummary],
        "content[3].createdDate",
        "must be a date in one of Kakao's forms",
    ),
    ({"content": 3}, list[models.AudienceSummary], "", "must be a list, not an object"),
    (
        ROW | {"type": "DISPLAY", "depth2locations": [{"value": "B7222"}]},
        models.Audience,
        "depth2Locations[0].description",
        "is missing",
    ),
    (ROW | {"type": "D", "ages": "20"}, models.Audience, "ages", "must be a list, not text"),
    (
        [{"id": 1, "baseAds": [{"campaign": {"id": 1, "campaignTypeGoal": {"goal": {}}}}]}],
        list[models.CohortAvailable],
        "[0].baseAds[0].campaign.campaignTypeGoal.goal",
        "must be text, not an object",
    ),
]


@pytest.mark.parametrize(("data", "type_", "at", "rule"), NOT_AS_DOCUMENTED)
def test_what_cannot_be_read_names_its_path(data: Any, type_: Any, at: str, rule: str) -> None:
    """A value that is not as documented is reported with its path and the rule."""
    with pytest.raises(StructureError) as caught:
        read(data, type_)
    assert caught.value.problems == ((at, rule),)


@pytest.mark.parametrize("model", ANSWERS, ids=lambda m: m.__name__)
@given(data=st.data())
def test_answers_may_grow_shrink_and_null(model: type[Model], data: st.DataObject) -> None:
    """Answers with extra members, and with missing or null optional members, are read."""
    given_ = write(data.draw(models_of(model)))
    optional = {
        camel(f.name)
        for f in attrs.fields(model)
        if f.default is not attrs.NOTHING and f.name != "extra"
    }
    fates = {
        wire: data.draw(st.sampled_from(["keep", "drop", "null"]), label=wire)
        for wire in sorted(optional & given_.keys())
    }
    changed = {
        wire: None if fates.get(wire) == "null" else value
        for wire, value in given_.items()
        if fates.get(wire) != "drop"
    }
    changed["brandNew"] = data.draw(JSON, label="brandNew")
    value = read(changed, model)
    assert value.extra["brandNew"] == changed["brandNew"]
    for wire, fate in fates.items():
        name = next(f.name for f in attrs.fields(model) if camel(f.name) == wire)
        assert (getattr(value, name) is None) == (fate != "keep")


@given(data=JSON | st.dictionaries(st.sampled_from(["id", "name", "content"]) | TEXT, JSON))
def test_any_json_reads_or_is_unreadable(data: Any) -> None:
    """Reading any JSON gives a value of the requested type or a StructureError."""
    for type_ in (models.Audience, models.CohortAvailable, list[models.AudienceSummary], int):
        try:
            value = read(data, type_)
        except StructureError as unreadable:
            assert all(str(problem).endswith(problem.rule) for problem in unreadable.problems)
        else:
            assert isinstance(value, list if type_ not in (*MODELS, int) else type_)
