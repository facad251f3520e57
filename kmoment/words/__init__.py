"""Words of the trade, where drafts take Kakao's codes and ids.

    from kmoment import words

    words.ages("20-34")       # the classes "20", "25" and "30"
    words.genders("여")       # "F"
    rows = moment.categories.interests()
    draft = kmoment.AudienceDraft.display(
        "Women in their 20s",
        ages=words.ages("20대"),
        genders=words.genders("여"),
        ufo_interests=words.pick(rows, rows[0].id),
    )

What is not one of these words is an error, which names the nearest ones. Nothing is rounded.

* **Ages**: ``20-34`` (``20~34``, ``20–34세``, ``만 20세 ~ 34세``), ``20대``, ``20~30대``, ``60+``,
  ``60세 이상``, ``19세 이하``, ``20세 미만``, a class's code (``20``), lists of these, such as
  ``20대, 40대``, and ``전체`` or ``all``. A range must begin and end where Kakao's classes do. An
  open range ends with the first or the last of them: 15 to 19, 65 to 69.
* **Genders**: ``남``, ``남자``, ``남성``, ``M``, ``male``; ``여`` …; ``남녀``, ``전체``, ``all``.
* **Names** of rows: as they are written, or the id. The form in which Hangul was typed, and blanks,
  make no difference. Of categories also a path: ``상위 > 하위``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from .. import _validate
from .._text import near_names, normalised
from ..errors import UnknownWordError
from ..models import Age, AudienceType, Gender
from ._rows import NameIndex

__all__ = ["ages", "audience_type", "genders", "pick"]

R = TypeVar("R")

_FIRSTS: Final = tuple(int(age) for age in Age)
_LASTS: Final = tuple(first + 4 for first in _FIRSTS)
"""The first and last year of each class. Kakao's page: "15: 15 to 19" … "65: 65 to 69"."""
_DASHES: Final = str.maketrans(dict.fromkeys("-‐‑‒–—―−∼∽〜～", "~"))
_LIST: Final = re.compile(r"[,/;|·、\r\n]+")
_ALL: Final = frozenset({"전체", "모두", "전부", "all"})
_ALL_AGES: Final = _ALL | {"전연령"}
_CODE: Final = re.compile(r"[0-9]{2}")
_DECADE: Final = re.compile(r"[0-9]0대")
_RANGE: Final = re.compile(r"([0-9]{1,2})대?(?:(?:이상|부터)~?|~)([0-9]{1,2})(대)?(?:이하|까지)?")
_FROM: Final = re.compile(r"([0-9]{1,2})대?(\+|이상|부터|초과)")
_UP_TO: Final = re.compile(r"([0-9]{1,2})(대)?(이하|까지|미만)")
_GENDERS: Final[Mapping[str, Gender]] = {
    **dict.fromkeys(("남", "남자", "남성", "m", "male", "man", "men"), Gender.M),
    **dict.fromkeys(("여", "여자", "여성", "f", "female", "woman", "women"), Gender.F),
}
_BOTH: Final = _ALL | {"남녀", "남녀모두", "남여", "남녀전체"}
_TYPES: Final[Mapping[str, AudienceType]] = {
    **dict.fromkeys(("display", "디스플레이"), AudienceType.DISPLAY),
    **dict.fromkeys(("message", "메시지", "메세지"), AudienceType.MESSAGE),
}


# -- Ages -------------------------------------------------------------------------------


def ages(text: str) -> tuple[Age, ...] | None:
    """The age classes that *text* means. ``None``: all ages.

        words.ages("20~30대")  # 20 to 39: four classes
        words.ages("전체")      # None

    :raises UnknownWordError: It is not such a word, or a range begins or ends within a class:
        ``near`` has the ranges that do not.
    """
    items = _items("ages", text)
    if any(item in _ALL_AGES for item in items):
        _require_alone("ages", text, items)
        return None
    if any(map(_DECADE.search, items)) and any(map(_CODE.fullmatch, items)):
        raise _unclear_decades(text, items)
    firsts = {first for item in items for first in _classes(text, item)}
    return tuple(Age(str(first)) for first in sorted(firsts))


def _classes(text: str, item: str) -> Iterator[int]:
    """The first years of the classes in one item of a list."""
    first, last = _span(text, item)
    if first not in _FIRSTS or last not in _LASTS or first > last:
        raise _not_a_range(text, first, last)
    return (year for year in _FIRSTS if first <= year <= last)


def _span(text: str, item: str) -> tuple[int, int]:
    """The first and last year that *item* means."""
    if _CODE.fullmatch(item) and int(item) in _FIRSTS:
        return int(item), int(item) + 4
    plain = re.sub(r"^만|[세살]", "", item)
    if _DECADE.fullmatch(plain):
        return int(plain[:2]), int(plain[:2]) + 9
    if found := _RANGE.fullmatch(plain):
        return int(found[1]), int(found[2]) + (9 if found[3] else 0)
    return _open_span(text, item, plain)


