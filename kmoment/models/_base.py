"""What all models share. Models hold values; they know nothing of JSON or the network."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NoReturn, Self

import attrs


class OpenEnum(StrEnum):
    """An enum that Kakao may extend: a value it does not know is kept as it is.

    An unknown value compares with text, prints as itself, pickles, and is sent back unchanged.
    Only :attr:`is_known` tells it from a known one.
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
    """A dict that refuses to change; it still pickles, copies and turns into JSON."""

    def _refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("this mapping is frozen; build a new one")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any]]]:
        return type(self), (dict(self),)

    def __copy__(self) -> Self:
        return self


NO_EXTRA = FrozenDict()


def _frozen(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    return extra if extra.__class__ is FrozenDict else FrozenDict(extra)


@attrs.frozen(kw_only=True, repr=False)
class Model:
    """A frozen value. A member is ``None`` where the answer left it out, or gave null."""

    extra: Mapping[str, Any] = attrs.field(
        default=NO_EXTRA, converter=_frozen, repr=False, hash=False
    )
    """Members that kmoment does not know, under Kakao's own names, kept as they came."""

    def __repr__(self) -> str:
        """Only the members that are set: mostly five of two dozen."""
        own = {f.name: getattr(self, f.name) for f in attrs.fields(type(self))}
        extra = own.pop("extra")
        shown = [f"{name}={value!r}" for name, value in own.items() if value not in (None, False)]
        return f"{type(self).__name__}({', '.join(shown + [f'{extra=}'] * bool(extra))})"
