"""What the command prints: tables, formats, pipes, encodings, and nothing that a terminal obeys."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import kmoment
from helpers.command import COMMAND, at_terminal, rows, run
from kmoment.cli import main
from kmoment.cli._words import reads_korean, visible
from kmoment.sandbox import Sandbox

EVIL = '[sale] 20대 [/b] \x1b]0;owned\x07 \u202eabc ✓ — "q"\t=1+1'
WIDE = "가나다라마바사아자차카타파하" * 6


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox whose account has audiences with names that do harm."""
    with Sandbox(quota=False) as sandbox:
        monkeypatch.setenv("KMOMENT_TOKEN", sandbox.token)
        monkeypatch.setenv("KMOMENT_BASE_URL", sandbox.url)
        monkeypatch.setenv("KMOMENT_ACCOUNT", "1234")
        monkeypatch.setenv("KMOMENT_HOME", str(tmp_path))
        monkeypatch.setenv("LC_ALL", "C.UTF-8")
        with kmoment.Client() as client:
            for name in (EVIL, WIDE):
                client.account(1234).audiences.create(kmoment.AudienceDraft.display(name))
        yield sandbox


def width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def unstyled(text: str) -> str:
    """*text* without the colours that the table itself has."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# -- Which format -----------------------------------------------------------------------


def test_a_pipe_gets_tabs_and_all_columns(world: Sandbox) -> None:
    """Into a pipe: tab-separated, each column, nothing cut, and no control character."""
    shown = run("audiences", "list").out
    table = rows(shown)
    assert list(table[0])[:3] == ["ad_account_id", "id", "name"]
    assert table[4]["name"] == WIDE
    assert table[3]["name"] == '[sale] 20대 [/b] \\x1b]0;owned\\x07 \\u202eabc ✓ — "q"\\t=1+1'
    assert set(re.findall(r"[\x00-\x1f\x7f-\x9f\u202e]", shown)) == {"\t", "\n"}


def test_a_terminal_of_80_columns_gets_a_table(world: Sandbox) -> None:
    """On a terminal: a table in which no line is wider than 80 and no text is lost."""
    env = {name: os.environ[name] for name in os.environ if name.startswith(("KMOMENT", "LC"))}
    with at_terminal("audiences", "list", env=env) as terminal:
        assert terminal.end() == 0
    shown = unstyled(terminal.shown)
    assert max(width(line) for line in shown.splitlines()) <= 80
    assert "\t" not in shown
    assert "\x1b" not in shown
    joined = "".join(shown.split())
    assert joined.count("나다라마바사아자차카타파하") >= 1
    assert "[sale]" in shown
    assert "owned" in shown
    assert len(re.findall("[가나다라마바사아자차카타파하]", shown)) == len(WIDE)


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_files_keep_every_character_in_a_pipe(world: Sandbox, form: str) -> None:
    """csv, json and jsonl hold the names exactly, and are UTF-8 also where the console is not."""
    shown = run("audiences", "list", "--format", form, encoding="utf-8").out
    if form == "csv":
        read = list(csv.DictReader(io.StringIO(shown)))
    else:
        read = json.loads(shown if form == "json" else f"[{','.join(shown.splitlines())}]")
    assert [row["name"] for row in read][3:] == [EVIL, WIDE]


def test_excel_marks_and_disarms(world: Sandbox) -> None:
    """--excel writes a byte order mark once, and no formula; without it there is neither."""
    shown = run("audiences", "list", "--format", "csv", "--excel").out
    assert shown.count("\ufeff") == 1
    assert shown.startswith("\ufeff")
    assert "\ufeff" not in run("audiences", "list", "--format", "csv").out
    assert run("audiences", "list", "--format", "tsv", "--excel").out.startswith("\ufeff")


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "tsv", "table"])
def test_nothing_a_terminal_obeys_reaches_it(world: Sandbox, form: str) -> None:
    """On a terminal no format lets an escape of a name through."""
    env = {name: os.environ[name] for name in os.environ if name.startswith(("KMOMENT", "LC"))}
    words = ["audiences", "list", "--format", form]
    with at_terminal(*words, env=env) as terminal:
        assert terminal.end() == 0
    shown = unstyled(terminal.shown)
    assert "owned" in shown
    assert not set("\x1b\x07\u202e\x9b") & set(shown)


@pytest.mark.parametrize("form", ["tsv", "csv", "json", "jsonl", "table"])
def test_no_row_has_still_its_columns(world: Sandbox, form: str) -> None:
    """Where nothing is found, tsv and csv have their header, and json is an empty list."""
    words = ["targeting", "friend-groups", "_none", "--format", form]
    done = run(*words)
    assert done.code == 0, done.err
    expected = {"json": "[]\n", "jsonl": ""}
    head = done.out.replace(",", "\t").split()
    assert done.out == expected[form] if form in expected else "name" in head


def test_columns_choose_and_order(world: Sandbox) -> None:
    """--columns chooses columns of each format, in the given order, each once."""
    shown = run("audiences", "list", "--columns", "name, id,name").out
    assert shown.splitlines()[0] == "name\tid"
    one = json.loads(run("audiences", "show", "1", "--columns", "id", "--format", "json").out)
    assert one == [{"id": 1}]


def test_one_thing_is_shown_whole(world: Sandbox) -> None:
    """show: a line for each member as a table, inner objects as json, one row as tsv."""
    assert re.search(
        r"^name +first_audience",
        run("audiences", "show", "1", "--format", "table").out,
        re.MULTILINE,
    )
    inner = json.loads(run("audiences", "show", "1", "--format", "json").out)
    assert inner["locations"][0]["value"]
    assert json.loads(run("audiences", "show", "1", "--format", "jsonl").out) == inner
    assert rows(run("audiences", "show", "1").out)[0]["name"] == "first_audience"
    assert rows(run("accounts", "show").out)[0]["id"] == "1234"


def test_booleans_are_words(world: Sandbox) -> None:
    """True and false are written as in JSON."""
    assert rows(run("targeting", "customer-files").out)[0]["ready"] == "true"


# -- Consoles that are not UTF-8 --------------------------------------------------------


@pytest.mark.parametrize("encoding", ["cp949", "ascii"])
def test_a_console_that_cannot_show_a_character_shows_its_code(
    world: Sandbox, encoding: str
) -> None:
    """On cp949 and in ASCII no character is an error: its code stands for it, also in errors."""
    for form in ("table", "tsv"):
        done = run("audiences", "list", "--format", form, encoding=encoding)
        assert done.code == 0, done.err
        assert "\\u2713" in done.out.replace("\n", "").replace(" ", "")
        assert ("20대" in done.out) is (encoding == "cp949")
    failed = run("audiences", "show", "✓", encoding=encoding)
    assert failed.code == 1
    assert "\\u2713" in failed.err


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "cp949"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LC_ALL": "C"},
    ],
)
def test_other_locales_in_a_process_of_their_own(world: Sandbox, env: dict[str, str]) -> None:
    """With cp949 and in the C locale a list, a table of csv and a Korean argument work."""
    for words in (["audiences", "list"], ["audiences", "list", "--format", "csv"]):
        done = subprocess.run(
            [*COMMAND, *words], env={**os.environ, **env}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
        assert b"first_audience" in done.stdout
    assert WIDE.encode() in done.stdout  # csv is UTF-8 everywhere


# -- Pipes ------------------------------------------------------------------------------


def test_a_reader_that_goes_is_no_error(world: Sandbox) -> None:
    """`| head` ends the command silently, with 0."""
    for words in (["places", "tree"], ["places", "tree", "--format", "json"]):
        process = subprocess.Popen(
            [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read().decode().replace("\n", "") in ("", repr_of_the_tree())
        process.stderr.close()
        assert process.wait(30) == 0


def repr_of_the_tree() -> str:
    """What `places tree` may note before it finds that nobody reads."""
    with kmoment.Client() as client:
        return repr(client.locations.tree())


def test_a_full_disk_is_an_error(world: Sandbox) -> None:
    """Output that cannot be written is exit code 1, with a line."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "audiences", "list"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_flushing_at_the_end(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the last flush finds: a full disk is 1, a reader that has gone is 0."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    reading, writing = os.pipe()
    os.close(reading)
    codes = []
    for target in (os.open("/dev/full", os.O_WRONLY), writing):
        with monkeypatch.context() as patch, suppress(OSError), os.fdopen(target, "w") as stream:
            patch.setattr(sys, "stdout", stream)
            codes.append(main(["accounts", "list"]))
    assert codes == [1, 0]


