"""Whether a success has the shape of one of Kakao's, and whether a list is complete.

A gateway may answer 200 with JSON of its own. Such an answer proves nothing: never that a write was
done, never that a list is empty.
"""

from functools import cache
from types import GenericAlias, NoneType
from typing import Any

from ..models import BulkDeleteResult
from .answer import EMPTY, NOT_JSON
from .converter import required_names, rows_in, wire_names
from .error_table import envelope_of


def fits(returns: Any, data: Any, status: int) -> bool:
    """Whether *data* has the shape of an answer that is read as *returns*."""
    if data.__class__ is list:
        return returns is object or is_list(returns)
    if data is NOT_JSON or envelope_of(data):
        return False
    if returns is NoneType or data is EMPTY:
        return data is EMPTY and _may_be_empty(returns, status)
    if returns is object:
        return True
    if is_list(returns):
        return rows_in(data) is not None
    return isinstance(data, dict) and not _names(returns).isdisjoint(data)


def is_list(returns: Any) -> bool:
    """Whether *returns* is ``list[…]``. Cheaper than ``typing.get_origin``."""
    return type(returns) is GenericAlias and returns.__origin__ is list


def _may_be_empty(returns: Any, status: int) -> bool:
    """An empty 200 is documented for what returns nothing and for a bulk delete."""
    if is_list(returns):
        return status == 204
    return returns in (NoneType, object, BulkDeleteResult)


@cache
def _names(model: Any) -> frozenset[str]:
    """The members by which an object is known as Kakao's: those that are always there."""
    return required_names(model) or wire_names(model)


def total_beyond(data: dict[str, Any], rows: list[Any]) -> int | None:
    """How many rows there are in all, if *data* says that more are left; 0 if it does not say."""
    said = [data, *(it for it in (data.get("page"), data.get("pageable")) if isinstance(it, dict))]
    totals: list[int] = [it["totalElements"] for it in said if type(it.get("totalElements")) is int]
    if totals and max(totals) > len(rows):
        return max(totals)
    pages: list[int] = [it["totalPages"] for it in said if type(it.get("totalPages")) is int]
    more = data.get("last") is False or data.get("hasNext") is True
    return 0 if more or max(pages, default=0) > 1 else None
