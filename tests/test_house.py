"""The shape of the package: walls between modules, public names, examples that run."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import kmoment

ROOT = Path(kmoment.__file__).parent

# Whom each module may import, of ours. A package stands for all of its modules.
MAY_IMPORT = {
    "errors": set[str](),
    "models": {"errors"},
    "_secret": {"errors"},
    "_checks": {"errors", "models", "_secret"},
    "_call": {"models"},
    "_endpoints": {"_call"},
    "_routes": {"_call"},
    "_convert": {"errors", "models"},
    "_wire": {"_call", "_convert", "errors", "models"},
    "_watch": set[str](),
    "_transport": {"_secret", "_watch", "_wire"},
    "_bulk": {"errors", "models"},
    "resources": {"_bulk", "errors", "batch", "tree", "_call", "_checks", "_endpoints", "models"},
    "_retry": {"_watch", "_call", "_secret", "_wire", "errors"},
    "_lanes": set[str](),
    "_breakers": {"errors"},
    "hooks": {"errors"},
    "_settle": {"_call", "_convert", "_endpoints", "errors", "models"},
    "_listeners": {"errors", "hooks"},
    "outcomes": set[str](),
    "tree": {"_convert", "errors", "models"},
    "_mark": set[str](),
    "_workers": {"_mark", "errors", "outcomes"},
    "batch": {"_checks", "_workers", "outcomes"},
    "_shared": {"_breakers", "_lanes", "_retry", "_transport", "_watch", "errors"},
    "_door": {
        "_shared",
        "_mark",
        "_call",
        "_lanes",
        "_listeners",
        "_retry",
        "_routes",
        "_secret",
        "_settle",
        "_transport",
        "_watch",
        "_wire",
        "errors",
        "hooks",
        "models",
    },
    "client": {
        "_call",
        "_checks",
        "_door",
        "_endpoints",
        "_lanes",
        "_listeners",
        "_retry",
        "_routes",
        "_secret",
        "_settle",
        "_shared",
        "_transport",
        "batch",
        "errors",
        "hooks",
        "models",
        "resources",
    },
    "sync": {
        "_bulk",
        "tree",
        "_workers",
        "batch",
        "outcomes",
        "_call",
        "_checks",
        "_endpoints",
        "_routes",
        "_secret",
        "client",
        "errors",
        "hooks",
        "models",
    },
    "sandbox": set[str](),
    "testing": {"_secret", "_wire", "client", "sync"},
    "__init__": {"batch", "tree", "outcomes", "client", "errors", "models", "sync"},
}
THEIRS = {
    "aiohttp": {"_transport", "sandbox"},
    "cattrs": {"_convert"},
    "yarl": {"_checks", "_wire"},
    "asyncio": {
        "_door",
        "_workers",
        "_lanes",
        "_secret",
        "_shared",
        "_transport",
        "_watch",
        "client",
        "sandbox",
        "sync",
        "testing",
    },
    "anyio": {"sync"},
}


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


def imports(module: str) -> set[str]:
    """Absolute names of everything that *module* imports when it runs."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    package = ["kmoment", *module.split(".")[:-1]]
    found: set[str] = set()
    for node in set(ast.walk(tree)) - type_checking_blocks(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *([node.module] if node.module else [])]
            found |= {".".join([*base, alias.name]) for alias in node.names}
    return found


@pytest.mark.parametrize("module", modules())
def test_walls(module: str) -> None:
    """Each module imports only the rooms it may, so that the core stays pure."""
    for name in imports(module):
        top, _, rest = name.partition(".")
        if top == "kmoment" and room(rest) != room(module):
            assert room(rest) in MAY_IMPORT[room(module)], f"{module} imports {name}"
        if top in THEIRS:
            assert room(module) in THEIRS[top], f"{module} imports {name}"


def test_the_walls_are_tested() -> None:
    """The import finder sees relative, absolute and nested imports, and skips type-only ones."""
    assert "kmoment._transport.Transport" in imports("_door")
    assert "kmoment.client.AsyncClient" not in imports("resources.audiences")
    assert "kmoment.models._base.Model" in imports("models.audience")
    assert set(MAY_IMPORT) == {room(module) for module in modules()}


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
    assert kmoment.__all__ == sorted(kmoment.__all__)
    assert set(kmoment.__all__) == {
        *kmoment.errors.__all__,
        *kmoment.models.__all__,
        *kmoment.outcomes.__all__,
        "Account",
        "AsyncAccount",
        "AsyncBatch",
        "AsyncClient",
        "Batch",
        "Client",
        "LocationFields",
        "LocationTree",
        "TreeChanges",
    }


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
    assert told == set(kmoment.__all__)
    assert told <= set(dir(kmoment))
    assert all(getattr(kmoment, name).__name__ == name for name in told)


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
