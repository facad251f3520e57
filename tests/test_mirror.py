"""The mirrored resources are in step with the async ones, both ways."""

import ast
import inspect
import re
from typing import Any

import pytest

import kmoment
from helpers.mirror import MIRROR, RULES, SOURCE, mirrored, mirrored_files
from kmoment import client as async_client
from kmoment.sync import client as sync_client

pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason="needs the source tree")

PAIRS = [
    (getattr(kmoment, f"Async{name}"), getattr(kmoment, name)) for name in ("Client", "Account")
]


BY_HAND = (
    (r"(?:collections\.abc\.)?Awaitable\[([^\]]+)\]", r"\1"),
    (
        r"kmoment\.(?=(client\.Account|client\.Client|batch\.Batch|resources|_sender\.Sender)\b)",
        "kmoment.sync.",
    ),
)


def turned(text: str) -> str:
    """Text as the mirror's rules turn it, and what is written by hand in their way."""
    for pattern, replacement in (*RULES, *BY_HAND):
        text = re.sub(pattern, replacement, text)
    return text


def test_the_trees_are_equal() -> None:
    """Each mirrored file is exactly what the rules make of its original, and there is no other."""
    have = {path.name: path.read_text(encoding="utf-8") for path in MIRROR.glob("*.py")}
    assert have == mirrored_files()


def test_every_rule_fires() -> None:
    """A rule that never fires is a rule that has silently stopped matching."""
    counts = [
        mirrored(path.name, path.read_text(encoding="utf-8"))[1]
        for path in SOURCE.glob("*")
        if path.suffix == ".py"
    ]
    assert all(sum(fired) for fired in zip(*counts, strict=True))


@pytest.mark.parametrize("name", mirrored_files())
def test_no_async_is_left(name: str) -> None:
    """No async node, and no name or docstring that speaks of one, survives the mirror."""
    text = mirrored_files()[name]
    nodes = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, nodes)]
    assert not re.search(r"\b(async|await|Async[A-Z]\w*)\b", text)


def public(cls: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in inspect.getmembers(cls)
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }


def resources() -> list[tuple[type, type]]:
    rooms = [(async_client, sync_client)]
    return [
        (value, getattr(mirror, name.removeprefix("Async")))
        for original, mirror in rooms
        for name, value in inspect.getmembers(original, inspect.isclass)
        if value.__module__.startswith("kmoment.resources")
    ]


@pytest.mark.parametrize(("original", "mirror"), resources(), ids=lambda cls: cls.__name__)
def test_methods_look_the_same(original: type, mirror: type) -> None:
    """Same names, same signatures, same help: only nothing is awaited."""
    theirs, ours = public(original), public(mirror)
    assert list(ours) == list(theirs)
    for name in ours:
        signature = turned(str(inspect.signature(theirs[name])))
        assert signature == str(inspect.signature(ours[name]))
        assert inspect.getdoc(ours[name]) == turned(inspect.getdoc(theirs[name]) or "")


@pytest.mark.parametrize(("original", "mirror"), PAIRS, ids=lambda cls: cls.__name__)
def test_the_hand_written_classes_keep_step(original: type, mirror: type) -> None:
    """Client and Account, written by hand, have their originals' names, help and signatures."""
    theirs = {"close" if name == "aclose" else name: it for name, it in public(original).items()}
    ours = public(mirror)
    assert set(ours) == set(theirs)
    for name in theirs:
        help_text = inspect.getdoc(ours[name]) or ""
        if name == "close":
            assert help_text.startswith((inspect.getdoc(theirs[name]) or "").split("\n")[0])
        else:
            assert help_text == turned(inspect.getdoc(theirs[name]) or "")
        if inspect.isfunction(ours[name]):
            assert turned(str(inspect.signature(theirs[name]))) == str(
                inspect.signature(ours[name])
            )
    _, moved = BY_HAND
    signature = str(inspect.signature(original)).replace("Async", "")
    assert re.sub(*moved, signature) == str(inspect.signature(mirror))
    made = [inspect.getdoc(getattr(cls, "__init__")) or "" for cls in (original, mirror)]  # noqa: B009
    assert turned(made[0]) == made[1]
