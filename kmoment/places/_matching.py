"""Which places a name means. Pure: an index of a tree's names, built once, and questions to it.

A place has names of its own, each with a grade, and *steps*: the names of what it lies in,
outermost first, with the city above a general gu as a step of its own (경기도 / 성남시 / 분당구). A
question matches where its end is an own name and all that stands in front are names of steps, in
order. Steps may be left out, and nothing else may be there: 강남역 and 서울 고성군 match nothing.

The best grade with a match wins:

0. The name itself, a short form of a province, or an old name. A city's name stands for all its gu.
1. A legal dong: 역삼동 is 역삼1동 and 역삼2동, and 본동 counts where such sisters exist. For
   neighbourhoods, 0 and 1 are joined: 부평동 is one in Busan and six in Incheon. Only if all of
   grade 1 lie in the district of one with exactly this name, that one wins.
2. A district without its suffix, of two syllables or more: 강남, but not 중.
3. A dong without its suffix, likewise: 논현.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from .._text import normalised
from ._names import (
    Change,
    Path,
    city_and_gu,
    dotted,
    joined_names,
    key,
    names,
    path_key,
    province,
)


class Named(Protocol):
    """A place: it has ``depth1_name``, and ``depth2_name`` and ``depth3_name`` where they apply."""

    @property
    def full_name(self) -> str: ...


EXACT: Final = 0
LEGAL_DONG: Final = 1
DISTRICT_STEM: Final = 2
DONG_STEM: Final = 3

_LEVELS: Final = ("depth1_name", "depth2_name", "depth3_name")
_SHORTEST: Final = 2
"""Syllables of a name without its suffix: 중 and 서 are syllables of thousands of names."""
_NUMBERED: Final = re.compile(r"([가-힣]+?)[0-9][0-9·]*동")
_ORDINAL: Final = re.compile("제(?=[0-9])")
_LAST_NUMBER: Final = re.compile("(?<=[가-힣])(?=[0-9][0-9·]*동$)")
_EDGES: Final = re.compile(r"^·+|·+$|(?<= )·|·(?= )|(?<![0-9])·(?![0-9])")

Step = frozenset[str]
Steps = tuple[Step, ...]


class Entry(NamedTuple):
    """One name of a place."""

    grade: int
    place: int
    steps: Steps
    """Names of what it lies in, outermost first."""
    whole: tuple[int, str] | None = None
    """What the places of this name are together: a city, or a legal dong of one district."""


class Successor(NamedTuple):
    """A name of a place that is no longer, or not yet, one of the tree's."""

    change: Change
    steps: Steps
    places: tuple[int, ...]
    """What to name instead."""


class Match(NamedTuple):
    """The places that a question means."""

    places: tuple[int, ...] = ()
    grade: int = EXACT
    together: bool = False
    """Whether they are together one city, one legal dong of one district, or a group."""
    front: str = ""
    """What stands in front of the own name."""


