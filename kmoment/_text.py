"""Text as people type and paste it, in one form: for comparing names, never for showing them."""

import re
import unicodedata
from typing import Final

# Before NFKC, which would turn the first and the fillers into parts of a syllable.
_BEFORE: Final = str.maketrans(
    dict.fromkeys("ㆍ・‧•･∙⋅", "·") | dict.fromkeys("\u3164\uffa0\u115f\u1160", " ")
)
_PLAIN: Final = re.compile("[가-힣0-9A-Za-z]+(?: [가-힣0-9A-Za-z]+)*")
"""Text that is normalised as it is: nearly all names of places are, and this saves their time."""


def normalised(text: str) -> str:
    """*text* with one form of each character, without invisible ones, and with single blanks."""
    if _PLAIN.fullmatch(text):
        return text
    composed = unicodedata.normalize("NFKC", text.translate(_BEFORE))
    visible = (char for char in composed if unicodedata.category(char) != "Cf")
    return " ".join("".join(visible).split())


def composed(text: str) -> str:
    """*text* as it is sent: Hangul in whole syllables (NFC). macOS types it in parts."""
    return unicodedata.normalize("NFC", text)