# -- Places -----------------------------------------------------------------------------


def test_a_pasted_column_becomes_a_table_of_codes(world: Sandbox, tmp_path: Path) -> None:
    """Lines keep their numbers, lists and columns are read, and some not found are 3."""
    text = "강남구 논현1동\n\n고성군\n부산 중구, 동구\n서울\t강남구\n"
    done = run("places", "resolve", "-", stdin=text.encode())
    assert done.code == 3
    table = rows(done.out)
    assert [(row["line"], row["code"]) for row in table] == [
        ("1", "I10000101"),
        ("3", ""),
        ("4", "H1014"),
        ("4", "H1004"),
        ("5", "I1000"),
    ]
    assert "write one of" in table[1]["message"]
    assert "4 lines, 5 names, 1 not settled" in done.err
    for encoding in ("utf-8-sig", "cp949"):
        file = tmp_path / f"{encoding}.txt"
        file.write_text("강남구\n", encoding=encoding)
        assert rows(run("places", "resolve", str(file)).out)[0]["code"] == "I1000"
    assert run("places", "resolve", "-", stdin="아무데도없는동".encode()).code == 1
    refused = run("places", "resolve", "-", stdin=b"\xff\xff\xff")
    assert (refused.code, "UTF-8 or cp949" in refused.err) == (2, True)


