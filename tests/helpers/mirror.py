"""Makes the sync resources from their async counterparts, as text: ``nox -s mirror``.

The result is plain source code, so that completion, ``help()`` and type checkers show each method
exactly. ``test_mirror.py`` checks that both folders match.
"""

import re
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[2] / "kmoment"
SOURCE: Final = PACKAGE / "resources"
MIRROR: Final = PACKAGE / "sync" / "resources"

HEADER: Final = "# Made from kmoment/resources/{name} by `nox -s mirror`: edit that one.\n"

RULES: Final[tuple[tuple[str, str], ...]] = (
    (r"\basync (?=def |for )", ""),
    (r"\bawait ", ""),
    (r"(\S*Iterable\[(\S+)\]) \| \S*AsyncIterable\[\2\]", r"\1"),
    (r"\bAsyncIterable, ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"from \.\. import", "from ... import"),
    (r"from \.\.(?!batch\b|_sender\b)(?=[a-z_])", "from ..."),
)


def mirrored(name: str, text: str) -> tuple[str, list[int]]:
    """The sync counterpart of one file, and how often each rule was applied in it."""
    counts = []
    for pattern, replacement in RULES:
        text, count = re.subn(pattern, replacement, text)
        counts.append(count)
    return HEADER.format(name=name) + text, counts


def mirrored_files() -> dict[str, str]:
    """Every sync file that must exist: its text by its name."""
    return {
        path.name: mirrored(path.name, path.read_text(encoding="utf-8"))[0]
        for path in sorted(SOURCE.glob("*.py"))
    }


def rewrite() -> None:
    """Write all sync files, and delete any other Python file in their folder."""
    MIRROR.mkdir(exist_ok=True)
    wanted = mirrored_files()
    for path in MIRROR.glob("*.py"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (MIRROR / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    rewrite()
