"""The tree in a file: when it is used, when it is asked for anew, and what is never lost."""

import json
import os
import warnings
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .. import _file, _validate
from .._protocol.converter import SEOUL
from ..errors import APIError, InvalidArgumentError
from .tree import LEVELS, LocationTree


class KeptTree(NamedTuple):
    """The tree in a file, if there is one, and whether it is fresh."""

    file: str | os.PathLike[str] | None = None
    fresh: LocationTree | None = None
    stale: LocationTree | None = None

    def renewed(self, tree: LocationTree, *, quick: bool) -> LocationTree:
        """*tree*, written to the file if it is whole. Warn if something is missing."""
        if tree.missing and not quick:
            told = "; ".join(f"{what}: {why}" for what, why in tree.missing[:3])
            more = f"; and {len(tree.missing) - 3} more" * (len(tree.missing) > 3)
            warnings.warn(f"the tree may lack places: {told}{more}", stacklevel=3)
        if self.file is not None and tree.is_whole:
            tree.save(self.file)
        return tree

    def instead_of(self, error: APIError) -> LocationTree:
        """The stale tree, with a warning.

        :raises APIError: There is none.
        """
        if self.stale is None or self.file is None:
            raise error
        date = f"{self.stale.date:%Y-%m-%d}"
        text = f"{os.fspath(self.file)} holds the tree of {date}, used because: {error}"
        warnings.warn(text, stacklevel=3)
        return self.stale


def kept_tree(file: str | os.PathLike[str] | None, max_age: timedelta) -> KeptTree:
    """What *file* holds. Unless that is fresh, the file can be written: nothing is asked in vain.

    :raises OSError: The file cannot be read, or not be written. Names it as given.
    :raises InvalidArgumentError: It holds something else.
    """
    if file is None:
        return KeptTree()
    _validate.file("file", file)
    tree = _loaded(file)
    if tree is not None and tree.is_whole and _age(tree) <= max_age:
        return KeptTree(file, fresh=tree)
    _file.require_room(file)
    return KeptTree(file, stale=tree)


def _age(tree: LocationTree) -> timedelta:
    """How old *tree* is. A date in the future is wrong, so that nobody knows."""
    age = datetime.now(SEOUL) - tree.date
    return age if age >= timedelta(0) else timedelta.max


def _loaded(file: str | os.PathLike[str]) -> LocationTree | None:
    """The tree in *file*. A damaged one is moved aside."""
    if not _file.path_of(file).exists():
        return None
    if not _is_damaged(file):
        return LocationTree.load(file)
    aside = _file.move_aside(file)
    warnings.warn(f"{os.fspath(file)} is damaged: moved to {aside.name}", stacklevel=4)
    return None


def _is_damaged(file: str | os.PathLike[str]) -> bool:
    """Whether *file* is no JSON, or a tree that cannot be read or lacks a level."""
    try:
        data: Any = json.loads(_file.read(file))
    except ValueError:
        return True
    ours = isinstance(data, dict) and "date" in data and any(level in data for level in LEVELS)
    if not ours:
        return False
    try:
        tree = LocationTree.load(file)
    except InvalidArgumentError:
        return True
    return not all(getattr(tree, level) for level in LEVELS)
