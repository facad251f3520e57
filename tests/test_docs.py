"""Whatever the README and the docstrings print as code is run, against the sandbox."""

import asyncio
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kmoment
from kmoment.models import Audience
from kmoment.resources import audiences, categories, locations, placements, targeting
from kmoment.sandbox import Sandbox
from kmoment.sync import resources as sync_resources

pytestmark = pytest.mark.anyio

README = Path(__file__).parents[1] / "README.md"
ROOMS = (audiences, categories, locations, placements, targeting)
METHODS = ("request", "with_options", "reconcile", "each", "each_account")
TWINS = [
    importlib.import_module(f"{sync_resources.__name__}.{r.__name__.rpartition('.')[2]}")
    for r in ROOMS
]


def documented(client: type, rooms: Iterable[ModuleType]) -> dict[str, str]:
    """Every docstring with code in it, by the name of what it describes."""
    things: dict[str, Any] = {"Client": client}
    things |= {name: getattr(client, name) for name in METHODS}
    for room in rooms:
        for name, value in inspect.getmembers(room, inspect.isclass):
            if value.__module__ == room.__name__:
                members = inspect.getmembers(value, inspect.isfunction)
                things |= {f"{name}.{member}": function for member, function in members}
    docs = {name: inspect.getdoc(thing) or "" for name, thing in things.items()}
    return {name: block for name, doc in docs.items() for block in code(doc)}


def code(doc: str) -> list[str]:
    """Blocks that stand by themselves, after a blank line: not the second line of a ``:param``."""
    paragraphs = doc.split("\n\n")
    return [textwrap.dedent(p) for p in paragraphs if p.startswith("    ")]


ASYNC = documented(kmoment.AsyncClient, ROOMS)
ASYNC["draft"] = code(inspect.getdoc(Audience.draft) or "")[0]
SYNC = documented(kmoment.Client, TWINS)


def test_the_code_is_found() -> None:
    """The finder sees the docstrings that have code."""
    assert {"Client", "draft", "request", "AsyncAudiences.create"} <= set(ASYNC)
    assert {name.removeprefix("Async") for name in ASYNC} - {"draft"} == set(SYNC)


@pytest.mark.parametrize("name", ASYNC)
async def test_docstrings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example of a docstring runs as it stands."""
    source = f"async def example():\n{textwrap.indent(ASYNC[name], '    ')}"
    async with Sandbox() as sandbox:
        monkeypatch.setenv("KMOMENT_BASE_URL", sandbox.url)
        async with kmoment.AsyncClient(sandbox.token) as moment:
            account = moment.account(1234)
            space = {
                "kmoment": kmoment,
                "token": sandbox.token,
                "moment": moment,
                "account": account,
                "ids": [1, 1234],
                "draft": kmoment.AudienceDraft.display("x"),
                "audience": await account.audiences.get(1),
            }
            exec(compile(source, name, "exec"), space)
            try:
                await space["example"]()  # type: ignore[operator]
            except kmoment.NotFoundError:
                assert name == "request"  # an endpoint the sandbox does not have either


@pytest.mark.parametrize("name", SYNC)
def test_sync_docstrings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example of a mirrored docstring runs as it stands, with nothing awaited."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("KMOMENT_BASE_URL", sandbox.url)
        with kmoment.Client(sandbox.token) as moment:
            account = moment.account(1234)
            space = {
                "kmoment": kmoment,
                "token": sandbox.token,
                "moment": moment,
                "account": account,
                "ids": [1, 1234],
                "draft": kmoment.AudienceDraft.display("x"),
            }
            try:
                exec(compile(SYNC[name], name, "exec"), space)
            except kmoment.NotFoundError:
                assert name == "request"


def test_readme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every Python block of the README runs as it stands, and prints no error."""
    monkeypatch.chdir(tmp_path)
    found = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    space: dict[str, Any] = {"kmoment": kmoment}
    with Sandbox() as sandbox:
        monkeypatch.setenv("KMOMENT_BASE_URL", sandbox.url)
        for block in found:
            exec(compile(block.replace("BUSINESS_TOKEN", sandbox.token), "README", "exec"), space)

        async def rest() -> None:
            async with kmoment.AsyncClient(sandbox.token) as moment:
                await space["rename"](moment.account(1234), 1)
                assert (await moment.account(1234).audiences.get(1)).name == "New name"
                await space["look_up"](moment, ["논현", ""])
                assert await space["count_audiences"](moment, [1234, 77]) == {1234: 4}
                assert (await space["target"](moment)).violations() == ()
            await space["try_it"]()

        asyncio.run(rest())
    space["test_a_throttled_list"]()
    assert len(found) == 7
