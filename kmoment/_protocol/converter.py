"""The converter between JSON and models. All rules of the wire are here.

Reading:

* A member's name is its field's name in camelCase. The misspelt names of Kakao's samples
  (``desrciption``, ``depth2locations``) are read too, and never written.
* A member that is missing or null becomes ``None`` where the model allows it. Members that
  Kakao documents and prints everywhere are required.
* Text may come as a number, and a number as text. ``true`` is neither.
* Dates come in four forms, all without a zone. They are in Seoul's time.
* Words that kmoment does not know are kept (open enums), and so are members that it does not
  know (``extra``).
* A list may come by itself, or inside ``content``, ``data`` or ``trackRights``.

Writing:

* ``None`` is left out, ``()`` is written as ``[]``, and ``extra`` is written as it came.
* Dates are written in the documented form, in Seoul's time.

One generated function per class does the reading: cattrs' own hooks cost twice as much and turn a
null into the text "None". The function does not say what failed. Then :func:`_find_problem` reads
again, slowly, and names the path of the value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from itertools import repeat
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs

from ..errors import Problem
from ..models._base import NO_EXTRA, FrozenDict, Model, OpenEnum
from .answer import has_inexact

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]

SEOUL: Final = timezone(timedelta(hours=9), "Asia/Seoul")
"""Korea has had no summer time since 1988, so a fixed offset serves and needs no tz database."""

_MISSPELT: Final[Mapping[str, str]] = {
    "description": "desrciption",
    "depth2Locations": "depth2locations",
}
EXACT: Final[ContextVar[bool]] = ContextVar("kmoment_exact", default=False)
"""Whether the JSON that is read was parsed with exact numbers."""

_WRAPPERS: Final = ("content", "data", "trackRights")


class StructureError(ValueError):
    """JSON that is not as documented: where, and of a list the rows that could be read."""

    def __init__(
        self,
        *problems: Problem,
        partial: list[Any] | None = None,
        unread: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(*problems)
        self.problems = problems
        self.partial = partial
        self.unread = unread
        """Of a list: the rows that could not be read, as they came."""


def read(data: Any, type_: type[T]) -> T:
    """*data* (parsed JSON) as *type_*, or :class:`StructureError`."""
    hook, is_list = _how(cast("Any", type_))
    wrapper = _wrapper(data) if is_list and data.__class__ is not list else ""
    value = data[wrapper] if wrapper else data
    try:
        answer: T = hook(value, type_)
    except Exception:  # any JSON may come: the slow reader says what is wrong with it
        unreadable = _explain(value, type_, wrapper)
    else:
        return answer
    raise unreadable


@cache
def _how(type_: Any) -> tuple[Hook, bool]:
    """What reads *type_*, and whether it is a list. cattrs' own look-up is slow."""
    return _converter.get_structure_hook(type_), get_origin(type_) is list


def write(value: Any) -> Any:
    """*value* (a model, or JSON already) as JSON."""
    return _converter.unstructure(value)


