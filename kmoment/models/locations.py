"""Places: province, district, neighbourhood."""

import attrs

from ._base import Model


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class Location(Model):
    """A city or province (-si, -do). Use :attr:`value` as a key: provinces change their names."""

    value: str
    """Kakao's code: one letter, such as ``I`` for Seoul."""
    description: str
    depth1_name: str

    @property
    def full_name(self) -> str:
        """The name."""
        return self.depth1_name

    def __str__(self) -> str:
        return self.full_name


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class Depth2Location(Model):
    """A city, county or district (-si, -gun, -gu)."""

    value: str
    """Kakao's code: the province's letter and 4 digits, such as ``I1000``."""
    description: str
    """For people to read. Its form varies: do not parse it."""
    depth1_name: str
    depth2_name: str

    @property
    def full_name(self) -> str:
        """The names of all that it lies in, and its own: ``서울특별시 강남구``."""
        return f"{self.depth1_name} {self.depth2_name}"

    def __str__(self) -> str:
        return self.full_name


@attrs.frozen(kw_only=True, repr=False, getstate_setstate=False)
class Depth3Location(Model):
    """A neighbourhood, town or township (-dong, -eup, -myeon)."""

    value: str
    """Kakao's code: the district's code and 4 digits, such as ``I10000101``."""
    description: str
    """For people to read. Its form varies: do not parse it."""
    depth1_name: str
    depth2_name: str
    depth3_name: str

    @property
    def full_name(self) -> str:
        """The names of all that it lies in, and its own: ``서울특별시 강남구 논현1동``."""
        return f"{self.depth1_name} {self.depth2_name} {self.depth3_name}"

    def __str__(self) -> str:
        return self.full_name
