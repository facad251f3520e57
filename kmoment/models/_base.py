"""The base classes of all models. Models hold values and do not depend on JSON or the network."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NoReturn, Self

import attrs


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


def _frozen(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    return extra if extra.__class__ is FrozenDict else FrozenDict(extra)


@attrs.frozen(kw_only=True, repr=False)
class Model:
    """A frozen value. A member is ``None`` if the answer leaves it out or gives null."""

    extra: Mapping[str, Any] = attrs.field(
        default=NO_EXTRA, converter=_frozen, repr=False, hash=False
    )
    """Members that kmoment does not know, unchanged, under Kakao's names."""

    def __repr__(self) -> str:
        """Show only the members that are set. Most of an audience's members are not."""
        own = {f.name: getattr(self, f.name) for f in attrs.fields(type(self))}
        extra = own.pop("extra")
        shown = [f"{name}={value!r}" for name, value in own.items() if value not in (None, False)]
        return f"{type(self).__name__}({', '.join(shown + [f'{extra=}'] * bool(extra))})"
