"""Turns the async resources into their sync twins, as text. ``nox -s mirror`` rewrites them.

Text, because a plain method is what completion, ``help()`` and type checkers show exactly.
``test_mirror.py`` holds the two trees in step, both ways.
"""

import re
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[2] / "kmoment"
SOURCE: Final = PACKAGE / "resources"
TWIN: Final = PACKAGE / "sync" / "resources"

HEADER: Final = "# Made from kmoment/resources/{name} by `nox -s mirror`: edit that one.\n"

RULES: Final[tuple[tuple[str, str], ...]] = (
    (r"\basync (?=def |for )", ""),
    (r"\bawait ", ""),
    (r"(\S*Iterable\[(\S+)\]) \| \S*AsyncIterable\[\2\]", r"\1"),
    (r"\bAsyncIterable, ", ""),
    (r"return AsyncBatch\(\n( +)", r"return Batch(\n\1self._sender,\n\1"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"from \.\. import", "from ... import"),
    (r"from \.\.(?!batch\b|_sender\b)(?=[a-z_])", "from ..."),
)


def mirrored(name: str, text: str) -> tuple[str, list[int]]:
    """The twin of one file, and how often each rule fired in it."""
    counts = []
    for pattern, replacement in RULES:
        text, count = re.subn(pattern, replacement, text)
        counts.append(count)
    return HEADER.format(name=name) + text, counts


def twins() -> dict[str, str]:
    """Every twin that must exist, by its file's name."""
    return {
        path.name: mirrored(path.name, path.read_text(encoding="utf-8"))[0]
        for path in sorted(SOURCE.glob("*.py"))
    }


def rewrite() -> None:
    """Make the twins' folder what it must be: no more, no less."""
    TWIN.mkdir(exist_ok=True)
    wanted = twins()
    for path in TWIN.glob("*.py"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (TWIN / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    rewrite()
