"""Which keywords to ask for, so that a tree is whole or says what it lacks. Pure.

Kakao does not say what ``keyword`` is compared with: the whole description, the name of the
district, or the last name; whether it may stand anywhere in it, only at its start, or must be all
of it; and whether answers are cut. All of these fit the samples on Kakao's page. So everything is
asked for twice, in two ways, and the answers are compared:

1. The districts: by each province, and by 시, 군 and 구, in which every name of a district ends.
2. The neighbourhoods in one stroke: by 동, 읍 and 면, in which every name of one ends.
3. The neighbourhoods again, by what a probe shows to work: the district's full name, its own name,
   or the first syllable of the neighbourhood.
4. If many answers have the same largest length, and one of them should have more rows, answers of
   this length are cut. Places that are still without children are asked for by other names.
5. What stays open is told in ``missing``.

A district is whole if an answer to one of its names, which was not cut, has rows in it; if 동, 읍
and 면 brought all that the other questions brought; or if all its official neighbourhoods came.
"""

from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from ..models import Depth2Location, Depth3Location, Location
from ._matching import Named
from ._names import Path, names, path_key
from .official import OfficialPlace, korea
from .tree import LocationTree, Missing

Row = Depth2Location | Depth3Location

_DISTRICT_ENDS: Final = ("시", "군", "구")
_NEIGHBOURHOOD_ENDS: Final = ("동", "읍", "면")
_ROOM: Final = 1.15
"""Calls at most, for each call that a tree by provinces and districts takes."""
_LIKELY_CUT: Final = 2
"""Answers of the same largest length that are not taken for chance."""
_COVERING: Final = 257
"""Calls that the neighbourhoods take: 252 districts, 3 wide ones, 2 probes."""

QUICK: Final = Missing("depth3", "quick mode: nothing proves that the neighbourhoods are all here")


class Ask(NamedTuple):
    """Keywords to ask for, each in a call of its own."""

    depth: int
    keywords: tuple[str, ...]
    main: bool = False
    """Whether this is the longest step, of which progress is reported."""


Rows = Sequence[Row]
Answers = Mapping[str, Rows]
Steps = Generator[Ask, Answers, LocationTree]