def _wrapper(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    return next((key for key in _WRAPPERS if isinstance(data.get(key), list)), "")


def rows_in(data: Any) -> list[Any] | None:
    """The rows of a list, which may come by itself or wrapped; ``None`` if there is no list."""
    if wrapper := _wrapper(data):
        data = data[wrapper]
    return data if isinstance(data, list) else None


def camel(name: str) -> str:
    """Kakao's name of a field: ``depth2_locations`` → ``depth2Locations``."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _not(rule: str) -> StructureError:
    return StructureError(Problem("", rule))


# -- Single values ----------------------------------------------------------------------


def _text(value: Any, _: Any = None) -> str:
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    raise _not(f"must be text, not {_kind(value)}")


def _integer(value: Any, _: Any = None) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str) and len(value) < 20 and value.removeprefix("-").isdecimal():
        return int(value)
    raise _not(f"must be a whole number, not {_kind(value)}")


def _boolean(value: Any, _: Any = None) -> bool:
    if isinstance(value, bool):
        return value
    raise _not(f"must be true or false, not {_kind(value)}")


def _moment(value: Any, _: Any = None) -> datetime:
    if not isinstance(value, str):
        raise _not(f"must be a date, not {_kind(value)}")
    try:
        date = datetime.fromisoformat(value.replace(".", "-", 2) if value[4:5] == "." else value)
    except ValueError:
        raise _not("must be a date in one of Kakao's forms") from None
    return date if date.tzinfo else date.replace(tzinfo=SEOUL)


def _date_text(value: datetime) -> str:
    """A date in the documented form. One without a zone is Seoul's, not the machine's."""
    if value.tzinfo is not None:
        value = value.astimezone(SEOUL).replace(tzinfo=None)
    return value.isoformat(timespec="seconds")


def _word(enum: type[OpenEnum]) -> Hook:
    known: dict[Any, Any] = dict(enum._value2member_map_)

    def read_word(value: Any, _: Any = None) -> Any:
        member = known.get(value)
        return enum(_text(value)) if member is None else member

    return read_word


def _kind(value: Any) -> str:
    names = {NoneType: "null", bool: "a boolean", dict: "an object", list: "a list"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "text")


# -- Collections ------------------------------------------------------------------------


def _list_hook(type_: Any, converter: cattrs.Converter) -> Hook:
    """For ``list[X]`` and ``tuple[X, ...]``."""
    collect, of = get_origin(type_), _of(type_)
    read_all = _reader(of) if _is_model(of) else _each(converter.get_structure_hook(of), of)

    def read_list(value: Any, _: Any) -> Any:
        if value.__class__ is not list:
            raise _not(f"must be a list, not {_kind(value)}")
        items = read_all(value)
        return items if collect is list else collect(items)

    return read_list


def _each(hook: Hook, of: Any) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda items: [hook(item, of) for item in items]


# -- Models -----------------------------------------------------------------------------


@attrs.frozen
class _Member:
    """One field of a model as it stands in JSON."""

    name: str
    wire: str
    type: Any
    required: bool

    @property
    def spellings(self) -> tuple[str, ...]:
        misspelt = _MISSPELT.get(self.wire)
        return (self.wire, misspelt) if misspelt else (self.wire,)


def _members(model: type[Model]) -> Iterator[_Member]:
    attrs.resolve_types(model)
    for field in attrs.fields(model):
        if field.name != "extra" and field.metadata.get("wire", True):
            type_ = _first(field.type)
            yield _Member(field.name, camel(field.name), type_, field.default is attrs.NOTHING)


def _of(type_: Any) -> Any:
    """What a ``list[X]`` or ``tuple[X, ...]`` holds."""
    return _first(get_args(type_)[0])


def _first(type_: Any) -> Any:
    """``X`` of ``X | None``, and of ``X | str``."""
    return get_args(type_)[0] if get_origin(type_) in (UnionType, Union) else type_


def _model_hook(model: Any) -> Hook:
    read_all = _reader(model)
    return lambda value, _: read_all((value,))[0]


_FRAME: Final = """\
def read_all(objects, str=str, int=int, model=model, NO_EXTRA=NO_EXTRA):
    found = list(map(new, repeat(mutable, len(objects))))
    for t, o in zip(found, objects):
        {body}
    return found
"""


@cache
def _reader(model: Any) -> Callable[[Sequence[Any]], list[Any]]:
    """Write and compile the function that reads JSON objects as *model*.

    For a class with one required text ``value`` and one optional whole number ``size``:

        def read_all(objects, str=str, int=int, model=model, NO_EXTRA=NO_EXTRA):
            found = list(map(new, repeat(mutable, len(objects))))
            for t, o in zip(found, objects):
                v = o['value']
                t.value = v if v.__class__ is str else h0(v, t0)
                v = o.get('size')
                t.size = v if v is None or v.__class__ is int else h1(v, t1)
                t.extra = NO_EXTRA if known.issuperset(o) else rest(o)
                t.__class__ = model
            return found

    The ``__init__`` of a frozen class takes more than twice as long as all of this. So the values
    go into an object of a mutable class of the same layout, whose class is then changed. Making
    all objects first, and looking names up as locals, saves another tenth.
    """
    members = list(_members(model))
    known = wire_names(model)
    scope: dict[str, Any] = {
        "new": object.__new__,
        "repeat": repeat,
        "mutable": _mutable(model),
        "model": model,
        "known": known,
        "NO_EXTRA": NO_EXTRA,
        "rest": partial(_unknown_members, known),
    }
    lines: list[str] = []
    for i, member in enumerate(members):
        scope[f"h{i}"], scope[f"t{i}"] = _converter.get_structure_hook(member.type), member.type
        lines += _member_lines(i, member)
    for field in _not_on_the_wire(model):
        scope[f"make_{field.name}"] = field.converter
        made = f"make_{field.name}({field.default!r})" if field.converter else repr(field.default)
        lines.append(f"t.{field.name} = {made}")
    complete = all(member.required for member in members)
    nothing_else = f"len(o) == {len(members)}" if complete else "known.issuperset(o)"
    lines += [f"t.extra = NO_EXTRA if {nothing_else} else rest(o)", "t.__class__ = model"]
    source = _FRAME.format(body="\n        ".join(lines))
    exec(compile(source, f"<kmoment reads {model.__name__}>", "exec"), scope)  # noqa: S102
    read_all: Callable[[Sequence[Any]], list[Any]] = scope["read_all"]
    return read_all


def _unknown_members(known: frozenset[str], members: dict[str, Any]) -> FrozenDict:
    unknown = {name: value for name, value in members.items() if name not in known}
    if not EXACT.get() and has_inexact(unknown):
        raise _not("has a number that was not read exactly")
    return FrozenDict(unknown)


def _mutable(model: type[Model]) -> type[Model]:
    """A class of the same layout, whose objects can be filled."""
    own = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(model.__name__, (model,), {"__slots__": (), **own})


def _not_on_the_wire(model: type[Model]) -> Iterator["attrs.Attribute[Any]"]:
    return (field for field in attrs.fields(model) if not field.metadata.get("wire", True))


def _member_lines(i: int, member: _Member) -> Iterator[str]:
    first, *misspelt = member.spellings
    surely = member.required and not misspelt
    yield f"v = o[{first!r}]" if surely else f"v = o.get({first!r})"
    for spelling in misspelt:
        yield f"if v is None: v = o.get({spelling!r})"
    fits = [] if member.required else ["v is None"]
    fits += [f"v.__class__ is {member.type.__name__}"] if member.type in (str, int) else []
    read = f"h{i}(v, t{i})"
    yield f"t.{member.name} = " + (f"v if {' or '.join(fits)} else {read}" if fits else read)


def wire_names(model: type[Model]) -> frozenset[str]:
    """Kakao's names of the members of *model*, in every spelling."""
    return frozenset(spelling for member in _members(model) for spelling in member.spellings)


def required_names(model: type[Model]) -> frozenset[str]:
    """Kakao's names of the members that *model* always has."""
    return frozenset(member.wire for member in _members(model) if member.required)


def _unstructure_model(value: Model) -> dict[str, Any]:
    given = {m.wire: getattr(value, m.name) for m in _members(type(value))}
    own = {wire: write(member) for wire, member in given.items() if member is not None}
    return {**value.extra, **own}


def _is_model(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, Model)


def _is_list(type_: Any) -> bool:
    return get_origin(type_) is list or get_origin(type_) is tuple


def _words(base: type[OpenEnum]) -> Iterator[type[OpenEnum]]:
    for enum in base.__subclasses__():
        yield enum
        yield from _words(enum)


def configure_converter(converter: cattrs.Converter) -> None:
    """Teach *converter* the rules at the top of this file."""
    leaves: dict[type, Hook] = {
        str: _text,
        int: _integer,
        bool: _boolean,
        datetime: _moment,
        NoneType: lambda value, _: None,
    }
    for type_, hook in leaves.items():
        converter.register_structure_hook(type_, hook)
    # cattrs takes a text enum for text unless each class is registered by itself.
    for enum in _words(OpenEnum):
        converter.register_structure_hook(enum, _word(enum))
        converter.register_unstructure_hook(enum, str)
    converter.register_structure_hook_factory(_is_model, _model_hook)
    converter.register_structure_hook_factory(_is_list, lambda t: _list_hook(t, converter))
    converter.register_unstructure_hook_func(_is_model, _unstructure_model)
    converter.register_unstructure_hook(datetime, _date_text)


_converter: Final = cattrs.Converter(
    detailed_validation=False, unstruct_collection_overrides={tuple: list}
)
configure_converter(_converter)


# -- Explaining -------------------------------------------------------------------------


def _explain(value: Any, type_: Any, at: str) -> StructureError:
    if not (_is_list(type_) and isinstance(value, list)):
        return StructureError(_find_problem(value, type_, at) or Problem(at, "cannot be read"))
    of = _of(type_)
    found = [_find_problem(item, of, f"{at}[{i}]") for i, item in enumerate(value)]
    sound = [item for item, problem in zip(value, found, strict=True) if problem is None]
    return StructureError(
        *filter(None, found),
        partial=_converter.structure(sound, type_),
        unread=tuple(item for item, it in zip(value, found, strict=True) if it is not None),
    )


def _find_problem(value: Any, type_: Any, at: str) -> Problem | None:
    """The first value in *value* that cannot be read as *type_*, with its path."""
    if _is_model(type_):
        return _find_in_object(value, type_, at)
    if _is_list(type_):
        return _find_in_list(value, _of(type_), at)
    try:
        _converter.structure(value, type_)
    except StructureError as unreadable:
        return unreadable.problems[0]._replace(path=at)
    except TypeError:  # an unhashable value where a word belongs
        return Problem(at, f"must be text, not {_kind(value)}")
    return None


def _find_in_list(value: Any, of: Any, at: str) -> Problem | None:
    if not isinstance(value, list):
        return Problem(at, f"must be a list, not {_kind(value)}")
    found = (_find_problem(item, of, f"{at}[{i}]") for i, item in enumerate(value))
    return next(filter(None, found), None)


def _find_in_object(value: Any, model: type[Model], at: str) -> Problem | None:
    if not isinstance(value, dict):
        return Problem(at, f"must be an object, not {_kind(value)}")
    for member in _members(model):
        path = f"{at}.{member.wire}".removeprefix(".")
        given = next((value[s] for s in member.spellings if value.get(s) is not None), None)
        if given is None:
            if member.required:
                return Problem(path, "is missing")
        elif problem := _find_problem(given, member.type, path):
            return problem
    return None
