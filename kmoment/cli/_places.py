"""``kmoment places``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ._errors import DONE, FAILED, SOME_FAILED
from ._options import Group
from ._progress import progress
from ._session import Session, pass_session
from ._words import plural, reads_korean, tell

if TYPE_CHECKING:
    from ..places import LocationTree
    from ..places.resolution import Resolved


@click.group(cls=Group, help="Find the codes of places.")
def commands() -> None:
    """Nothing of its own."""


_FOUND = ("code", "name", "depth")
_RESOLVED = ("line", "cell", "name", "status", "code", "place", "message")


@commands.command("find")
@click.argument("name", nargs=-1, required=True)
@pass_session
def find(session: Session, name: tuple[str, ...]) -> int:
    """Find the places that a NAME means, else those whose name contains it."""
    from ._output import print_rows

    tree, text = tree_of(session), " ".join(name)
    found = tree.find(text) or tree.search(text)
    rows = [{"code": it.value, "name": it.full_name, "depth": len(tree.path(it))} for it in found]
    print_rows(session, rows, _FOUND, "code name")
    if not found:
        tell(f"no place has the name {text!r}")
    return DONE if found else FAILED


@commands.command("resolve")
@click.argument("file", type=click.File("rb"))
@pass_session
def resolve(session: Session, file: BinaryIO) -> int:
    """A pasted column of names in, a table of codes out.

    FILE has a name in each line; - reads what is pasted, up to Ctrl-D. A line may be a list, and
    tabs separate columns. Exit code 3 if some names were not found.
    """
    from ..sheets._text_file import decoded
    from ._output import print_rows

    text = decoded("FILE", file.read())
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    resolution = tree_of(session).resolve([_cell(line) for _, line in lines])
    rows = [row for outcome in resolution for row in _rows(outcome, lines[outcome.line - 1][0])]
    print_rows(session, rows, _RESOLVED, "line name status code place message")
    counts = f"{plural(len(lines), 'line')}, {plural(len(resolution), 'name')}"
    session.note(f"{counts}, {len(resolution.unsettled)} not settled")
    if not resolution.unsettled:
        return DONE
    return SOME_FAILED if resolution.places else FAILED


def _cell(line: str) -> str | tuple[str, ...]:
    columns = tuple(line.split("\t"))
    return columns if len(columns) > 1 else line


def _rows(outcome: Resolved[Any], line: int) -> list[dict[str, Any]]:
    """A row for each place, with its *line* in the file, counted from 1."""
    head = {"line": line, "cell": outcome.cell, "name": outcome.name}
    head["status"] = outcome.status.value
    message = outcome.message_ko if reads_korean() else outcome.message
    places = [(place.value, place.full_name) for place in outcome.places] or [(None, None)]
    return [{**head, "code": code, "place": place, "message": message} for code, place in places]


@commands.command("tree")
@click.option("--fresh", is_flag=True, help="Ask Kakao again, although the tree was kept.")
@pass_session
def tree(session: Session, fresh: bool) -> None:
    """Print every place of Korea, with its code. The first time takes about 280 calls."""
    from ._output import print_rows

    whole = tree_of(session, fresh=fresh)
    rows = [{"code": it.value, "name": it.full_name, "depth": len(whole.path(it))} for it in whole]
    print_rows(session, rows, _FOUND, "code name")
    session.note(repr(whole))


def tree_of(session: Session, *, fresh: bool = False) -> LocationTree:
    """The tree of places, from its file, or from Kakao, which takes a while."""
    from datetime import timedelta

    file = session.tree_file()
    age = timedelta(0) if fresh else timedelta(days=30)
    with progress(session, "places") as listener:
        return session.client.locations.tree(file=file, max_age=age, on_progress=listener)
