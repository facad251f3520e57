"""Text as people type and paste it, in one form, for comparing names; and tables to print."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

MOST_NEAR: Final = 5
"""How many near names are told: what one line of a terminal holds."""
_ALIKE: Final = 0.6
"""From this on two texts are near: what difflib's documentation calls a close match."""

# Before NFKC, which would turn the first and the fillers into parts of a syllable.
_BEFORE: Final = str.maketrans(
    dict.fromkeys("ㆍ・‧•･∙⋅", "·") | dict.fromkeys("\u3164\uffa0\u115f\u1160", " ")
)
_WIDEST: Final = 30
"""Columns of a terminal that a cell takes at most. A Hangul syllable takes two."""
is_plain: Final = re.compile("[가-힣0-9A-Za-z]+(?: [가-힣0-9A-Za-z]+)*").fullmatch
"""Finds text that is normalised as it is: nearly all names of places are."""


def normalised(text: str) -> str:
    """*text* with one form of each character, without invisible ones, and with single blanks."""
    if is_plain(text):
        return text
    composed = unicodedata.normalize("NFKC", text.translate(_BEFORE))
    visible = (char for char in composed if unicodedata.category(char) != "Cf")
    return " ".join("".join(visible).split())


def composed(text: str) -> str:
    """*text* as it is sent: Hangul in whole syllables (NFC). macOS types it in parts."""
    return unicodedata.normalize("NFC", text)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """*rows* as lines of a table for a terminal. The last column takes what it needs."""
    lines = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [
        max(min(_width(cell), _WIDEST) for cell in column) for column in zip(*lines, strict=True)
    ]
    for *cells, last in lines:
        yield "  ".join([*map(_padded, cells, widths), last]).rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int) -> str:
    while _width(text) > width:
        text = f"{text[:-2]}…"
    return text + " " * (width - _width(text))


def likeness(one: str, other: str) -> float:
    """How much alike two names are written, letter by letter: 0 to 1."""
    letters = [unicodedata.normalize("NFD", text) for text in (one, other)]
    return float(SequenceMatcher(None, letters[0], letters[1], autojunk=False).ratio())


def near_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Those of *known* that are written nearly like *name* or contain it, the nearest first."""
    wanted = normalised(name).casefold()
    scores = {one: _nearness(wanted, normalised(one).casefold()) for one in known}
    near = [one for one, score in scores.items() if score >= _ALIKE]
    return tuple(sorted(near, key=lambda one: -scores[one])[:MOST_NEAR])


def _nearness(wanted: str, known: str) -> float:
    if wanted and wanted in known:
        return 1.0
    return likeness(wanted, known)
