"""Tasks: ``nox -s demo``, ``nox -s tests``, and what CI runs besides. ``nox -l`` lists them."""

import os
import subprocess
from itertools import takewhile
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True
nox.options.default_venv_backend = "virtualenv"

BENCHMARKS = ["request", "decode", "batch", "sync", "imports", "memory", "hooks"]
BENCHMARKS += ["places", "sheets"]
PUBLIC_MODULES = ["auth", "batch", "cli", "client", "doctor", "errors", "fleet", "hooks"]
PUBLIC_MODULES += ["journal", "limits", "models", "otel", "outcomes", "places", "resources"]
PUBLIC_MODULES += ["sandbox", "sheets", "sync", "tables", "testing", "words"]
# One more than there are cores: some tests wait for a clock, most for a core.
SPREAD = ("-n", str(min(4, (os.cpu_count() or 1) + 1)))
PYPROJECT = nox.project.load_toml("pyproject.toml")


def _runs(python: str) -> bool:
    """Whether it is there and starts: a version manager's stand-in may do only the first."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


INTERPRETERS = [python for minor in (11, 12, 13, 14) if _runs(python := f"python3.{minor}")]


def _group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PYPROJECT, name)


def _tests(session: nox.Session, *pins: str, **env: str) -> None:
    session.install(".", *_group("tests"), *pins)
    # Not `python -m pytest`: that would put the source before the installed wheel.
    session.run("pytest", *SPREAD, *session.posargs, env={"PYTHONDEVMODE": "1", **env})


def _oldest() -> list[str]:
    """The oldest version that we allow of each package, and of pytest: anyio has a plugin."""
    packages = [*PYPROJECT["project"]["dependencies"], "pytest>=8.4"]
    return [package.split(",")[0].replace(">=", "==") for package in packages]


def _newest() -> list[str]:
    return ["--upgrade", "--upgrade-strategy", "eager"]


@nox.session
def demo(session: nox.Session) -> None:
    """The main job, offline: build, create, edit and delete audiences in the sandbox."""
    session.install(".", *_group("demo"))
    session.run("python", "examples/demo.py", *session.posargs)
    session.run("python", "examples/command_line.py")


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite, on the interpreter nox runs with, against the installed wheel."""
    _tests(session)


@nox.session(python=INTERPRETERS or False)
def matrix(session: nox.Session) -> None:
    """The test suite on every interpreter found."""
    _tests(session)


@nox.session
@nox.parametrize("versions", ["oldest", "newest"])
def floors(session: nox.Session, versions: str) -> None:
    """The test suite on the oldest versions of all packages that we allow, and on the newest."""
    _tests(session, *(_oldest() if versions == "oldest" else _newest()))


@nox.session
def fallback(session: nox.Session) -> None:
    """The test suite on aiohttp's public session, as with an aiohttp that lacks what we use."""
    _tests(session, KMOMENT_TEST_SESSION="1")


@nox.session
def pure(session: nox.Session) -> None:
    """The test suite without C extensions, so with aiohttp's parser in Python."""
    packages = ("AIOHTTP", "MULTIDICT", "YARL", "FROZENLIST", "PROPCACHE")
    _tests(session, **{f"{package}_NO_EXTENSIONS": "1" for package in packages})


@nox.session
def prerelease(session: nox.Session) -> None:
    """The test suite on the newest pre-release of aiohttp. May fail: it shows what will come."""
    _tests(session, "--pre", "--upgrade", "aiohttp<4")


@nox.session
def coverage(session: nox.Session) -> None:
    """The test suite with branch coverage: 100 % of everything but the sandbox."""
    session.install(".", *_group("tests"))
    session.run("coverage", "run", "-m", "pytest", *SPREAD, *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report", "--omit=*/kmoment/sandbox/*", "--fail-under=100")
    session.run("coverage", "report", "--include=*/kmoment/sandbox/*")


@nox.session
def docs(session: nox.Session) -> None:
    """A page for every public module, in ``build/docs``."""
    session.install(".", *_group("docs"))
    # Named one by one: the package loads its modules when they are used, so pdoc sees none.
    modules = sorted(f"kmoment.{name}" for name in PUBLIC_MODULES)
    session.run("pdoc", "--output-directory", "build/docs", "kmoment", *modules)


@nox.session
def newcomer(session: nox.Session) -> None:
    """The newcomer's path at a terminal, with the command as it is installed by its extra alone."""
    session.install(".[cli]", "pytest", "pytest-timeout", "hypothesis", "keyring")
    session.run("kmoment", "--version")
    session.run("pytest", "tests/test_cli_newcomer.py", *session.posargs)


@nox.session(venv_backend="none")
def mirror(session: nox.Session) -> None:
    """Make the sync resources anew from the async ones."""
    session.run("python", "tests/helpers/mirror.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and simple mistakes."""
    session.install(*_group("lint"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict, pyright, and that every public type is known to those who install it."""
    session.install(".", *_group("types"))
    session.run("mypy")
    session.run("pyright")
    session.chdir(session.create_tmp())
    session.run("pyright", "--verifytypes", "kmoment", "--ignoreexternal")


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks, or those named: ``nox -s bench -- sync``, with options after the names."""
    session.install(".", *_group("bench"))
    given = list(session.posargs)
    names = list(takewhile(lambda name: not name.startswith("-"), given))
    for name in names or BENCHMARKS:
        session.run("python", f"benchmarks/{name}.py", *given[len(names) :])


@nox.session
def examples(session: nox.Session) -> None:
    """Every example, against a sandbox of its own."""
    session.install(".", *_group("examples"))
    for example in sorted(Path("examples").glob("[!_]*.py")):
        session.run("python", str(example))
