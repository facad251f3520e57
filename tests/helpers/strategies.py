"""Hypothesis strategies for every model, built from its fields."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, Final, get_args, get_origin

import attrs
from hypothesis import strategies as st

from kmoment import AudienceDraft, models
from kmoment._protocol.converter import SEOUL
from kmoment.models._base import Model, OpenEnum

MODELS: Final[list[type[Model]]] = [
    value
    for name in models.__all__
    if isinstance(value := getattr(models, name), type) and issubclass(value, Model)
]
ENUMS: Final[list[type[OpenEnum]]] = [
    value
    for name in models.__all__
    if isinstance(value := getattr(models, name), type) and issubclass(value, OpenEnum)
]

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
TEXT: Final = st.text(max_size=12)
EXTRA: Final = st.dictionaries(st.text("xyzXYZ", min_size=3, max_size=6), JSON, max_size=2)


def _models_of(model: Any) -> st.SearchStrategy[Any]:
    attrs.resolve_types(model)
    members = {
        field.name: EXTRA if field.name == "extra" else _of(field.type)
        for field in attrs.fields(model)
        if field.metadata.get("wire", True)
    }
    return st.builds(model, **members)


models_of: Callable[[Any], st.SearchStrategy[Any]] = cache(_models_of)
"""A strategy for any value of a model."""


def _of(type_: Any) -> st.SearchStrategy[Any]:
    if type_ is Any:
        return TEXT | st.integers()
    if NoneType in get_args(type_):
        rest = [_of(arg) for arg in get_args(type_) if arg is not NoneType]
        return st.none() | st.one_of(rest)
    if get_origin(type_) is tuple:
        return st.lists(_of(get_args(type_)[0]), max_size=3, unique=True).map(tuple)
    if get_args(type_):  # `Age | str`: an answer can hold only the enum
        return _of(get_args(type_)[0])
    if issubclass(type_, Model):
        return models_of(type_)
    if issubclass(type_, OpenEnum):
        return st.sampled_from(list(type_)) | TEXT.filter(lambda t: t != "All").map(type_)
    if issubclass(type_, datetime):
        dates = st.datetimes(timezones=st.just(SEOUL))
        return dates.map(lambda date: date.replace(microsecond=0))
    return {str: TEXT, int: st.integers(), bool: st.booleans()}[type_]


# -- Drafts that follow every rule ------------------------------------------------------

AGES: Final = tuple(models.Age)
NAMES: Final = st.text("ab 가각", min_size=1, max_size=4).filter(str.strip)
PLACES: Final[dict[str, list[Any]]] = {
    "locations": [
        models.Location(value=code, description=name, depth1_name=name)
        for code, name in (("I", "서울특별시"), ("A", "강원특별자치도"))
    ],
    "depth2_locations": [
        models.Depth2Location(value=code, description="x", depth1_name="서울특별시", depth2_name=it)
        for code, it in (("I1000", "강남구"), ("I1100", "서초구"))
    ],
}
NOTE: Final[st.SearchStrategy[dict[str, Any]]] = st.dictionaries(
    st.sampled_from(["note", "memo"]), st.none() | st.integers(0, 2) | st.just([]), max_size=2
)


def _some(items: Any) -> st.SearchStrategy[Any]:
    """Nothing said, none, or some of *items* in any order."""
    return st.none() | st.lists(st.sampled_from(items), max_size=3, unique=True).map(tuple)


def _entries(model: Any, field: str, ids: list[Any]) -> st.SearchStrategy[Any]:
    words = st.none() | st.sampled_from(list(models.InclusionType))
    id_ = st.sampled_from(ids)
    made = st.builds(model, **{field: id_}, inclusion_type=words, extra=NOTE)
    return st.none() | st.lists(made, max_size=3).map(tuple)


drafts: Final[st.SearchStrategy[AudienceDraft]] = st.builds(
    AudienceDraft,
    name=NAMES,
    type=st.sampled_from(list(models.AudienceType)),
    ages=_some(AGES),
    genders=_some(list(models.Gender)),
    **{name: _some(places) for name, places in PLACES.items()},
    ufo_interests=_some(["B01", "B0101", 7]),
    cohort_targetings=_entries(models.CohortTargeting, "cohort_id", [1, 2]),
    sync_app_targetings=_entries(models.SyncAppTargeting, "profile_id", ["_a", "_b"]),
    extra=NOTE,
)
"""Drafts of either type, of which several may have one name."""
