"""All code that the README, the Korean page and the docstrings print is run, in the sandbox."""

import ast
import asyncio
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kmoment
from kmoment.sandbox import Sandbox

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / ".github" / "README.ko.md"]


def public_modules() -> Iterator[Any]:
    """Every module without an underscore in its name, the package itself among them."""
    yield kmoment
    for info in pkgutil.walk_packages(kmoment.__path__, "kmoment."):
        if "._" not in info.name:
            yield importlib.import_module(info.name)


def described(module: Any) -> Iterator[tuple[str, str]]:
    """The docstrings of a module, its classes and their members, by name."""
    yield module.__name__, inspect.getdoc(module) or ""
    for name, value in inspect.getmembers(module):
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        yield f"{module.__name__}.{name}", inspect.getdoc(value) or ""
        if inspect.isclass(value):
            for member, its in vars(value).items():
                function = its.__func__ if isinstance(its, classmethod | staticmethod) else its
                if inspect.isfunction(function) and not member.startswith("_"):
                    yield f"{module.__name__}.{name}.{member}", inspect.getdoc(function) or ""


def blocks(doc: str) -> Iterator[str]:
    """Indented paragraphs that are Python, after a blank line: not the rest of a ``:param``."""
    for block in re.findall(r"(?:\A|\n\n)((?:    .*(?:\n|\Z)|\n(?=    ))+)", doc):
        if is_python(textwrap.dedent(block)):
            yield textwrap.dedent(block)


def is_python(text: str) -> bool:
    """Whether *text* is code: not a table, a drawing or a command."""
    try:
        tree = ast.parse(wrapped(text))
    except SyntaxError:
        return False
    return any(isinstance(node, ast.Call | ast.Assign | ast.FunctionDef) for node in ast.walk(tree))


def wrapped(text: str) -> str:
    """*text* as the body of a coroutine."""
    return f"async def example():\n{textwrap.indent(text, '    ')}"


def is_async(text: str) -> bool:
    """Whether *text* awaits something, or makes an async client."""
    nodes = (ast.Await, ast.AsyncFor, ast.AsyncWith)
    tree = list(ast.walk(ast.parse(wrapped(text))))
    made = [node.attr for node in tree if isinstance(node, ast.Attribute)]
    return any(isinstance(node, nodes) for node in tree) or "AsyncClient" in made


EXAMPLES = {
    (name, number): block
    for module in public_modules()
    for name, doc in described(module)
    for number, block in enumerate(blocks(doc))
}
ASYNC = [key for key in EXAMPLES if is_async(EXAMPLES[key])]
SYNC = [key for key in EXAMPLES if key not in ASYNC]


def test_the_code_is_found() -> None:
    """The finder sees the code of modules, classes and methods, of both clients."""
    found = {name for name, _ in EXAMPLES}
    assert {
        "kmoment",
        "kmoment.batch",
        "kmoment.batch.progress_bar",
        "kmoment.client.AsyncClient",
        "kmoment.client.AsyncClient.with_options",
        "kmoment.hooks",
        "kmoment.limits",
        "kmoment.models.audience.Audience.draft",
        "kmoment.resources.audiences.AsyncAudiences.create",
        "kmoment.sync",
        "kmoment.sync.client.Client",
        "kmoment.sync.resources.audiences.Audiences.create",
        "kmoment.testing",
        "kmoment.places",
        "kmoment.places.tree.LocationTree.resolve",
    } <= found
    assert len(SYNC) > 12
    assert len(ASYNC) > 18


def names(sandbox: Sandbox, moment: kmoment.Client | kmoment.AsyncClient) -> dict[str, Any]:
    """What the examples take for granted."""
    from kmoment import testing
    from kmoment.batch import progress_bar
    from kmoment.sandbox import Fault

    return {
        "kmoment": kmoment,
        "testing": testing,
        "Sandbox": Sandbox,
        "Fault": Fault,
        "progress_bar": progress_bar,
        "words": kmoment.words,
        "sheets": kmoment.sheets,
        "token": sandbox.token,
        "moment": moment,
        "account": moment.account(1234),
        "ids": [1, 1234],
        "draft": kmoment.AudienceDraft.display("x"),
    }


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox that clients find by themselves, and a folder for what examples write."""
    with Sandbox(accounts=(1234, 5678)) as sandbox:
        monkeypatch.chdir(tmp_path)
        sheet = "account,name,type,age\n1234,In their 20s,DISPLAY,20대\n"
        (tmp_path / "audiences.csv").write_text(sheet, "utf-8")
        monkeypatch.setenv("KMOMENT_BASE_URL", sandbox.url)
        monkeypatch.setenv("KMOMENT_TOKEN", sandbox.token)
        monkeypatch.setenv("KMOMENT_HOME", str(tmp_path / "home"))
        kmoment.auth.save_profile(kmoment.auth.Profile(name="agency", base_url=sandbox.url))
        yield sandbox


@pytest.mark.parametrize("key", ASYNC, ids=lambda key: f"{key[0]}-{key[1]}")
async def test_async_docstrings(key: tuple[str, int], place: Sandbox) -> None:
    """Each example that awaits runs as it stands."""
    async with kmoment.AsyncClient() as moment:
        space = names(place, moment)
        tree = await moment.locations.tree() if ".places." in key[0] else None
        space |= {"tree": tree, "audience": await moment.account(1234).audiences.get(1)}
        exec(compile(wrapped(EXAMPLES[key]), str(key), "exec"), space)
        try:
            await space["example"]()
        except kmoment.RouteNotFoundError:
            assert key[0].endswith(".request")  # an endpoint that the sandbox does not have


@pytest.mark.parametrize("key", SYNC, ids=lambda key: f"{key[0]}-{key[1]}")
def test_blocking_docstrings(key: tuple[str, int], place: Sandbox) -> None:
    """Each example that awaits nothing runs as it stands."""
    with kmoment.Client() as moment:
        space = names(place, moment)
        space |= {"tree": moment.locations.tree() if ".places." in key[0] else None}
        space |= {"audience": moment.account(1234).audiences.get(1)}
        try:
            exec(compile(EXAMPLES[key], str(key), "exec"), space)
        except kmoment.RouteNotFoundError:
            assert key[0].endswith(".request")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page: Path, place: Sandbox) -> None:
    """Each Python block of a page runs as it stands; functions in it that take nothing are run."""
    if not page.exists():
        pytest.skip("this page is only in the repository")
    found = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) >= 3
    for number, block in enumerate(found):
        space: dict[str, Any] = {"__name__": "page"}
        code = block.replace("BUSINESS_TOKEN", place.token)
        exec(compile(code, f"{page.name}, block {number}", "exec"), space)
        for name, value in list(space.items()):
            if inspect.isfunction(value) and not inspect.signature(value).parameters:
                done = value()
                if inspect.iscoroutine(done):
                    asyncio.run(done)
                assert name


def test_the_pages_show_the_same_code() -> None:
    """The Korean page has the README's code, but for its comments."""
    if not PAGES[1].exists():
        pytest.skip("this page is only in the repository")
    english, korean = (
        [
            re.sub(r"\s+#.*", "", block)
            for block in re.findall(r"```\w*\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        ]
        for page in PAGES
    )
    assert english == korean
