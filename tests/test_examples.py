"""The examples for agencies and services, beyond what running them shows."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import kmoment
from kmoment.sandbox import Fault, Sandbox

openpyxl: Any = import_module("openpyxl")  # has no types
ROWS = {"1234": "강남 20대 여성", "5678": "판교 직장인", "9012": "전국 60대"}
"""What the sheet job has for each account."""
EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not here")
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def load(name: str) -> Any:
        monkeypatch.delitem(sys.modules, name, raising=False)
        return import_module(name)

    return load


def test_the_sheet_job_changes_nothing_twice(
    example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run writes nothing, the first run creates, and the second finds all as it should be."""
    job = example("sheet_job")
    path = tmp_path / "audiences.csv"
    path.write_text(job.ROWS, encoding="utf-8")
    with (
        Sandbox(accounts=(1234, 5678, 9012)) as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
    ):
        for dry_run, told, written in [
            (True, "<EnsureOutcomes of a dry run: 1 created>", {}),
            (False, "<EnsureOutcomes: 1 created>", ROWS),
            (False, "<EnsureOutcomes: 1 unchanged>", ROWS),
            (True, "<EnsureOutcomes of a dry run: 1 unchanged>", ROWS),
        ]:
            job.run(moment, path, dry_run=dry_run)
            lines = capsys.readouterr().out.splitlines()
            assert [line for line in lines if line.startswith("<")] == [told] * 3
            sent = [it for it in sandbox.requests() if it["method"] != "GET"]
            assert {it["account"]: it["body"]["name"] for it in sent} == written
            assert len(sent) == len(written)


def test_the_report_has_every_account(example: Any, tmp_path: Path) -> None:
    """Each account's audiences are rows of the first sheet, and each error one of the second."""
    job = example("nightly_report")
    with (
        Sandbox(accounts=(1, 2)) as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
    ):
        path = job.report(moment, [1, 2, 3], tmp_path)
    book = openpyxl.load_workbook(path)
    audiences, errors = (list(book[title].values) for title in book.sheetnames)
    assert {row[0] for row in audiences[1:]} == {1, 2}
    assert [row[0] for row in errors[1:]] == [3]


def ran(name: str, *words: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """An example that was run in *folder*, with an environment that has no token of its own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("KMOMENT")}
    return subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *words],
        env={**clean, "PYTHONIOENCODING": "utf-8", **env},
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.usefixtures("example")
def test_the_sheet_job_goes_on_after_a_refused_account(tmp_path: Path) -> None:
    """An account that is refused is printed with its rows, the others are done, and the code is
    1; a second run changes nothing."""
    path = tmp_path / "a.csv"
    path.write_text("account,name,type\n1,one,DISPLAY\n9,nine,DISPLAY\n2,two,DISPLAY\n")
    with Sandbox(accounts=(1, 2)) as sandbox:
        env = {"KMOMENT_TOKEN": sandbox.token, "KMOMENT_BASE_URL": sandbox.url}
        done = ran("sheet_job", str(path), folder=tmp_path, **env)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.count("1 created") == 2
        assert "failed ['nine']: audiences.list (account 9)" in done.stdout
        again = ran("sheet_job", str(path), folder=tmp_path, **env)
        assert again.stdout.count("1 unchanged") == 2
        path.write_text("account,name,type\n1,one,DISPLAY\n")
        assert ran("sheet_job", str(path), folder=tmp_path, **env).returncode == 0


@pytest.mark.usefixtures("example")
def test_the_sheet_job_says_what_is_wrong(tmp_path: Path) -> None:
    """Faults of the sheet, a missing sheet and a missing token are words, and no traceback."""
    path = tmp_path / "a.csv"
    path.write_text("account,name,type\n1,one,NONSENSE\n")
    token = {"KMOMENT_TOKEN": "x"}
    for words, env, said in [
        ([str(path)], token, "NONSENSE"),
        (["none.csv"], token, "none.csv"),
        ([], token, "name the sheet"),
        ([str(path)], {}, "KMOMENT_TOKEN"),
    ]:
        done = ran("sheet_job", *words, folder=tmp_path, **env)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert ran("sheet_job", folder=tmp_path).returncode == 0


@pytest.mark.usefixtures("example")
def test_the_report_is_kept_only_if_it_is_real(tmp_path: Path) -> None:
    """The demo leaves no file and names none; a real run leaves the workbook that it names."""
    shown = ran("nightly_report", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "rows: {'오디언스': 147, '오류': 1}" in shown.stdout
    assert ".xlsx" not in shown.stdout
    assert list(tmp_path.iterdir()) == []
    with Sandbox(accounts=(1,)) as sandbox:
        env = {"KMOMENT_TOKEN": sandbox.token, "KMOMENT_BASE_URL": sandbox.url}
        real = ran("nightly_report", "1", folder=tmp_path, **env)
    assert (tmp_path / real.stdout.split()[-1]).is_file()


def test_a_service_loads_nothing_for_tests(example: Any) -> None:
    """What runs for users imports neither the sandbox nor a client for tests."""
    run = [sys.executable, "-c", "import sys, web_service; print(*sys.modules)"]
    how: Any = {"check": True, "capture_output": True, "text": True}
    loaded = subprocess.run(
        run, env={**os.environ, "PYTHONPATH": str(EXAMPLES)}, **how
    ).stdout.split()
    assert "fastapi" in loaded
    assert not {"kmoment.sandbox", "fastapi.testclient"} & {*loaded}


@pytest.mark.usefixtures("impatient")
def test_the_web_service_answers(example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names have outcomes; audiences come as JSON; a wrong id is a 422, and a failure a 503."""
    testclient = pytest.importorskip("fastapi.testclient")
    with Sandbox() as sandbox:
        monkeypatch.setenv("KMOMENT_TOKEN", sandbox.token)
        monkeypatch.setenv("KMOMENT_BASE_URL", sandbox.url)
        with testclient.TestClient(example("web_service").app) as browser:
            (found,) = browser.get("/places/송파구").json()
            assert (found["status"], found["places"][0]["depth2_name"]) == ("found", "송파구")
            (dong,) = browser.get("/places/역삼동").json()
            assert {row["depth2_name"] for row in dong["places"]} == {"강남구"}
            (several,) = browser.get("/places/고성군").json()
            assert several["status"] == "ambiguous"
            assert {row["depth1_name"] for row in several["candidates"]} >= {"경상남도"}
            assert browser.get("/places/%20").json()[0]["status"] == "refused"
            assert browser.get("/audiences/1234").json()[0]["name"] == "first_audience"
            assert browser.get("/audiences/-1").status_code == 422
            sandbox.add_fault(Fault("audiences.list", "status"))
            assert browser.get("/audiences/1234").status_code == 503
