"""The shape of the package: walls between modules, public names, examples that run."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

import kmoment

ROOT = Path(kmoment.__file__).parent

# From the ground up: a room imports only rooms of earlier lines. `apart` imports none of ours but
# the data.
FLOORS = """
_facts _file _plain _text
errors
_secret
_validate
outcomes
models
_protocol
_policies
hooks limits
_sender
_engine
journal
_batch
places
words
batch
tables
resources
sheets
client
sync
auth fleet otel
doctor
testing
cli
__init__
"""
APART = {"_data": set[str](), "sandbox": {"_data"}}

# The command starts a sandbox, which is no part of the client.
STARTS = {"cli": {"sandbox"}}

# Who may import a package of others.
THEIRS = {
    "aiohttp": {"_engine", "auth", "sandbox"},
    "cattrs": {"_protocol"},
    "yarl": {"_engine", "_protocol", "_validate"},
    "asyncio": {"_batch", "auth", "_engine", "fleet", "journal", "sandbox", "sync", "testing"},
    "anyio": {"sync"},
    "opentelemetry": {"otel"},
    "redis": {"fleet", "journal"},
    "sqlite3": {"journal"},
    "click": {"cli"},
}
PURE = {"errors", "models", "_protocol", "_policies"}
NOT_PURE = {"asyncio", "socket", "ssl", "threading", "time"}


@cache
def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.rglob("*.py")
    }


def room(module: str) -> str:
    return module.split(".")[0]


def type_checking_blocks(tree: ast.AST, name: str = "TYPE_CHECKING") -> set[ast.AST]:
    blocks = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == name
    )
    return {inner for block in blocks for inner in ast.walk(block)}


@cache
def imports(module: str) -> set[str]:
    """Absolute names of all that *module* imports: also within functions, and for checkers."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    package = ["kmoment", *module.split(".")[:-1]]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *([node.module] if node.module else [])]
            found |= {".".join([*base, alias.name]) for alias in node.names}
    return found


def of_ours(module: str) -> set[str]:
    """The modules of ours that *module* imports."""
    names = {name.removeprefix("kmoment.") for name in imports(module) if name[:8] == "kmoment."}
    known = modules()
    return {
        name if name in known else f"{name}.__init__" if f"{name}.__init__" in known else parent
        for name in names
        if (parent := name.rpartition(".")[0]) is not None
    } - {module, ""}


def below(room_: str) -> set[str]:
    """The rooms that *room_* may import."""
    lower: set[str] = set()
    for floor in FLOORS.split("\n"):
        if room_ in floor.split():
            return lower
        lower |= set(floor.split())
    return APART[room_]


@pytest.mark.parametrize("module", modules())
def test_walls(module: str) -> None:
    """Each module imports only rooms below its own, and a package only where it may."""
    allowed = below(room(module)) | {room(module)} | STARTS.get(room(module), set())
    for name in imports(module):
        top, _, rest = name.partition(".")
        if top == "kmoment":
            assert room(rest) in allowed, f"{module} imports {name}"
        if top in THEIRS:
            assert room(module) in THEIRS[top], f"{module} imports {name}"
        if top in NOT_PURE:
            assert room(module) not in PURE, f"{module} imports {name}"


def test_no_module_imports_itself_in_a_circle() -> None:
    """Following imports never leads back, whether at run time or for type checkers."""
    graph = {module: of_ours(module) & modules().keys() for module in modules()}
    while leaves := {module for module, uses in graph.items() if not uses & graph.keys()}:
        for module in leaves:
            del graph[module]
    assert not graph, f"circles through {sorted(graph)}"


def test_the_walls_are_tested() -> None:
    """The finder sees imports at the top, in functions and for checkers; every room has a floor."""
    assert "kmoment._engine.state.ClientState" in imports("_engine.dispatcher")
    assert "kmoment._engine.transport.Transport" in imports("_engine.settings")  # in a function
    assert "kmoment.sync._portal.LoopThread" in imports("sync._sender")  # for checkers
    assert "kmoment.models._base.Model" in imports("models.audience")
    assert "sync._portal" in of_ours("sync._sender")
    assert {*FLOORS.split(), *APART} == {room(module) for module in modules()}


def test_every_folder_says_what_it_is() -> None:
    """A folder's ``__init__`` has a docstring, and nothing else where it is private."""
    for module, path in modules().items():
        if module.endswith(".__init__") and module.startswith("_"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            lines = (ast.get_docstring(tree) or "").splitlines()
            assert 1 <= len(lines) <= 5, module
            assert len(tree.body) == 1, module


def test_public_names() -> None:
    """``__all__`` is sorted, complete and true, for the package and its parts."""
    for module in (kmoment.errors, kmoment.models):
        names = module.__all__
        assert names == sorted(names)
        public = {
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and isinstance(value, type)
            if value.__module__.startswith("kmoment")
        }
        assert public == set(names)
    assert not hasattr(kmoment, "__all__"), "help(kmoment) would print every class in it"
    assert set(kmoment._HOMES) == {
        *kmoment.errors.__all__,
        *kmoment.models.__all__,
        *kmoment.outcomes.__all__,
        "Account",
        "AsyncAccount",
        "AsyncBatch",
        "AsyncClient",
        "Batch",
        "AsyncDeletePlan",
        "AsyncLinkPlan",
        "Client",
        "DeletePlan",
        "Journal",
        "LinkPlan",
        "LocationFields",
        "LocationTree",
        "TreeChanges",
        "rows",
        "write",
    } - {"Facts"}


def test_public_names_are_loaded_when_used() -> None:
    """Importing loads nothing, and each name is there for type checkers, completion and use."""
    code = "import sys, kmoment; print(*[m for m in sys.modules if m.startswith('kmoment.')])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    told = {
        alias.asname or alias.name
        for node in type_checking_blocks(tree, "_TYPE_CHECKING")
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == set(kmoment._HOMES)
    assert told <= set(dir(kmoment))
    assert all(getattr(kmoment, name).__name__ == name for name in told)
    assert all(kmoment.__getattr__(name).__name__ == f"kmoment.{name}" for name in kmoment._MODULES)


def test_the_modules_of_the_map_are_there() -> None:
    """Each module that ``help(kmoment)`` names is an attribute, in a process that used nothing."""
    names = [line.split()[0] for line in (kmoment.__doc__ or "").splitlines() if "kmoment." in line]
    named = [name for name in names if name.startswith("kmoment.")]
    assert len(named) > 10
    code = f"""
import sys
for name in {named}:
    for used in [it for it in sys.modules if it.split(".")[0] == "kmoment"]:
        del sys.modules[used]
    import kmoment
    eval(name)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_version() -> None:
    """The version is the installed package's, looked up only when asked for."""
    assert kmoment.__version__ == version("kmoment")
    with pytest.raises(AttributeError, match="nonsense"):
        _ = kmoment.nonsense


def test_every_module_imports() -> None:
    """No module needs another to have been imported first."""
    for info in pkgutil.walk_packages(kmoment.__path__, "kmoment."):
        if not info.name.endswith("__main__"):
            importlib.import_module(info.name)


def test_importing_is_light() -> None:
    """Neither aiohttp nor anyio is imported before a client is made."""
    code = "import sys, kmoment; kmoment.Client; print({'aiohttp', 'anyio'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