def _open_span(text: str, item: str, plain: str) -> tuple[int, int]:
    if found := _FROM.fullmatch(plain):
        return int(found[1]) + (found[2] == "초과"), _LASTS[-1]
    if found := _UP_TO.fullmatch(plain.removeprefix("~")):
        last = int(found[1]) + (9 if found[2] and found[3] != "미만" else 0)
        return _FIRSTS[0], last - (found[3] == "미만")
    if plain != item and _CODE.fullmatch(plain):  # 20세 is one year
        raise _not_a_range(text, int(plain), int(plain))
    raise UnknownWordError(
        "ages",
        f"must be ages such as 20-34, 20대, 60+ or 전체, not {text!r}",
        "나이는 20-34, 20대, 60+, 전체처럼 적어야 합니다",
    )


def _not_a_range(text: str, first: int, last: int) -> UnknownWordError:
    inner = _near_range(first, last, outer=False)
    outer = _near_range(first, last, outer=True)
    return UnknownWordError(
        "ages",
        f"must begin and end where Kakao's five-year classes do (15-19 … 65-69), not {text!r}",
        "카카오의 5세 단위 구간(15-19 … 65-69)의 경계와 맞아야 합니다",
        tuple(dict.fromkeys(filter(None, (inner, outer)))),
    )


def _near_range(first: int, last: int, *, outer: bool) -> str:
    """The nearest range on the borders, within the one that was asked for or around it."""
    if outer:
        begin = max((year for year in _FIRSTS if year <= first), default=_FIRSTS[0])
        end = min((year for year in _LASTS if year >= last), default=_LASTS[-1])
    else:
        begin = min((year for year in _FIRSTS if year >= first), default=_FIRSTS[-1])
        end = max((year for year in _LASTS if year <= last), default=_LASTS[0])
    return f"{begin}-{end}" if begin < end else ""


def _unclear_decades(text: str, items: Sequence[str]) -> UnknownWordError:
    decades = [f"{item}대" if _CODE.fullmatch(item) else item for item in items]
    return UnknownWordError(
        "ages",
        f"must have 대 at each decade or at none, not {text!r}: 20 alone is the class 20 to 24",
        "'대'를 모두 붙이거나 모두 빼야 합니다. 20만 적으면 20~24세 구간입니다",
        (", ".join(decades),),
    )


# -- Genders and types ------------------------------------------------------------------


def genders(text: str) -> tuple[Gender, ...] | None:
    """The genders that *text* means. ``None``: all, also those that Kakao does not know.

        words.genders("남")    # M
        words.genders("남녀")  # None

    :raises UnknownWordError: It is not such a word.
    """
    items = _items("genders", text)
    if any(item in _BOTH for item in items):
        _require_alone("genders", text, items)
        return None
    unknown = [item for item in items if item not in _GENDERS]
    if unknown:
        raise UnknownWordError(
            "genders",
            f"must be 남, 여, 전체, M, F or all, not {text!r}",
            "성별은 남, 여, 전체 중 하나여야 합니다",
        )
    return tuple(dict.fromkeys(_GENDERS[item] for item in items))


def audience_type(text: str) -> AudienceType:
    """The type of audience that *text* means: ``DISPLAY``, ``디스플레이``; ``MESSAGE``, ``메시지``.

    :raises UnknownWordError: It is not such a word.
    """
    word = normalised(_validate.string("type", text)).casefold()
    if word not in _TYPES:
        raise UnknownWordError(
            "type",
            f"must be DISPLAY (디스플레이) or MESSAGE (메시지), not {text!r}",
            "유형은 디스플레이(DISPLAY) 또는 메시지(MESSAGE)여야 합니다",
            near_names(word, _TYPES),
        )
    return _TYPES[word]


def _items(argument: str, text: Any) -> list[str]:
    """The items of a list, without blanks."""
    parts = _LIST.split(_validate.text(argument, text))
    plain = (normalised(part).replace(" ", "").casefold().translate(_DASHES) for part in parts)
    return [item for item in plain if item] or [""]


def _require_alone(argument: str, text: str, items: Sequence[str]) -> None:
    """All of them is no item of a list."""
    if len(items) > 1:
        raise UnknownWordError(
            argument,
            f"must be all, or a list, not both: {text!r}",
            "'전체'와 다른 값을 함께 적을 수 없습니다",
        )


# -- Rows by name -----------------------------------------------------------------------


def pick(rows: Iterable[R], *names: str | int) -> tuple[R, ...]:
    """The rows of a look-up that *names* mean, in that order, each once.

        files = moment.account(1234).targeting.customer_files()
        targets = [file.target() for file in words.pick(files, "first_customer file")]

    :param rows: What a look-up has answered: categories, files, channels, cohorts, sync profiles …
    :param names: The whole id or name; of a channel also its search id, with or without ``@``; of a
        category also a path, such as ``상위 > 하위``.
    :raises NameNotFoundError: No row has it: ``near`` has rows with near names.
    :raises AmbiguousNameError: Several rows have it: ``candidates``.
    """
    index = NameIndex(rows)
    found: list[R] = []
    for name in names:
        row = index.one(str(name) if isinstance(name, int) else _validate.text("names", name))
        if row not in found:
            found.append(row)
    return tuple(found)
