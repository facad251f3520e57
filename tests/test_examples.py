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


def test_a_service_loads_nothing_for_tests(example: Any) -> None:
    """What runs for users imports neither the sandbox nor a client for tests."""
    run = [sys.executable, "-c", "import sys, web_service; print(*sys.modules)"]
    how: Any = {"check": True, "capture_output": True, "text": True}
    loaded = subprocess.run(
        run, env={**os.environ, "PYTHONPATH": str(EXAMPLES)}, **how
    ).stdout.split()
    assert "fastapi" in loaded
    assert not {"kmoment.sandbox", "fastapi.testclient"} & {*loaded}


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
