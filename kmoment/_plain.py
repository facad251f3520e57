"""Turns values into what JSON has."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs


class Serializable:
    """The base class of our values that :func:`plain` turns into dicts."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """All members by their names, as values that JSON has. Dates are ISO text."""
        own: Any = type(self)
        return {field.name: plain(getattr(self, field.name)) for field in attrs.fields(own)}


def plain(value: Any) -> Any:
    """*value* as JSON has it. What is not ours stays as it is."""
    if isinstance(value, Serializable):
        return value.to_dict()
    if hasattr(value, "_asdict"):  # a named tuple
        value = value._asdict()
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Exception):
        return f"{type(value).__name__}: {value}"
    return str(value) if isinstance(value, StrEnum) else value
