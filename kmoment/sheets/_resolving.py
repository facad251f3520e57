"""Makes drafts of a sheet and the answers of look-ups. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from .._text import normalised
from ..errors import CellFault, Violation
from ..models import AudienceDraft, LocationType
from ..places import LocationTree
from ..places._reasons import UNKNOWN
from ..places.resolution import Resolved, ResolveStatus
from ..places.tree import LEVELS, Place as TreePlace
from ._entries import BY_NAME, CATEGORIES, ENTRIES, CellNames, Found, is_written, read_entries
from ._grid import Place, Wrong
from .sheet import Row, Sheet

Question = tuple[int | None, str]
"""A look-up: the account, ``None`` where it needs none, and the column that asks for it."""

_CODES: Final[Mapping[str, str | None]] = {
    "places": None,
    "locations": "location_codes",
    "depth2_locations": "depth2_location_codes",
    "depth3_locations": "depth3_location_codes",
}
"""Columns of places, and of their codes."""
_PLACE_COLUMNS: Final = (*_CODES, *filter(None, _CODES.values()))
_EVERYWHERE: Final = ("전체", "all")
_NO_CODE: Final = Wrong("no place has one of these codes", "없는 장소 코드입니다")
_DIFFER: Final = Wrong(
    "must be the same places as the codes beside it: clear the codes if the names are right",
    "옆의 코드와 다른 장소입니다. 이름이 맞으면 코드를 지우세요",
)
_LIST: Final = re.compile(r"\s*[,;\r\n]\s*")


def questions(sheet: Sheet) -> list[Question]:
    """The look-ups that a sheet needs, each once."""
    found = (
        (None if key in CATEGORIES else row.account, key)
        for row in sheet._rows
        for key, cell in row.cells.items()
        if key in BY_NAME and not is_written(cell.text)
    )
    return [one for one in dict.fromkeys(found) if one[0] is not None or one[1] in CATEGORIES]


def has_places(sheet: Sheet) -> bool:
    """Whether a sheet needs the tree: it names places, and not only all of them."""
    cells = (row.cells.get(key) for row in sheet._rows for key in _PLACE_COLUMNS)
    return any(cell is not None and not _is_everywhere(cell) for cell in cells)


class Resolver:
    """Makes drafts, and collects what is wrong."""

    def __init__(
        self, answers: Mapping[Question, Sequence[Any]], tree: LocationTree | None
    ) -> None:
        self._answers = answers
        self._tree = tree
        self._indexes: dict[tuple[Any, ...], CellNames] = {}
        self._entries: dict[tuple[Any, ...], Found] = {}
        self._places: dict[str, tuple[tuple[TreePlace, ...], tuple[Wrong, ...]]] = {}
        self.faults: list[CellFault] = []
        self.overlaps: list[str] = []
        """A sentence for each place that lies in another one of its row."""

    def drafts(self, rows: Iterable[Row]) -> dict[int, list[AudienceDraft]]:
        """The drafts of each account. Of a row that cannot be read there is none."""
        drafts: dict[int, list[AudienceDraft]] = {}
        for row in rows:
            draft = self._draft(row)
            if draft is not None and row.account is not None:
                drafts.setdefault(row.account, []).append(draft)
        return drafts

    def _draft(self, row: Row) -> AudienceDraft | None:
        before = len(self.faults)
        fields = {**row.fields, **self._located(row)}
        for key in (*CATEGORIES, *ENTRIES):
            if cell := row.cells.get(key):
                fields[key] = self._named(row, key, cell)
        if not row.sound or len(self.faults) > before:
            return None
        draft = AudienceDraft(**fields)
        self.faults += (_violation(row, one) for one in draft.violations())
        return draft

    # -- Names --------------------------------------------------------------------------

    def _named(self, row: Row, key: str, cell: Place) -> tuple[Any, ...]:
        account = None if key in CATEGORIES else row.account
        if account is None and key in ENTRIES and not is_written(cell.text):
            return ()  # the account is a fault already
        kind = row.fields.get("type") if key == "cohort_targetings" else None
        question = (account, key, kind)
        if (*question, cell.text) not in self._entries:
            index = self._index(*question) if key in BY_NAME else None
            self._entries[*question, cell.text] = read_entries(key, cell.text, index)
        found, wrongs = self._entries[*question, cell.text]
        self.faults += map(cell.fault, wrongs)
        return found

    def _index(self, account: int | None, key: str, kind: str | None) -> CellNames:
        """The rows of a look-up. Of cohorts, those that an audience of this type can target."""
        if (account, key, kind) not in self._indexes:
            rows = self._answers.get((account, key), ())
            fit = [it for it in rows if kind is None or it.audience_type in (None, kind)]
            self._indexes[account, key, kind] = CellNames(fit)
        return self._indexes[account, key, kind]

    # -- Places -------------------------------------------------------------------------

    def _located(self, row: Row) -> dict[str, Any]:
        """What all columns of places say, as members of a draft."""
        places: dict[str, TreePlace] = {}
        columns: list[str] = []
        for key, codes in _CODES.items():
            cell, code_cell = row.cells.get(key), row.cells.get(codes or "")
            found = self._placed(cell or row.blank.get(key), code_cell)
            places |= {place.value: place for place in found}
            if found and (at := cell or code_cell):
                columns.append(at.column)
        overlaps = self._tree.overlaps(places.values()) if self._tree else ()
        where = f"{row.at.sheet}, row {row.at.row}, column{'s' * (len(columns) > 1)}"
        self.overlaps += (f"{where} {' and '.join(columns)}: {it}" for it in overlaps)
        levels: dict[str, Any] = {
            level: chosen
            for level, kind in LEVELS.items()
            if (chosen := tuple(it for it in places.values() if isinstance(it, kind)))
        }
        if any(_is_everywhere(row.cells.get(key)) for key in _CODES):
            levels["location_type"] = row.fields.get("location_type", LocationType.ALL)
        return levels

    def _placed(self, cell: Place | None, codes: Place | None) -> tuple[TreePlace, ...]:
        """The places of one column. Its *codes*, if there are any, settle which they are."""
        before = len(self.faults)
        if codes is None:
            return self._settled(cell) if cell else ()
        found = self._coded(codes)
        if cell and ", ".join(map(str, found)) != cell.text:
            named = self._settled(cell)
            if {*named} != {*found} and len(self.faults) == before:
                self.faults.append(cell.fault(_DIFFER))
        return found

    def _coded(self, cell: Place) -> tuple[TreePlace, ...]:
        tree = self._tree
        codes = [code for code in _LIST.split(cell.text) if code] or [cell.text]
        found = tuple(tree[code] for code in codes if tree and code in tree)
        if len(found) < len(codes):
            self.faults.append(cell.fault(_NO_CODE))
        return found

    def _settled(self, cell: Place) -> tuple[TreePlace, ...]:
        if not cell.text or _is_everywhere(cell) or self._tree is None:
            return ()
        if cell.text not in self._places:
            outcomes = list(self._tree.resolve([cell.text]))
            open_ = [it for it in outcomes if it.status != ResolveStatus.FOUND]
            wrongs = tuple(map(_unsettled, open_)) if outcomes else (Wrong(*UNKNOWN[:2]),)
            found = tuple(place for it in outcomes for place in it.places)
            self._places[cell.text] = found, wrongs
        found, wrongs = self._places[cell.text]
        self.faults += map(cell.fault, wrongs)
        return found


def _is_everywhere(cell: Place | None) -> bool:
    return cell is not None and normalised(cell.text).casefold() in _EVERYWHERE


def _unsettled(one: Resolved[TreePlace]) -> Wrong:
    text, text_ko, names, *_ = one.reason or UNKNOWN
    return Wrong(text, text_ko, names).of(one.name, one.cell)


# -- Rules of drafts --------------------------------------------------------------------

_RULES_KO: Final = (
    ("must not be given for a DISPLAY", "디스플레이 오디언스에는 쓸 수 없습니다"),
    ("must not be given for a MESSAGE", "메시지 오디언스에는 쓸 수 없습니다"),
    ("must not be given if", "'전체'를 선택했으면 비워야 합니다"),
    ("NOT_ALL needs", "'일부'를 선택했으면 값이 있어야 합니다"),
    ("AREA needs", "'일부'를 선택했으면 장소가 있어야 합니다"),
)


def _violation(row: Row, one: Violation) -> CellFault:
    """A rule of Kakao's that the draft of a row breaks."""
    member = re.split(r"[\[.]", one.path)[0]
    korean = (text for start, text in _RULES_KO if one.rule.startswith(start))
    wrong = Wrong(one.rule, next(korean, f"카카오의 규칙에 맞지 않습니다: {one.rule}"))
    return next(_cells_of(row, member), row.at).fault(wrong)


def _cells_of(row: Row, member: str) -> Iterator[Place]:
    """The cells that fill a member of a draft."""
    names = (member, *(_PLACE_COLUMNS if "location" in member else ()))
    return (row.cells[name] for name in names if name in row.cells)
