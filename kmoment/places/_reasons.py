"""Why a name is not settled and what to write instead, in English and in Korean."""

from typing import Final, NamedTuple

from .._facts import some
from ..errors import AmbiguousLocationError, LocationNotFoundError


class Reason(NamedTuple):
    """Why a name is not settled, in English and in Korean."""

    text: str
    text_ko: str
    names: tuple[str, ...] = ()
    """What to write or to look at: all of them."""
    before: str = ": "
    """What stands between the text and the names."""
    before_ko: str = ": "

    def told(self) -> str:
        """The reason in English, with the first names."""
        return self.text + (f"{self.before}{some(self.names)}" if self.names else "")

    def told_ko(self) -> str:
        """The reason in Korean, with the first names."""
        return self.text_ko + (f"{self.before_ko}{some(self.names)}" if self.names else "")


BLANK: Final = Reason("it is blank", "비어 있습니다")
UNKNOWN: Final = Reason("no place has this name", "없는 장소 이름입니다")
_SHARED: Final = Reason(
    "several places have this name, write one of them whole",
    "같은 이름의 장소가 여러 곳입니다. 하나를 골라 전체 이름을 적으세요",
)


def excluding(word: str) -> Reason:
    """*word*, such as 제외, is in the name."""
    return Reason(
        f"it excludes places ({word}), name those that you want",
        f"제외하는 말({word})이 있습니다. 원하는 장소만 적으세요",
    )


def reason(error: AmbiguousLocationError | LocationNotFoundError) -> Reason:
    """What *error* says of a name."""
    if isinstance(error, LocationNotFoundError):
        return _unknown(error)
    if not error.readings:
        return _SHARED._replace(names=error.writings)
    one, several = error.readings
    return Reason(
        f"it may be one place or a list: write {one!r} or {several!r}",
        f"한 곳인지 목록인지 알 수 없습니다. 한 곳이면 {one!r}, 목록이면 {several!r}로 적으세요",
    )


def _unknown(error: LocationNotFoundError) -> Reason:
    if not error.successors:
        near = tuple(map(str, error.near))
        return UNKNOWN._replace(names=near, before="; near: ", before_ko=". 비슷한 이름: ")
    return Reason(
        f"{UNKNOWN.text}: it changed {error.since}",
        f"{UNKNOWN.text_ko}. {error.since}에 바뀌었습니다",
        tuple(map(str, error.successors)),
        before=", see: ",
        before_ko=". 다음을 보세요: ",
    )