class Index:
    """All names of a tree's places."""

    def __init__(self, places: Sequence[Named]) -> None:
        self.paths: tuple[Path, ...] = tuple(map(_path, places))
        self.entries: dict[str, list[Entry]] = defaultdict(list)
        self.successors: dict[str, list[Successor]] = defaultdict(list)
        self._at: dict[Path, int] = {path: i for i, path in enumerate(self.paths)}
        self._districts: dict[Path, list[int]] = defaultdict(list)
        self._add_changes()
        for i, path in enumerate(self.paths):
            if len(path) == 3:
                self._districts[path[:2]].append(i)
            else:
                self._add_area(i, path)
        for district, members in self._districts.items():
            self._add_neighbourhoods(district, members, places)
        self._add_groups()

    # -- Building -----------------------------------------------------------------------

    def _add_changes(self) -> None:
        """Old names of places that are there, new names of places that are there under an old."""
        self._also: dict[Path, list[Path]] = defaultdict(list)
        for change in names().changes:
            old, new = path_key(change.old), [path_key(path) for path in change.new]
            there = [path for path in new if path in self._at]
            if change.same and old not in self._at:
                for path in there:
                    self._also[path].append(old)
            elif change.same and len(new) == 1 and not there:
                self._also[old].append(new[0])
            elif old not in self._at:
                self._add_successor(change, old, there)
            else:
                for path in set(new) - set(there):
                    self._add_successor(change, path, [old])

    def _add_successor(self, change: Change, name: Path, instead: Iterable[Path]) -> None:
        if found := tuple(self._at[path] for path in instead):
            *above, own = (_step_names(path) for path in _prefixes(_spread(name)))
            for word in own:
                self.successors[word].append(Successor(change, tuple(above), found))

    def _names_of(self, path: Path) -> list[tuple[str, ...]]:
        """Each step's names down to a province or district: official, then others."""
        also = [self._spread_like(path, other) for other in self._also.get(path, ())]
        first, *rest = zip(_spread(path), *also, strict=True)
        province_also = [other[-1] for other in self._also.get(path[:1], ())]
        steps = ((*first, *province_also), *rest)
        return [tuple(dict.fromkeys(words)) for words in steps]

    def _spread_like(self, path: Path, other: Path) -> Path:
        """Another name of *path*, with as many steps."""
        own, spread = _spread(path), _spread(other)
        if len(spread) < len(own):  # 마산시 for 창원시 마산합포구: a city that has become some gu
            return (*spread, *own[len(spread) :])
        return spread[len(spread) - len(own) :] if len(own) == 1 else spread[: len(own)]

    def _steps(self, path: Path) -> Steps:
        """The names of each step down to *path*, which is a province or a district."""
        return self._above(path) + tuple(
            frozenset(name for word in words for name in _all_names(word, depth))
            for depth, words in enumerate(self._names_of(path))
        )

    def _above(self, path: Path) -> Steps:
        """연기군 lay in 충청남도, which is no step of 세종특별자치시."""
        old = (other for other in self._also.get(path[:1], ()) if len(other) > 1)
        return tuple(_step_names(other[:1]) for other in old)

    def _add_area(self, place: int, path: Path) -> None:
        steps, words = self._steps(path), self._names_of(path)
        if len(path) == 1:
            for word in steps[-1]:
                self.entries[word].append(Entry(EXACT, place, steps[:-1]))
            return
        for word in words[-1]:
            self._add_district(word, Entry(EXACT, place, steps[:-1]))
        if len(words) == 3:
            for city in words[1]:
                whole = (0, f"{path[0]} {city}")
                self._add_district(city, Entry(EXACT, place, steps[:-2], whole))

    def _add_district(self, word: str, entry: Entry) -> None:
        self.entries[word].append(entry)
        if stem := _stem(word):
            self.entries[stem].append(entry._replace(grade=DISTRICT_STEM))

    def _add_neighbourhoods(
        self, district: Path, members: Sequence[int], places: Sequence[Named]
    ) -> None:
        steps = self._steps(district)
        legal: dict[str, list[int]] = defaultdict(list)
        for i in members:
            own = self.paths[i][2]
            self.entries[own].append(Entry(EXACT, i, steps))
            for other in self._also.get(self.paths[i], ()):
                self.entries[other[2]].append(Entry(EXACT, i, steps))
            for dong in _legal_dongs(getattr(places[i], "depth3_name", own)):
                legal[dong].append(i)
            if own.endswith("동") and (stem := _stem(own)):
                self.entries[stem].append(Entry(DONG_STEM, i, steps))
        self._add_main_dongs(members, legal)
        for dong, found in legal.items():
            self._add_legal_dong(dong, found, steps)

    def _add_main_dongs(self, members: Sequence[int], legal: dict[str, list[int]]) -> None:
        """면목본동 belongs to 면목동, where 면목2동 is."""
        for i in members:
            own = self.paths[i][2]
            dong = f"{own.removesuffix('본동')}동"
            if own.endswith("본동") and dong in legal:
                legal[dong].append(i)

    def _add_legal_dong(self, dong: str, found: Iterable[int], steps: Steps) -> None:
        distinct = dict.fromkeys(found)
        whole = (min(distinct), dong)
        for i in distinct:
            self.entries[dong].append(Entry(LEGAL_DONG, i, steps, whole))
            if stem := _stem(dong):
                self.entries[stem].append(Entry(DONG_STEM, i, steps, whole))

    def _add_groups(self) -> None:
        for name, members in names().groups.items():
            there = (self._at.get((member,)) for member in members)
            self.entries[name] += [Entry(EXACT, i, (), (0, name)) for i in there if i is not None]

    # -- Asking -------------------------------------------------------------------------

    def match(self, question: str) -> Match:
        """The places that *question*, which is normalised and has no brackets, means."""
        for text in _ordinals(_tidy(question)):
            if found := self._by_words(text) or self._by_letters(text):
                return self._best(found)
        return Match()

    def instead(self, question: str) -> tuple[Successor, ...]:
        """What to name in place of a place that is no longer, or not yet, in the tree."""
        text = _tidy(question)
        words = text.split()
        by_words = self.successors.get(words[-1], ()) if words else ()
        found = [one for one in by_words if in_order(words[:-1], one.steps)]
        return tuple(found or self._instead_by_letters(text.replace(" ", "")))

    def _instead_by_letters(self, letters: str) -> Iterator[Successor]:
        for cut in range(len(letters)):
            for one in self.successors.get(letters[cut:], ()):
                if _consumed(letters[:cut], one.steps):
                    yield one

    def _by_words(self, text: str) -> list[tuple[Entry, str]]:
        words = text.split()
        if not words:
            return []
        front = " ".join(words[:-1])
        entries = self.entries.get(words[-1], ())
        return [(one, front) for one in entries if in_order(words[:-1], one.steps)]

    def _by_letters(self, text: str) -> list[tuple[Entry, str]]:
        letters = text.replace(" ", "")
        return [
            (one, letters[:cut])
            for cut in range(len(letters))
            for one in self.entries.get(letters[cut:], ())
            if _consumed(letters[:cut], one.steps)
        ]

    def _best(self, found: Sequence[tuple[Entry, str]]) -> Match:
        grade = min(entry.grade for entry, _ in found)
        wanted = {grade}
        if grade == EXACT and self._joins_legal_dongs([entry for entry, _ in found]):
            wanted.add(LEGAL_DONG)
        kept = [pair for pair in found if pair[0].grade in wanted]
        places = self._without_twins(dict.fromkeys(entry.place for entry, _ in kept))
        wholes = {entry.whole for entry, _ in kept if entry.place in places}
        return Match(places, grade, len(wholes) == 1 and wholes != {None}, kept[0][1])

    def _joins_legal_dongs(self, entries: Sequence[Entry]) -> bool:
        exact = {self.paths[e.place][:2] for e in entries if e.grade == EXACT}
        dongs = any(len(self.paths[e.place]) == 3 for e in entries if e.grade == EXACT)
        legal = {self.paths[e.place][:2] for e in entries if e.grade == LEGAL_DONG}
        return dongs and not legal <= exact

    def _without_twins(self, places: Iterable[int]) -> tuple[int, ...]:
        """Without a district that is all of its province: 세종시 is 세종특별자치시."""
        there = tuple(places)
        paths = {self.paths[i] for i in there}
        return tuple(i for i in there if not _is_all_of(self.paths[i], paths))


