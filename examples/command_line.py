"""The command line, offline: each command with what it prints, against a sandbox on this machine.

    python examples/command_line.py

The same commands work at a prompt: `kmoment sandbox` prints what to export.
"""

import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from kmoment.cli import main
from kmoment.sandbox import Sandbox

COLUMN = "강남구 논현1동\n고성군\n부산 중구, 동구\n"
SHEET = """\
광고계정,이름,유형,나이,성별,지역
1234,논현 20대 여성,디스플레이,20대,여,"강남구 논현1동, 강남구 논현2동"
1234,전국 30대,메시지,30-39,전체,
"""


@contextmanager
def prepared() -> Iterator[Sandbox]:
    """A sandbox that the environment names, and a folder with a pasted column and a sheet."""
    with (
        Sandbox(quota=False) as sandbox,
        tempfile.TemporaryDirectory() as folder,
        chdir(folder),
    ):
        os.environ |= {
            "KMOMENT_BASE_URL": sandbox.url,
            "KMOMENT_TOKEN": sandbox.token,
            "KMOMENT_ACCOUNT": str(sandbox.accounts[0]),
            "KMOMENT_HOME": folder,
        }
        Path("column.txt").write_text(COLUMN, encoding="utf-8")
        Path("audiences.csv").write_text(SHEET, encoding="utf-8")
        yield sandbox


def show(command: str) -> None:
    """Run a command as at a prompt, and print its exit code if it is not 0."""
    print(f"\n$ kmoment {command}", flush=True)
    code = main(shlex.split(command))
    sys.stdout.flush()
    if code:
        print(f"(exit code {code})", flush=True)


def tour() -> None:
    with prepared() as sandbox:
        show("--version")
        show("doctor")
        show("accounts list --format table")
        show("places resolve column.txt --format table")
        show("audiences ensure audiences.csv --dry-run --format table")
        show("audiences ensure audiences.csv --yes --format table")
        show("audiences ensure audiences.csv --yes --format table")
        sandbox.advance(3600)  # its clock: Kakao needs its time to prepare an audience
        show("audiences list --format table")
        show("audiences wait 4 5 --columns id,audience_status")
        show("audiences link 4 2 --like 1 --dry-run")
        show("audiences link 4 2 --like 1 --yes")
        show("audiences delete 4 5 --dry-run")
        show("audiences delete 4 5 --yes")
        show("audiences delete 4 5 --unlink --yes --format table")
        show("audiences lst")


if __name__ == "__main__":
    tour()
