"""The file of ``locations.tree()``: never a half one, never a good one lost, no call in vain."""

import errno
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

import kmoment
from helpers.places import whole_tree
from kmoment import LocationTree, _file
from kmoment._protocol.converter import SEOUL
from kmoment.places import Missing
from kmoment.places._kept import KeptTree, kept_tree
from kmoment.sandbox import Sandbox

MONTH = timedelta(days=30)
GOOD = whole_tree()


def dated(date: datetime, missing: tuple[Missing, ...] = ()) -> LocationTree:
    """A small whole tree of a date."""
    return LocationTree(
        date=date,
        locations=GOOD.locations[:2],
        depth2_locations=GOOD.depth2_locations[:2],
        depth3_locations=GOOD.depth3_locations[:2],
        missing=missing,
    )


def now() -> datetime:
    return datetime.now(SEOUL)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "places.json"


def test_the_home_folder_is_expanded(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` is the home folder, in saving, loading and looking."""
    monkeypatch.setenv("HOME", str(file.parent))
    monkeypatch.setenv("USERPROFILE", str(file.parent))
    dated(now()).save("~/places.json")
    assert file.exists()
    assert LocationTree.load("~/places.json")
    assert kept_tree("~/places.json", MONTH).fresh


def test_a_missing_folder_is_told_before_the_first_call(tmp_path: Path) -> None:
    """The error names the path as given, and no call was made: the client has no server."""
    given = tmp_path / "none" / "places.json"
    client = kmoment.Client("token", base_url="http://127.0.0.1:9")
    with client as moment, pytest.raises(FileNotFoundError) as caught:
        moment.locations.tree(file=given)
    assert caught.value.filename == str(given)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """A path that is a folder is an error, and nothing is left in it."""
    for use in (lambda: kept_tree(tmp_path, MONTH), lambda: dated(now()).save(tmp_path)):
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the class depends on the system
            use()
        assert caught.value.filename == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def refuse(*_: Any, **__: Any) -> Any:
    raise PermissionError(errno.EACCES, "no")


def test_a_fresh_file_is_used_whatever_the_rights(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh file in a folder that cannot be written is used; a stale one is refused at once."""
    dated(now()).save(file)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert kept_tree(file, MONTH).fresh
    with pytest.raises(PermissionError) as caught:
        kept_tree(file, timedelta(0))
    assert caught.value.filename == str(file)


def test_a_file_that_cannot_be_read_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the path as given."""
    dated(now()).save(file)
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(PermissionError) as caught:
        kept_tree(file, MONTH)
    assert caught.value.filename == str(file)


def half(text: str) -> str:
    return text[: len(text) // 2]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        half,
        lambda text: text.replace("depth3Name", "depth9Name"),
        lambda text: text.replace('"depth2_locations"', '"other"'),
        lambda text: text.replace(
            text[text.index('"depth3_locations"') :], '"depth3_locations": []}'
        ),
        lambda text: text.replace('"date": "', '"date": "x'),
    ],
    ids=["empty", "half", "broken rows", "a level less", "an empty level", "broken date"],
)
def test_a_damaged_file_is_moved_aside(file: Path, damage: Any) -> None:
    """A file that is no tree any more is kept as ``.damaged``, and asked for anew."""
    dated(now()).save(file)
    broken = damage(file.read_text(encoding="utf-8"))
    file.write_text(broken, encoding="utf-8")
    with pytest.warns(UserWarning, match=r"moved to places\.json\.damaged"):
        kept = kept_tree(file, MONTH)
    assert (kept.fresh, kept.stale) == (None, None)
    assert file.with_name("places.json.damaged").read_text(encoding="utf-8") == broken
    assert not file.exists()


def test_bytes_that_are_no_text_are_damage(file: Path) -> None:
    """A file that is not UTF-8 is moved aside."""
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.warns(UserWarning, match="damaged"):
        assert kept_tree(file, MONTH).stale is None


@pytest.mark.parametrize("text", ["[]", "{}", '{"date": "2026-01-01"}', '"x"', '{"name": "app"}'])
def test_json_of_another_kind_is_somebodys(file: Path, text: str) -> None:
    """Readable JSON that is no tree is refused and left as it is."""
    file.write_text(text)
    with pytest.raises(kmoment.InvalidArgumentError, match="file"):
        kept_tree(file, MONTH)
    assert file.read_text() == text


@pytest.mark.parametrize("age", [timedelta(days=-1), timedelta(days=31)])
def test_an_old_file_and_one_of_the_future_are_stale(file: Path, age: timedelta) -> None:
    """A date in the future is wrong, so nobody knows how old the tree is."""
    dated(now() - age).save(file)
    kept = kept_tree(file, MONTH)
    assert kept.fresh is None
    assert kept.stale is not None


def test_a_tree_that_lacks_places_is_not_fresh(file: Path) -> None:
    """A saved tree with something missing is asked for again."""
    dated(now(), (Missing("x", "y"),)).save(file)
    assert kept_tree(file, MONTH).fresh is None


def test_a_poor_tree_never_replaces_the_file(file: Path) -> None:
    """A new tree with something missing leaves the old one, and warns."""
    dated(now() - 2 * MONTH).save(file)
    before = file.read_bytes()
    with pytest.warns(UserWarning, match="may lack places: x: y"):
        kept_tree(file, MONTH).renewed(dated(now(), (Missing("x", "y"),)), quick=False)
    assert file.read_bytes() == before
    kept_tree(file, MONTH).renewed(dated(now()), quick=False)
    assert kept_tree(file, MONTH).fresh


def test_if_the_server_fails_the_old_tree_is_used(file: Path) -> None:
    """The warning names the file and the date of the tree."""
    date = now() - 2 * MONTH
    dated(date).save(file)
    client = kmoment.Client("token", base_url="http://127.0.0.1:9", max_attempts=1)
    with client as moment, pytest.warns(UserWarning, match=f"{file.name}.*{date:%Y-%m-%d}"):
        assert moment.locations.tree(file=file).date == date
    with pytest.raises(kmoment.ServerError):
        KeptTree(file).instead_of(kmoment.ServerError("down"))


def part_of(file: Path, process: int) -> Path:
    part = file.with_name(f"{file.name}.{process}-1.part")
    part.write_text("half")
    return part


def test_parts_of_dead_writers_go(file: Path) -> None:
    """The next write deletes the parts of writers that are dead, and of nobody else."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    dead, mine, alive = (part_of(file, one) for one in (done.pid, os.getpid(), os.getppid()))
    old = part_of(file, 1)
    os.utime(old, (1, 1))
    dated(now()).save(file)
    assert (dead.exists(), old.exists()) == (os.name == "nt", False)
    assert mine.exists()
    assert alive.exists()


def test_a_full_disk_names_the_path(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the path as given, the old file stays, and no part is left."""
    dated(now()).save(file)
    before = file.read_bytes()

    def full(self: Path, *_: Any, **__: Any) -> Any:
        self.touch()
        raise OSError(errno.ENOSPC, "full", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match=r"places\.json'$") as caught:
        dated(now()).save(str(file))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(file))
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["places.json"]


WRITER = """
import sys, time
from datetime import datetime
from helpers.places import whole_tree
tree = whole_tree()
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    tree.save(sys.argv[1])
"""


def writer(file: Path, seconds: float) -> subprocess.Popen[str]:
    tests = str(Path(__file__).parent)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([tests, str(Path(tests).parent)])}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        env=env,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_write_and_one_reads(file: Path) -> None:
    """While two processes write, a reader always sees a whole tree."""
    GOOD.save(file)
    writers = [writer(file, 0.4) for _ in range(2)]
    reads = 0
    while any(one.poll() is None for one in writers):
        assert len(LocationTree.load(file)) == len(GOOD)
        reads += 1
    assert reads > 1
    assert [one.wait() for one in writers] == [0, 0]
    for one in writers:
        assert one.stdout
        one.stdout.close()
    assert [path.name for path in file.parent.iterdir()] == ["places.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_killed_in_mid_write(file: Path) -> None:
    """A writer that is killed leaves the old file whole; its part goes at the next write."""
    GOOD.save(file)
    for pause in (0.02, 0.05):
        killed = writer(file, 30)
        time.sleep(pause)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert killed.stdout
        killed.stdout.close()
        assert len(LocationTree.load(file)) == len(GOOD)
    part_of(file, killed.pid)
    GOOD.save(file)
    assert [path.name for path in file.parent.iterdir()] == ["places.json"]


def test_another_users_writer_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may not be signalled is alive, and on Windows none is asked."""
    monkeypatch.setattr(os, "kill", refuse)
    assert _file._lives(1)
    monkeypatch.setattr(
        _file, "os", attrs.make_class("System", {"name": attrs.field(default="nt")})()
    )
    assert _file._lives(1)


@pytest.mark.anyio
async def test_a_folder_is_no_file() -> None:
    """A folder in the file's place is refused, before anything is sent."""
    client = kmoment.AsyncClient("token")
    with pytest.raises(IsADirectoryError):
        await client.locations.tree(file=".")


def test_a_fresh_file_is_read_by_the_blocking_client(sandbox: Sandbox, tmp_path: Path) -> None:
    """A second tree within its age comes from the file, without a call."""
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        first = moment.locations.tree(file=tmp_path / "tree.json")
        again = moment.locations.tree(file=tmp_path / "tree.json")
    assert again.locations == first.locations