def test_why_a_place_is_not_found_is_said_in_korean(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the locale is Korean, so is the column ``message``; elsewhere it is English."""
    column = "고성군\n청원군\n강남구, 역삼동\n서울 제외".encode()
    assert "no place has this name" in run("places", "resolve", "-", stdin=column).out
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    messages = [row["message"] for row in rows(run("places", "resolve", "-", stdin=column).out)]
    words = ("여러 곳입니다", "2014-07-01에 바뀌었습니다", "목록이면", "제외하는 말")
    assert all(word in message for word, message in zip(words, messages, strict=True))


def test_places_are_found_by_name_and_by_part(world: Sandbox) -> None:
    """A name finds its places, a part of one those that contain it, nonsense is 1."""
    assert rows(run("places", "find", "강남구", "논현1동").out) == [
        {"code": "I10000101", "name": "서울특별시 강남구 논현1동", "depth": "3"}
    ]
    assert len(rows(run("places", "find", "논현").out)) == 4
    none = run("places", "find", "아무데도없는동")
    assert (none.code, len(none.out.splitlines())) == (1, 1)


def test_the_tree_is_printed(world: Sandbox) -> None:
    """tree prints each place once, provinces before what lies in them."""
    table = rows(run("places", "tree", "--quiet").out)
    assert len(table) > 3800
    assert table[0]["depth"] == "1"
    assert len({row["code"] for row in table}) == len(table)


def test_progress_is_for_people(world: Sandbox) -> None:
    """A terminal sees how far it has come, on stderr; --quiet and a pipe see nothing of it."""
    env = {name: os.environ[name] for name in os.environ if name.startswith(("KMOMENT", "LC"))}
    with at_terminal("places", "find", "논현", env=env) as terminal:
        assert terminal.end() == 0
    assert re.search(r"places: \d+/\d+", terminal.shown)
    assert "places:" not in run("places", "find", "논현").err
    with at_terminal("places", "find", "논현", "--quiet", env=env) as terminal:
        assert terminal.end() == 0
    assert "places:" not in terminal.shown


# -- Words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("가나", "가나"),
        ("a\x1b[31m", "a\\x1b[31m"),
        ("\t\n\r\0", "\\t\\n\\r\\x00"),
        ("\x9b", "\\x9b"),
        ("\u202e\u2066\u2028", "\\u202e\\u2066\\u2028"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    """What a terminal obeys, or what hides, is shown by its code; emoji stay whole."""
    assert visible(text) == shown
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("env", "korean"),
    [
        ({"LANG": "ko_KR.UTF-8"}, True),
        ({"LC_ALL": "C", "LANG": "ko_KR.UTF-8"}, False),
        ({"LC_ALL": "", "LC_MESSAGES": "ko_KR", "LANG": "C"}, True),
        ({"LANG": "Korean_Korea.949"}, True),
        ({}, False),
    ],
)
def test_korean_where_it_is_read(env: dict[str, str], korean: bool) -> None:
    """The first variable of the locale that is set decides."""
    assert reads_korean(env) is korean
