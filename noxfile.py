"""Tasks: ``nox -s demo``, ``nox -s tests``, and what CI runs besides. ``nox -l`` lists them."""

import subprocess
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True
nox.options.default_venv_backend = "virtualenv"

BENCHMARKS = ["request", "decode", "batch", "sync", "imports", "memory", "hooks"]
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


def _tests(session: nox.Session) -> None:
    session.install(".", *_group("tests"))
    # Not `python -m pytest`: that would put the source before the installed wheel.
    session.run("pytest", *session.posargs, env={"PYTHONDEVMODE": "1"})


@nox.session
def demo(session: nox.Session) -> None:
    """The main job, offline: build, create, edit and delete audiences in the sandbox."""
    session.install(".", *_group("demo"))
    session.run("python", "examples/demo.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite, on the interpreter nox runs with, against the installed wheel."""
    _tests(session)


@nox.session(python=INTERPRETERS or False)
def matrix(session: nox.Session) -> None:
    """The test suite on every interpreter found."""
    _tests(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """The test suite with branch coverage: 100 % of everything but the sandbox."""
    session.install(".", *_group("tests"))
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "report", "--omit=*/kmoment/sandbox/*", "--fail-under=100")
    session.run("coverage", "report", "--include=*/kmoment/sandbox/*")


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
    """The benchmarks, or those named: ``nox -s bench -- sync``."""
    session.install(".", *_group("bench"))
    for name in session.posargs or BENCHMARKS:
        session.run("python", f"benchmarks/{name}.py")


@nox.session
def examples(session: nox.Session) -> None:
    """Every example, against a sandbox of its own."""
    session.install(".", *_group("demo"))
    for example in sorted(Path("examples").glob("*.py")):
        session.run("python", str(example))