def _path(place: Named) -> Path:
    own = (getattr(place, level, None) for level in _LEVELS)
    return path_key(tuple(name for name in own if name is not None))


def _is_all_of(path: Path, others: Container[Path]) -> bool:
    """Whether *path* is a district that is all of a province, which is among *others*."""
    return len(path) == 2 and path[:1] in others and path[1] in _all_names(path[0], 0)


def _spread(path: Path) -> Path:
    """A path with the city above a general gu as a step of its own."""
    return (path[0], *(part for name in path[1:2] for part in city_and_gu(name)), *path[2:])


def _prefixes(path: Path) -> Iterator[Path]:
    return (path[: depth + 1] for depth in range(len(path)))


def _step_names(path: Path) -> Step:
    return frozenset(_all_names(path[-1], len(path) - 1))


def _all_names(word: str, depth: int) -> tuple[str, ...]:
    """The names of a step: a province's short forms, a district without its suffix."""
    if depth == 0:
        return names().provinces.get(province(word), (word,))
    stem = _stem(word)
    return (word, stem) if stem and word[-1] in "시군구" else (word,)


def _stem(word: str) -> str:
    """A name without its suffix; empty where that would be too short."""
    stem = word[:-1]
    return stem if len(stem) >= _SHORTEST else ""


def _legal_dongs(name: str) -> Iterator[str]:
    """The legal dongs that a neighbourhood is, or that it is a part of."""
    if name.isalpha():  # neither numbers nor dots
        return
    parts = joined_names(normalised(name))
    for part in parts:
        numbered = _NUMBERED.fullmatch(part)
        if numbered:
            yield f"{_without_ordinal(numbered[1])}동"
        elif len(parts) > 1:
            yield key(part)


def _without_ordinal(stem: str) -> str:
    if stem.endswith("제") and stem not in names().ending_in_je and len(stem) > 1:
        return stem[:-1]
    return stem


def _tidy(question: str) -> str:
    """*question* without dots that do not stand beside a number."""
    return " ".join(_EDGES.sub("", dotted(question)).split())


def _ordinals(text: str) -> Iterator[str]:
    """*text* as written, then without 제 before a number, then with one put in."""
    yield text
    if (without := _ORDINAL.sub("", text)) != text:
        yield without
    if (put_in := _LAST_NUMBER.sub("제", text)) != text:
        yield put_in


def in_order(words: Sequence[str], steps: Steps) -> bool:
    """Whether all *words* are names of steps, in order."""
    at = 0
    for word in words:
        while at < len(steps) and word not in steps[at]:
            at += 1
        if at == len(steps):
            return False
        at += 1
    return True


def _consumed(letters: str, steps: Steps) -> bool:
    """Whether *letters* are names of steps, in order, and nothing else."""
    if not letters:
        return True
    return any(
        _consumed(letters[len(name) :], steps[at + 1 :])
        for at, step in enumerate(steps)
        for name in step
        if letters.startswith(name)
    )
