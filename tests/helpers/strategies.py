"""Hypothesis strategies for every model, built from its fields."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, Final, get_args, get_origin

import attrs
from hypothesis import strategies as st

from kmoment import models
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
