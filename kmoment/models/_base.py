"""The base classes of all models. Models hold values and do not depend on JSON or the network."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NoReturn, Self, get_args, get_origin

import attrs

from .._plain import Serializable, plain


class OpenEnum(StrEnum):
    """An enum that Kakao may extend. An unknown value is kept as it is.

    An unknown value compares with text, prints as its text, pickles, and is sent back unchanged.
    Use :attr:`is_known` to find out whether a value is known.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this version of kmoment knows the value."""
        return self._value_ in type(self)._value2member_map_

    def __repr__(self) -> str:
        known = f".{self._name_}: " if self.is_known else ": unknown "
        return f"<{type(self).__name__}{known}{self._value_!r}>"


class FrozenDict(dict[str, Any]):
    """A dict that cannot be changed. It can be pickled, copied and written as JSON."""

    def _refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("this mapping is frozen; build a new one")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any]]]:
        return type(self), (dict(self),)

    def __copy__(self) -> Self:
        return self


NO_EXTRA = FrozenDict()

SHOWN: Final = 460
"""Characters of a repr before it is cut: with what is said of the rest it is about 500."""


def _frozen(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    return extra if extra.__class__ is FrozenDict else FrozenDict(extra)


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class Model(Serializable):
    """A frozen value. A member is ``None`` if the answer leaves it out or gives null."""

    extra: Mapping[str, Any] = attrs.field(
        default=NO_EXTRA, converter=_frozen, repr=False, hash=False
    )
    """Members that kmoment does not know, unchanged, under Kakao's names."""

    def to_dict(self) -> dict[str, Any]:
        """All members by their names, as values that JSON has: for a DataFrame, a log, an API.

        Dates are ISO text with Seoul's offset. ``extra`` is JSON text, ``None`` if it is empty, so
        that the column of a table has one type.
        """
        extra = json.dumps(dict(self.extra), ensure_ascii=False) if self.extra else None
        return {**super().to_dict(), "extra": extra}

    def to_row(self) -> dict[str, Any]:
        """All members as one flat row, for a table: text, numbers, true and false, or ``None``.

        A set is joined by ", ", places by their names, with their codes in a column beside them.
        The members of an object have its name before theirs: ``campaign_type_goal_goal``. What is
        deeper is JSON text. Dates are ISO text with Seoul's offset. Each row of a class has the
        same columns.
        """
        row: dict[str, Any] = {}
        for field in attrs.fields(type(self)):
            value, inner = getattr(self, field.name), _model_in(field.type)
            if inner is None:
                row[field.name] = cell(value)
                if _holds_places(field.type):
                    row[f"{field.name.removesuffix('s')}_codes"] = _codes(value)
            else:
                own = value.to_row() if value is not None else _empty_row(inner)
                row |= {f"{field.name}_{name}": it for name, it in own.items()}
        del row["extra"]
        return {**row, "extra": cell(dict(self.extra)) if self.extra else None}

    def _in_set(self) -> str:
        """This value as one of a joined set."""
        if (name := getattr(self, "full_name", None)) is not None:
            return str(name)
        own = {name: it for name, it in self.to_dict().items() if it is not None}
        return json.dumps(own, ensure_ascii=False)

    def __repr__(self) -> str:
        """Show the members that are set, at most :data:`SHOWN` characters."""
        fields = attrs.fields(type(self))
        own = {f.name: getattr(self, f.name) for f in fields if f.metadata.get("wire", True)}
        own |= {f.name: value for f in fields if (value := getattr(self, f.name)) != f.default}
        extra = own.pop("extra", None)
        parts = [f"{name}={value!r}" for name, value in own.items() if value is not None]
        text = ", ".join(parts + [f"{extra=}"] * bool(extra))
        if len(text) > SHOWN:
            text = f"{text[:SHOWN]}… and {len(text) - SHOWN} characters more"
        return f"{type(self).__name__}({text})"

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in attrs.fields(type(self))}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """A pickle of an older version lacks members: they get their defaults."""
        for field in attrs.fields(type(self)):
            default = None if field.default is attrs.NOTHING else field.default
            object.__setattr__(self, field.name, state.get(field.name, default))


def _model_in(type_: Any) -> type[Model] | None:
    """The class of a field that holds one model."""
    if get_origin(type_) is tuple:
        return None
    found = (it for it in (type_, *get_args(type_)) if isinstance(it, type))
    return next((it for it in found if issubclass(it, Model)), None)


def _holds_places(type_: Any) -> bool:
    """Whether a field of this type is a set of places."""
    sets = (it for it in (type_, *get_args(type_)) if get_origin(it) is tuple)
    return any(hasattr(get_args(it)[0], "full_name") for it in sets)


def _codes(places: Any) -> str | None:
    return None if places is None else ", ".join(str(place.value) for place in places)


def _empty_row(model: type[Model]) -> dict[str, None]:
    """The columns of an object that is missing."""
    row: dict[str, None] = {}
    for field in attrs.fields(model):
        inner = _model_in(field.type)
        names = [""] if inner is None else [f"_{name}" for name in _empty_row(inner)]
        row |= {f"{field.name}{name}": None for name in names}
    del row["extra"]
    return {**row, "extra": None}


def column_names(model: type[Model]) -> tuple[str, ...]:
    """The columns of a table of *model*."""
    return tuple(_empty_row(model))


def cell(value: Any) -> Any:
    """*value* as a table has it: text, a number, true or false, or ``None``."""
    if isinstance(value, tuple | list) and not any(isinstance(it, tuple | list) for it in value):
        return ", ".join(map(_joinable, value))
    if isinstance(value, Model):
        return value._in_set()
    value = plain(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _joinable(value: Any) -> str:
    found = cell(value)
    return "" if found is None else str(found)


def sets_have_no_order(_: type, fields: list[Any]) -> list[Any]:
    """For classes whose tuples are Kakao's sets: they are equal in any order."""
    return [f.evolve(eq_key=_as_set) if "tuple" in str(f.type) else f for f in fields]


def _as_set(value: Any) -> Any:
    try:
        return frozenset(value) if isinstance(value, tuple) else value
    except TypeError:  # an item that cannot be hashed
        return value