class Asked:
    """All answers of one depth."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.answers: dict[str, Sequence[Row]] = {}
        self.rows: dict[str, Row] = {}
        self.by_parent: dict[Path, set[Path]] = defaultdict(set)
        """The places that are known, by what they lie in."""

    def ask(self, keywords: Iterable[str], *, main: bool = False) -> Generator[Ask, Answers, None]:
        """Ask for *keywords*, but for those that were asked for."""
        new = tuple(word for word in dict.fromkeys(keywords) if word not in self.answers)
        if new:
            self._take((yield Ask(self.depth, new, main)))

    def _take(self, answers: Answers) -> None:
        self.answers.update(answers)
        for rows in answers.values():
            for row in rows:
                self.rows[row.value] = row
                path = path_of(row)
                self.by_parent[path[:-1]].add(path)

    def paths(self, keyword: str) -> set[Path]:
        """The places that a keyword brought."""
        return {path_of(row) for row in self.answers.get(keyword, ())}

    def cap(self, expected: Mapping[str, int]) -> int | None:
        """The length at which answers are cut, if they are.

        :param expected: For each keyword, how many rows are known that it should bring.
        """
        lengths = Counter(len(rows) for rows in self.answers.values())
        longest = max(lengths, default=0)
        short = [
            word
            for word, count in expected.items()
            if len(self.answers.get(word, ())) == longest < count
        ]
        wide = any(end in short and self.matches_inside(end) for end in self.ends)
        sure = wide or (lengths[longest] >= _LIKELY_CUT and not set(short) <= set(self.ends))
        return longest if longest and short and sure else None

    @property
    def ends(self) -> tuple[str, ...]:
        """The syllables in which every name ends."""
        return _NEIGHBOURHOOD_ENDS if self.depth == 3 else _DISTRICT_ENDS

    def matches_inside(self, end: str) -> bool:
        """Whether *end* brought names that do not begin with it, as 구 brings 구리시."""
        return any(not path[-1].startswith(end) for path in self.paths(end))

    def is_cut(self, keyword: str, cap: int | None) -> bool:
        """Whether the answer to *keyword* was cut."""
        return cap is not None and len(self.answers.get(keyword, ())) >= cap

    def covered_by_ends(self, cap: int | None) -> bool:
        """Whether the questions for the last syllables alone have brought everything."""
        if any(self.is_cut(end, cap) or not self.matches_inside(end) for end in self.ends):
            return False
        known = {path for paths in self.by_parent.values() for path in paths}
        return set().union(*map(self.paths, self.ends)) >= known


def path_of(place: Named) -> Path:
    """The names of *place* and of what it lies in, for comparing."""
    levels = (getattr(place, f"depth{depth}_name", None) for depth in (1, 2, 3))
    return path_key(tuple(name for name in levels if name is not None))


def official() -> dict[Path, set[Path]]:
    """The official places, by what they lie in."""
    inside: dict[Path, set[Path]] = defaultdict(set)
    for place in korea().places:
        path = path_of(place)
        inside[path[:-1]].add(path)
    return inside


class Crawl:
    """Questions and answers: :attr:`ask` until it is None, then :attr:`tree`."""

    ask: Ask | None
    tree: LocationTree

    def __init__(self, provinces: Sequence[Location], *, quick: bool = False) -> None:
        self._steps = _Crawl(provinces).run(quick=quick)
        self._advance(None)

    def answer(self, answers: Answers) -> None:
        """Take the rows that each keyword of :attr:`ask` brought."""
        self._advance(answers)

    def _advance(self, answers: Answers | None) -> None:
        try:
            self.ask = next(self._steps) if answers is None else self._steps.send(answers)
        except StopIteration as end:
            self.ask, self.tree = None, end.value


class _Crawl:
    def __init__(self, provinces: Sequence[Location]) -> None:
        self.provinces = provinces
        self.districts = Asked(2)
        self.neighbourhoods = Asked(3)
        self.official = official()
        self.written = {path_of(place): _last_name(place) for place in korea().places}
        """The official own names as they are written, with blanks and dots."""
        self.missing: list[Missing] = []

    def run(self, *, quick: bool) -> Steps:
        yield from self._ask_districts()
        yield from self.neighbourhoods.ask(_NEIGHBOURHOOD_ENDS)
        if quick:
            self.missing.append(QUICK)
        else:
            yield from self._ask_neighbourhoods()
        return self._tree()

    @property
    def _room(self) -> int:
        """Calls that are left."""
        districts = sum(len(path) == 1 and len(inside) for path, inside in self.official.items())
        usual = 1 + len(self.provinces) + max(districts, len(self.districts.rows))
        made = 1 + len(self.districts.answers) + len(self.neighbourhoods.answers)
        return max(0, int(_ROOM * usual) - made)

    # -- Districts ----------------------------------------------------------------------

    def _ask_districts(self) -> Generator[Ask, Answers, None]:
        asked = self.districts
        full = {path_of(province): province.full_name for province in self.provinces}
        yield from asked.ask([*full.values(), *_DISTRICT_ENDS])
        empty = [path for path in full if not asked.by_parent[path] and path in self.official]
        yield from asked.ask(min(_names_of(path), key=len) for path in empty)
        cap = asked.cap(self._districts_expected(full))
        if not asked.covered_by_ends(cap):
            for path, name in full.items():
                yield from self._complete_province(path, name, cap)

    def _districts_expected(self, full: Mapping[Path, str]) -> dict[str, int]:
        known = {path for paths in self.districts.by_parent.values() for path in paths} | {
            path for paths in self.official.values() for path in paths if len(path) == 2
        }
        expected = Counter(full[path[:1]] for path in known if path[:1] in full)
        for end in _DISTRICT_ENDS:
            expected[end] = sum(end in path[-1] for path in known)
        return expected

    def _complete_province(
        self, path: Path, name: str, cap: int | None
    ) -> Generator[Ask, Answers, None]:
        asked = self.districts
        if not self.official.get(path) or self._answered(path, name, cap):
            return
        lacking = self.official[path] - asked.by_parent[path]
        for front in (f"{name} ", ""):
            left = sorted(lacking - asked.by_parent[path])
            room = max(0, self._room - _COVERING)
            yield from asked.ask([f"{front}{self.written[one]}" for one in left[:room]])
        if self.official[path] <= asked.by_parent[path]:
            return
        why = f"answers are cut at {cap} rows" if cap else "no keyword brings all its districts"
        self.missing.append(Missing(name, why))

    def _answered(self, path: Path, name: str, cap: int | None) -> bool:
        """Whether one of a province's names brought districts that do not have it themselves."""
        asked = self.districts
        for word in dict.fromkeys([name, *_names_of(path)]):
            inside = {one for one in asked.paths(word) if one[:-1] == path}
            by_parent = any(word not in one[-1] for one in inside) or len(self.official[path]) == 1
            if inside and by_parent and not asked.is_cut(word, cap):
                return True
        return False

    # -- Neighbourhoods -----------------------------------------------------------------

    def _ask_neighbourhoods(self) -> Generator[Ask, Answers, None]:
        yield from self._ask_unlisted_districts()
        keywords = yield from self._probe()
        by_district: dict[Path, str] = {
            path: word for path, word in keywords.items() if len(path) > 1
        }
        new = [word for word in keywords.values() if word not in self.neighbourhoods.answers]
        yield from self.neighbourhoods.ask(list(dict.fromkeys(new))[: self._room], main=True)
        yield from self._ask_again(by_district)
        cap = self.neighbourhoods.cap(self._expected(keywords))
        open_ = self._open(keywords, by_district, cap)
        for first in (1, None):  # by first syllables, then by whole names
            yield from self._complete(open_, by_district, first)
        self._tell(open_, cap)

    def _ask_unlisted_districts(self) -> Generator[Ask, Answers, None]:
        """Ask for districts that only rows of neighbourhoods name."""
        listed = {path_of(row) for row in self.districts.rows.values()}
        rows = self.neighbourhoods.rows.values()
        unlisted = {path_of(row)[:2]: row for row in rows if path_of(row)[:2] not in listed}
        some = [_full_name(row) for row in unlisted.values()]
        yield from self.districts.ask(some[: max(0, self._room - _COVERING)])

    def _probe(self) -> Generator[Ask, Answers, dict[Path, str]]:
        """The keywords that cover everything, by the district or the syllable that they ask for."""
        rows = {path_of(row): row for row in self.districts.rows.values()}
        if not rows:
            return {}
        probe = max(rows, key=lambda path: len(self.official.get(path, ())))
        for named in (_full_name, _own_name):
            yield from self.neighbourhoods.ask([named(rows[probe])])
            if any(one[:-1] == probe for one in self.neighbourhoods.paths(named(rows[probe]))):
                return {path: named(row) for path, row in rows.items()}
        syllables = self._syllables()
        yield from self.neighbourhoods.ask(syllables[:1])
        return {(one,): one for one in syllables if self.neighbourhoods.answers[syllables[0]]}

    def _syllables(self) -> list[str]:
        """The first syllables of all neighbourhoods that are known, the most frequent first."""
        official_ = (path for paths in self.official.values() for path in paths if len(path) == 3)
        rows = (path_of(row) for row in self.neighbourhoods.rows.values())
        return [one for one, _ in Counter(path[2][0] for path in (*official_, *rows)).most_common()]

    def _ask_again(self, by_district: Mapping[Path, str]) -> Generator[Ask, Answers, None]:
        """Ask for districts without neighbourhoods by their own name and by their province's."""
        asked = self.neighbourhoods
        empty = [
            row
            for path, word in by_district.items()
            if not any(one[:-1] == path for one in asked.paths(word))
            for row in self.districts.rows.values()
            if path_of(row) == path
        ]
        others = [_own_name(row) for row in empty] + [row.depth1_name for row in empty]
        new = [word for word in dict.fromkeys(others) if word not in asked.answers]
        yield from asked.ask(new[: self._room])

    def _expected(self, keywords: Mapping[Path, str]) -> dict[str, int]:
        """For each keyword, how many neighbourhoods are known that it should bring."""
        asked = self.neighbourhoods
        known = {path for paths in asked.by_parent.values() for path in paths}
        expected: Counter[str] = Counter()
        for path, word in keywords.items():
            if len(path) == 2:
                expected[word] += len(self._known(path))
        inside = (self._known(path) for path in {**self.official, **asked.by_parent})
        firsts = Counter(one[2][0] for paths in inside for one in paths if len(one) == 3)
        expected.update({path[0]: firsts[path[0]] for path in keywords if len(path) == 1})
        for end in _NEIGHBOURHOOD_ENDS:
            expected[end] = sum(end in path[2] for path in known)
        return expected

    def _open(
        self, keywords: Mapping[Path, str], by_district: Mapping[Path, str], cap: int | None
    ) -> list[Path]:
        """The districts that no answer has proven to be whole."""
        asked = self.neighbourhoods
        districts = {path_of(row): row for row in self.districts.rows.values()}
        if keywords and asked.covered_by_ends(cap):
            return [path for path in districts if not asked.by_parent[path]]
        if by_district or not keywords:
            return [path for path, row in districts.items() if not self._proven(path, row, cap)]
        failed = {one for one in keywords.values() if self._failed(one, cap)}
        return [
            path
            for path in districts
            if not asked.by_parent[path] or any(one[2][0] in failed for one in self._known(path))
        ]

    def _known(self, district: Path) -> set[Path]:
        """The neighbourhoods of a district that are there, and the official ones."""
        return self.neighbourhoods.by_parent[district] | self.official.get(district, set())

    def _failed(self, syllable: str, cap: int | None) -> bool:
        answer = self.neighbourhoods.answers.get(syllable)
        return not answer or self.neighbourhoods.is_cut(syllable, cap)

    def _proven(self, path: Path, row: Row, cap: int | None) -> bool:
        """Whether an answer that was not cut has brought the neighbourhoods of a district."""
        asked = self.neighbourhoods
        return any(
            any(one[:-1] == path for one in asked.paths(word)) and not asked.is_cut(word, cap)
            for word in (_full_name(row), _own_name(row), row.depth1_name)
        )

    def _complete(
        self, open_: Sequence[Path], by_district: Mapping[Path, str], first: int | None
    ) -> Generator[Ask, Answers, None]:
        """Ask for official neighbourhoods that are not there, as far as calls are left.

        :param first: Where the district is asked for too, how many syllables are.
        """
        asked = self.neighbourhoods
        lacking = [
            f"{by_district[path]} {self.written[one][:first]}"
            if path in by_district
            else self.written[one][: first and first + 1]
            for path in open_
            for one in sorted(self.official.get(path, set()) - asked.by_parent[path])
        ]
        new = [word for word in dict.fromkeys(lacking) if word not in asked.answers]
        yield from asked.ask(new[: self._room])

    def _tell(self, open_: Sequence[Path], cap: int | None) -> None:
        why = f"answers are cut at {cap} rows" if cap else "no keyword brings its neighbourhoods"
        for path in open_:
            known, there = self.official.get(path), self.neighbourhoods.by_parent[path]
            if not known or not known <= there:
                self.missing.append(Missing(self._name(path), why))

    def _name(self, path: Path) -> str:
        """A district's full name, as it is written."""
        rows = {path_of(row): row for row in self.districts.rows.values()}
        return _full_name(rows[path]) if path in rows else " ".join(path)

    # -- The tree -----------------------------------------------------------------------

    def _tree(self) -> LocationTree:
        districts = [row for row in self.districts.rows.values() if isinstance(row, Depth2Location)]
        rows = self.neighbourhoods.rows.values()
        neighbourhoods = [row for row in rows if isinstance(row, Depth3Location)]
        self._tell_unlisted(districts, neighbourhoods)
        return LocationTree(
            locations=self.provinces,
            depth2_locations=districts,
            depth3_locations=neighbourhoods,
            missing=dict.fromkeys(self.missing),
        )

    def _tell_unlisted(
        self, districts: Iterable[Depth2Location], neighbourhoods: Iterable[Depth3Location]
    ) -> None:
        listed = set(map(path_of, districts))
        unlisted = dict.fromkeys(path_of(row)[:2] for row in neighbourhoods)
        for path in unlisted:
            if path not in listed:
                why = "it has neighbourhoods, but is not among the districts"
                self.missing.append(Missing(" ".join(path), why))


def _names_of(path: Path) -> tuple[str, ...]:
    """All names of a province."""
    return names().provinces.get(path[0], path)


def _full_name(row: Row) -> str:
    return f"{row.depth1_name} {row.depth2_name}"


def _own_name(row: Row) -> str:
    return row.depth2_name


def _last_name(place: OfficialPlace) -> str:
    return place.depth3_name or place.depth2_name or place.depth1_name
