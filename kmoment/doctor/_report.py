"""What a check has found, and all of them together."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import attrs


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """It works, or may; something should be changed."""
    FAIL = "fail"
    """It cannot work like this."""
    UNKNOWN = "unknown"
    """It was not found out: no answer in time, or one that says nothing."""
    SKIPPED = "skipped"
    """It was not asked."""


@attrs.frozen
class Check:
    """What one check has found."""

    state: State
    what: str
    """What was checked."""
    why: str = ""
    """What was found."""
    todo: str = ""
    """What to do, in English. Empty if there is nothing to do."""
    todo_ko: str = ""
    """What to do, in Korean."""

    def to_row(self) -> dict[str, Any]:
        """The members as a row of a table."""
        return {**attrs.asdict(self), "state": self.state.value}

    def __str__(self) -> str:
        lines = [f"{self.state.value:8}{self.what}: {self.why}".rstrip(": ")]
        return "\n".join([*lines, *([f"{'':8}-> {self.todo}"] if self.todo else [])])


@attrs.frozen
class Report:
    """All checks, in order. Print it."""

    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that say that it cannot work."""
        return tuple(one for one in self if one.state is State.FAIL)

    @property
    def ok(self) -> bool:
        """Whether no check failed. What is unknown is no failure."""
        return not self.failed

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def __len__(self) -> int:
        return len(self.checks)

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    def __repr__(self) -> str:
        counts = {state: sum(one.state is state for one in self) for state in State}
        return f"<Report: {', '.join(f'{n} {state}' for state, n in counts.items() if n)}>"
