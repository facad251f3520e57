"""Names that are written nearly alike: one letter of a syllable, or one syllable, is another."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .._text import MOST_NEAR, likeness
from ._matching import DISTRICT_STEM, Entry, in_order
from ._names import key, names


class NearNames:
    """The names of an index, to be found by their variants."""

    def __init__(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        self._entries = entries
        self._by_variant: dict[str, list[str]] = defaultdict(list)
        for name, own in entries.items():
            if own and min(entry.grade for entry in own) <= DISTRICT_STEM:
                for variant in _variants(name):
                    self._by_variant[variant].append(name)

    def near(self, question: str) -> tuple[int, ...]:
        """Places whose names are nearly what *question* ends with, the nearest first."""
        *front, own = map(key, question.split() or [""])
        found = self._near(front, own)
        if found or front:
            return found
        for name in _province_names():
            if own.startswith(name):
                return self._near([name], own[len(name) :])
        return ()

    def _near(self, front: Sequence[str], own: str) -> tuple[int, ...]:
        alike = {name for variant in _variants(own) for name in self._by_variant.get(variant, ())}
        ordered = sorted(alike, key=lambda name: (-likeness(own, name), name))
        found = [entry for name in ordered for entry in self._entries[name]]
        inside = [entry for entry in found if in_order(front, entry.steps)]
        return tuple(dict.fromkeys(entry.place for entry in inside or found))[:MOST_NEAR]


def _province_names() -> Iterable[str]:
    every = (name for group in names().provinces.values() for name in group)
    return sorted(every, key=len, reverse=True)


def _variants(name: str) -> Iterator[str]:
    """*name*, and *name* without one letter of a syllable, or without one syllable."""
    letters = unicodedata.normalize("NFD", name)
    yield letters
    yield from (letters[:at] + letters[at + 1 :] for at in range(len(letters)))
    if len(name) > 2:  # what is left of two syllables says nothing
        yield from (name[:at] + name[at + 1 :] for at in range(len(name)))
