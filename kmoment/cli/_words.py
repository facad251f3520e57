"""Text for people: what a terminal must not interpret is made visible; Korean where it is read."""

import locale
import os
import sys
import unicodedata
from collections.abc import Mapping
from typing import Final

_JOINERS: Final = "\u200c\u200d"
"""They join emoji and letters, and do nothing else."""
_SHORT: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def visible(text: str, keep: str = "") -> str:
    """*text* with control characters, escapes and marks that turn its order around as ``\\x1b``.

    :param keep: Characters that stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep else _shown(char) for char in text)


def _shown(char: str) -> str:
    if char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    return _SHORT.get(char) or _code(char)


def _code(char: str) -> str:
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def reads_korean(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the locale is Korean. The first variable that is set decides, as in POSIX."""
    env = os.environ if environment is None else environment
    given = (env.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = next(filter(None, given), None) or locale.getlocale()[0] or ""
    return name.lower().startswith(("ko", "korean"))


def tell(text: str = "") -> None:
    """A line for the person. Only data goes to stdout."""
    print(visible(text, keep="\n"), file=sys.stderr, flush=True)


def plural(count: int, noun: str) -> str:
    """``1 audience``, ``2 audiences``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
