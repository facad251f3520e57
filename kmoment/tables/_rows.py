"""Makes rows of answers: models, mappings and outcomes, each with its account."""

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, Final, TypeAlias

from .. import _validate
from ..errors import InvalidArgumentError
from ..models import Ensured
from ..models._base import Model, cell
from ..outcomes import Outcome

Row: TypeAlias = dict[str, Any]

ACCOUNT: Final = "ad_account_id"
ERROR: Final = "error"
_PLAIN: Final = (str, int, float, bool)


def all_rows(items: Any, account: int | None, inputs: str) -> Iterator[Row]:
    if isinstance(items, Mapping):
        for key, own in items.items():
            yield from all_rows(own, _validate.ident("items", key), inputs)
        return
    if isinstance(items, str | bytes) or not isinstance(items, Iterable):
        _validate.refuse("items", "a collection of models, rows or outcomes", items)
    for index, item in enumerate(items):
        if isinstance(item, Outcome):
            yield from _of_outcome(item, account, inputs)
        else:
            yield _row(item, account, f"items[{index}]")


def _of_outcome(outcome: Outcome[Any, Any], account: int | None, inputs: str) -> Iterator[Row]:
    head = {inputs: cell(outcome.input)}
    if not outcome.ok:
        yield {**_headed({}, account), **head, ERROR: str(outcome.error)}
        return
    value = outcome.value
    values = value if isinstance(value, list | tuple) and not hasattr(value, "_asdict") else [value]
    for index, item in enumerate(values):
        item = {"value": item} if isinstance(item, _PLAIN) else item
        own = _row(item, account, f"items[{outcome.index}].value[{index}]")
        yield {**head, **own, **({inputs: head[inputs]} if own.get(inputs) is None else {})}


def _row(item: Any, account: int | None, argument: str) -> Row:
    if isinstance(item, Model | Ensured):
        return _headed(item.to_row(), account)
    members = item._asdict() if hasattr(item, "_asdict") else item
    if not isinstance(members, Mapping):
        raise InvalidArgumentError(
            argument, f"must be a model, a mapping or an outcome, not {_validate.shown(item)}"
        )
    return _headed({str(name): cell(value) for name, value in members.items()}, account)


def check_numbers(table: Iterable[Row]) -> None:
    """Refuse numbers that files do not have: NaN and infinity."""
    for index, row in enumerate(table):
        for name, value in row.items():
            if isinstance(value, float) and not isfinite(value):
                _validate.refuse(f"items[{index}].{name}", "a finite number", value)


def _headed(row: Row, account: int | None) -> Row:
    """*row* with its account in front, if it does not say it itself."""
    if account is None or row.get(ACCOUNT) is not None:
        return row
    return {ACCOUNT: account, **row, **({ACCOUNT: account} if ACCOUNT in row else {})}
