"""The command line: its commands, exit codes, errors, plans and questions, against a sandbox."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import kmoment
from helpers.command import COMMAND, at_terminal, rows, run
from kmoment._engine import audience_wait
from kmoment.cli import main
from kmoment.cli._app import root
from kmoment.cli._session import Session
from kmoment.sandbox import Fault, Sandbox

HELP = Path(__file__).parent / "helpers" / "help"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of its own, which the environment names."""
    with Sandbox(quota=False) as sandbox:
        for name, value in env_of(sandbox, tmp_path).items():
            monkeypatch.setenv(name, value)
        yield sandbox


def env_of(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    return {
        "KMOMENT_TOKEN": sandbox.token,
        "KMOMENT_BASE_URL": sandbox.url,
        "KMOMENT_ACCOUNT": "1234",
        "KMOMENT_HOME": str(folder),
        "LC_ALL": "C.UTF-8",
    }


def writes(sandbox: Sandbox) -> list[str]:
    """The requests that change something."""
    return [it["method"] for it in sandbox.requests() if it["method"] != "GET"]


# -- Help -------------------------------------------------------------------------------


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, info_name=name)
    yield name, group
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def test_help_texts_are_as_they_were_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each help text is the one in helpers/help. WRITE_HELP=1 writes them anew."""
    monkeypatch.setenv("COLUMNS", "80")
    told = {}
    for name, _ in commands(root, "kmoment"):
        text = run(*name.split()[1:], "--help").out
        told[name.replace(" ", "-")] = text
        assert max(map(len, text.splitlines())) <= 80, name
    if os.environ.get("WRITE_HELP"):
        HELP.mkdir(exist_ok=True)
        for path in HELP.glob("*.txt"):
            path.unlink()
        for name, text in told.items():
            (HELP / f"{name}.txt").write_text(text, encoding="utf-8", newline="\n")
    assert {path.stem: path.read_text(encoding="utf-8") for path in HELP.glob("*.txt")} == told


def test_every_command_and_option_is_explained() -> None:
    """No command and no visible option is without a help text, and none takes a token."""
    for name, command in commands(root, "kmoment"):
        assert command.help, name
        for parameter in command.params:
            assert "token" not in str(parameter.name).removeprefix("with_token"), name
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help or parameter.name == "kind", (name, parameter.name)


def test_the_version_imports_nothing_heavy() -> None:
    """--version needs neither aiohttp nor rich nor the client."""
    code = (
        "import sys; from kmoment.cli import main; assert main(['--version']) == 0;"
        "print({'aiohttp', 'rich', 'anyio', 'asyncio', 'kmoment.client'} & {*sys.modules})"
    )
    shown = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert re.fullmatch(r"kmoment, version \S+\nset\(\)\n", shown)


def test_without_the_extra_it_says_how_to_install_it() -> None:
    """Where click is missing the command prints one line and exits with 2."""
    code = "import sys; sys.modules['click'] = None; from kmoment.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'error: the command needs more: pip install "kmoment[cli]"\n'


def test_a_fault_of_ours_is_not_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of kmoment that is missing is not called a missing extra."""
    monkeypatch.setitem(sys.modules, "kmoment.cli._run", None)
    with pytest.raises(ModuleNotFoundError, match=r"kmoment\.cli\._run"):
        run("--version")


@pytest.mark.parametrize("shell", ["zsh", "fish", "bash"])
def test_completion_prints_the_shells_script(shell: str) -> None:
    """The script of each shell names the command and the variable that completes."""
    done = run("completion", shell)
    assert done.code == 0
    assert "_KMOMENT_COMPLETE" in done.out


def test_completion_completes() -> None:
    """A shell that asks for words is answered with the commands that begin so."""
    asked = {"_KMOMENT_COMPLETE": "bash_complete", "COMP_WORDS": "kmoment aud", "COMP_CWORD": "1"}
    done = subprocess.run(
        COMMAND, env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "plain,audiences\n"
    asked["COMP_WORDS"], asked["COMP_CWORD"] = "kmoment nonsense a", "2"
    done = subprocess.run(
        COMMAND, env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


# -- Exit codes and errors --------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["auidences"], "do you mean 'audiences'?"),
        (["nonsense"], "no command 'nonsense'"),
        (["--nonsense"], "No such option"),
        (["audiences", "show"], "Missing argument"),
        (["audiences", "list", "--format", "xml"], "Invalid value for '--format'"),
        (["audiences", "list", "--columns", "id,nme"], "must be of ad_account_id, id, name"),
        (["places", "resolve", "nowhere.txt"], "nowhere.txt"),
        (["audiences", "update", "1", "--yes"], "name what to change"),
        (["audiences", "create", "x", "--ages", "22", "--yes"], "ages must be ages such as"),
        (["audiences", "create", " ", "--yes"], "audience breaks 1 rule"),
        (["audiences", "update", "1", "--name", " ", "--yes"], "audience breaks 1 rule"),
        (["audiences", "list", "--base-url", "http://example.com"], "https URL"),
    ],
)
def test_wrong_usage_is_told_with_2(world: Sandbox, arguments: list[str], said: str) -> None:
    """What was typed wrongly is one error without a traceback, exit code 2, and writes nothing."""
    done = run(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
    assert writes(world) == []


@pytest.mark.parametrize("arguments", [[], ["audiences"]])
def test_no_command_shows_the_help(arguments: list[str]) -> None:
    """A group without a command shows its help, on stderr, with exit code 2."""
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage: kmoment" in done.err


@pytest.mark.parametrize("account", ["x", "0", "-1"])
def test_a_wrong_account_in_the_environment_is_named(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    """KMOMENT_ACCOUNT that is no id is named, with exit code 2."""
    monkeypatch.setenv("KMOMENT_ACCOUNT", account)
    done = run("audiences", "list")
    assert done.code == 2
    assert f"KMOMENT_ACCOUNT must be an ad account id, not '{account}'" in done.err


def test_without_an_account_it_says_where_to_find_one(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing ad account is exit code 2, with the command that lists them, also in Korean."""
    monkeypatch.delenv("KMOMENT_ACCOUNT")
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    done = run("audiences", "list")
    assert done.code == 2
    assert "kmoment accounts list" in done.err
    assert "도움말: `kmoment accounts list`" in done.err


def test_the_account_may_stand_before_and_after_the_command(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option of the whole program counts on both sides; the last one wins."""
    monkeypatch.delenv("KMOMENT_ACCOUNT")
    for arguments in (
        ["--account", "1234", "audiences", "list"],
        ["audiences", "list", "--account", "1234"],
        ["--account", "77", "audiences", "list", "--account", "1234"],
    ):
        assert rows(run(*arguments).out)[0]["ad_account_id"] == "1234"


@pytest.mark.parametrize(
    ("kind", "code", "hint"),
    [
        ("unauthorized", 4, "kmoment auth login"),
        ("error", 1, "hint: "),
    ],
)
def test_what_kakao_refuses_has_its_exit_code(
    world: Sandbox, kind: str, code: int, hint: str
) -> None:
    """A dead token is 4 and says what to run; any other failure is 1."""
    fault = {
        "unauthorized": Fault(
            "audiences.list", "status", status=401, body={"code": -401, "msg": "no"}
        ),
        "error": Fault(
            "audiences.list", "status", status=403, body={"code": -5, "msg": "no \x1b[31m"}
        ),
    }[kind]
    world.add_fault(fault)
    done = run("audiences", "list")
    assert done.code == code
    assert hint in done.err
    assert "\x1b" not in done.err


def test_what_only_a_long_program_needs_is_not_told(world: Sandbox) -> None:
    """A refused token is one error: that further calls would be held back is no news to a command
    that makes one."""
    world.add_fault(Fault("*", "status", status=401, body={"code": -401, "msg": "no"}))
    done = run("audiences", "list")
    assert done.code == 4
    assert "fail at once" not in done.err
    assert done.err.startswith("error: ")


def test_without_a_token_a_login_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No token at all is exit code 4, in both languages where the locale is Korean."""
    monkeypatch.setenv("KMOMENT_HOME", str(tmp_path))
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    done = run("accounts", "list")
    assert done.code == 4
    assert "kmoment auth login" in done.err
    assert "`kmoment auth login`을" in done.err


def test_debug_shows_the_traceback(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """KMOMENT_DEBUG adds the traceback, which has no token in it."""
    monkeypatch.setenv("KMOMENT_DEBUG", "1")
    done = run("audiences", "show", "99")
    assert done.code == 1
    assert "Traceback" in done.err
    assert world.token not in done.err


def test_an_error_that_nobody_foresaw_is_one_line(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any exception becomes one line with its type, and exit code 1."""
    monkeypatch.setattr("kmoment.cli._output.print_rows", {}.__getitem__)
    done = run("accounts", "list")
    assert done.code == 1
    assert re.search(r"^error: TypeError: ", done.err)


# -- Writes -----------------------------------------------------------------------------


def test_every_write_names_where_and_asks(world: Sandbox, tmp_path: Path) -> None:
    """At a terminal each write shows the token's source, the account's id and name, and asks."""
    words = ["audiences", "create", "20s", "--ages", "20,25"]
    with at_terminal(*words, env=env_of(world, tmp_path)) as terminal:
        shown = terminal.until("[y/N]: ")
        assert "KMOMENT_TOKEN, account 1234 'sandbox_account_1234'" in shown
        assert "create '20s'" in shown
        terminal.type("n\n")
        assert terminal.end() == 1
        assert "nothing was written" in terminal.shown
    assert writes(world) == []
    with at_terminal(*words, env=env_of(world, tmp_path)) as terminal:
        terminal.until("[y/N]: ")
        terminal.type("y\n")
        assert terminal.end() == 0
    assert writes(world) == ["POST"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "x"],
        ["update", "1", "--name", "x"],
        ["delete", "2"],
        ["unlink", "1", "1"],
        ["link", "3", "2"],
    ],
)
def test_without_a_terminal_a_write_needs_yes(world: Sandbox, arguments: list[str]) -> None:
    """A write that nobody can be asked about is exit code 2, before anything is sent."""
    done = run("audiences", *arguments)
    assert done.code == 2
    assert "--yes" in done.err
    assert world.requests() == []


@pytest.mark.parametrize(
    ("arguments", "plan"),
    [
        (["create", "x"], "create 'x'"),
        (["update", "1", "--name", "x"], "name: first_audience -> x"),
        (["update", "1", "--genders", "M"], "nothing changes"),
        (["delete", "2"], "delete 2 'second_audience' (AVAILABLE): not used"),
        (["delete", "1"], "so it is refused without --unlink"),
        (["delete", "1", "--unlink"], "which are unlinked first"),
        (["unlink", "1", "1"], "unlink ad group 1 from audience 1"),
        (["link", "3", "2", "--like", "1"], "ad group 2: use audience 3"),
    ],
)
def test_a_dry_run_prints_the_plan_and_writes_nothing(
    world: Sandbox, arguments: list[str], plan: str
) -> None:
    """--dry-run prints the plan on stdout, and sends no write."""
    done = run("audiences", *arguments, "--dry-run")
    assert done.code == 0, done.err
    assert plan in done.out
    assert writes(world) == []


def test_create_update_link_unlink_delete(world: Sandbox) -> None:
    """With --yes each write is done, and its result printed."""
    made = run("audiences", "create", "x", "--ages", "20대", "--genders", "여", "--yes", "--quiet")
    assert made.code == 0, made.err
    ident = rows(made.out)[0]["id"]
    changed = run("audiences", "update", ident, "--ages", "all", "--name", "y", "--yes")
    assert rows(changed.out)[0]["name"] == "y"
    assert json.loads(run("audiences", "show", "y", "--format", "json").out)["ages"] is None
    linked = run("audiences", "link", ident, "2", "--like", "1", "--yes")
    assert rows(linked.out)[0]["changed"] == "true", linked.err
    assert rows(run("audiences", "ad-groups", ident).out)[0]["ad_group_id"] == "2"
    assert run("audiences", "delete", ident, "--yes").code == 1
    assert run("audiences", "unlink", ident, "2", "--yes").code == 0
    gone = run("audiences", "delete", ident, "--yes")
    assert (gone.code, rows(gone.out)[0]["status"]) == (0, "deleted")


def test_a_draft_is_made_of_the_options(world: Sandbox) -> None:
    """Each option becomes its member of the audience; places are looked up."""
    made = run(
        *["audiences", "create", "x", "--type", "display", "--places", "강남구 논현1동, 논현2동"],
        *["--places", "I1001", "--interests", "I01,I02", "--business-types", "B01"],
        *["--cohorts", "1", "--customer-files", "1", "--talk-channels", "_Xxju", "--yes"],
    )
    assert made.code == 0, made.err
    shown = json.loads(run("audiences", "show", "x", "--format", "json").out)
    assert [it["value"] for it in shown["depth3_locations"]] == ["I10000101", "I10000102"]
    assert [it["value"] for it in shown["depth2_locations"]] == ["I1001"]
    assert shown["ufo_interests"] == ["I01", "I02"]
    assert shown["cohort_targetings"][0]["cohort_id"] == 1
    everywhere = run("audiences", "update", "x", "--places", "all", "--yes")
    assert everywhere.code == 2  # an update takes an id
    cleared = run(
        *["audiences", "update", str(shown["id"]), "--places", "all", "--cohorts", "none", "--yes"]
    )
    assert cleared.code == 0, cleared.err
    shown = json.loads(run("audiences", "show", "x", "--format", "json").out)
    assert shown["depth3_locations"] is None
    assert shown["cohort_targetings"] is None


@pytest.mark.parametrize("name", ["create", "update"])
@pytest.mark.parametrize(
    "given",
    [
        ["--places", "all", "--places", "강남구 논현1동"],
        ["--places", "강남구 논현1동", "--places", "전체"],
        ["--places", "all, 강남구 논현1동"],
        ["--interests", "I01,none"],
        ["--business-types", "none,B01"],
        ["--cohorts", "None,1"],
        ["--customer-files", "1,none"],
        ["--talk-channels", "none,_Xxju"],
        ["--ages", "all,20-34"],
        ["--genders", "M,all"],
    ],
)
def test_all_or_none_beside_another_is_refused(world: Sandbox, name: str, given: list[str]) -> None:
    """What contradicts itself is told before anything is written: no value is dropped."""
    done = run("audiences", name, "1", *given, "--yes")
    assert done.code == 2, done.err
    assert writes(world) == []


def test_an_update_that_changes_nothing_is_not_sent(world: Sandbox) -> None:
    """Where the audience is so already, nothing is asked and nothing written."""
    done = run("audiences", "update", "1", "--genders", "남", "--yes")
    assert (done.code, done.out) == (0, "")
    assert "nothing changes" in done.err
    assert writes(world) == []


def test_a_delete_asks_for_the_number(world: Sandbox, tmp_path: Path) -> None:
    """At a terminal the number of audiences has to be typed; anything else deletes nothing."""
    words = ["audiences", "delete", "2", "3"]
    for typed, code in (("y", 1), ("", 1), ("2", 0)):
        with at_terminal(*words, env=env_of(world, tmp_path)) as terminal:
            plan = terminal.until("Type 2 to delete 2 audiences: ")
            assert "delete 2 'second_audience' (AVAILABLE): not used" in plan
            terminal.type(f"{typed}\n")
            assert terminal.end() == code
        assert bool(writes(world)) is (typed == "2")


def test_an_audience_in_use_is_deleted_only_with_unlink(world: Sandbox) -> None:
    """In use: refused with 1 and nothing written; with --unlink unlinked and deleted."""
    refused = run("audiences", "delete", "1", "--yes")
    assert refused.code == 1
    assert "in use by ad groups 1, 2, 3" in refused.err
    assert "hint: --unlink " in refused.err
    assert writes(world) == []
    assert run("audiences", "delete", "1", "--unlink", "--yes").code == 0
    assert writes(world) == ["PUT", "PUT", "PUT", "DELETE"]


def test_wait_is_3_if_some_fail(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot become ready is 3, alone too; all ready: 0; one that is not there: 1."""
    monkeypatch.setattr(audience_wait, "FIRST_PAUSE", 0.05)
    assert run("audiences", "wait", "1").code == 0
    some = run("audiences", "wait", "1", "3")
    assert (some.code, len(rows(some.out))) == (3, 1)
    assert run("audiences", "wait", "3").code == 3
    assert run("audiences", "wait", "3", "99").code == 3
    assert run("audiences", "wait", "99").code == 1


def test_wait_says_what_a_status_means(world: Sandbox) -> None:
    """A status that ends the wait has Kakao's words for it and a next step; a table of nothing
    is not printed."""
    done = run("audiences", "wait", "3", "--format", "table")
    assert "audience 3 is SEED_NOT_ENOUGH: insufficient target population" in done.err
    assert "hint: target more people with `kmoment audiences update`" in done.err
    assert done.out == ""
    assert run("audiences", "wait", "3").out.startswith("ad_account_id\tid")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("accounts", "list", "--account", "abc"), "'abc' is not a whole number from 1 on"),
        (("audiences", "delete", "0"), "'0' is not a whole number from 1 on"),
        (("audiences", "wait", "1.5"), "'1.5' is not a whole number from 1 on"),
        (
            ("targeting", "pixel-events", "1", "--term", "181"),
            "'181' is not a whole number from 1 to 180",
        ),
    ],
)
def test_a_number_that_is_none_is_told_its_rule(words: tuple[str, ...], said: str) -> None:
    """An id or a number that breaks its rule is shown with it, and no word of click's."""
    done = run(*words)
    assert done.code == 2
    assert said in done.err
    assert "range" not in done.err


def test_a_lost_create_is_5(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A create whose outcome is not known is exit code 5, with what to do first."""
    world.add_fault(Fault("audiences.create", "drop_after"))
    hasty = kmoment.Client(reconcile_delays=())  # it does not look for what may be there
    monkeypatch.setattr(Session, "client", hasty)
    done = run("audiences", "create", "x", "--yes")
    assert done.code == 5, done.err
    assert "Check whether it was done" in done.err


def test_ctrl_c_tells_what_was_done(world: Sandbox, tmp_path: Path) -> None:
    """Ctrl-C is 130: it says that nothing was written, or what to look at."""
    made = rows(run("audiences", "create", "x", "--yes").out)[0]["id"]
    words = ["audiences", "wait", made, "--timeout", "60"]
    with at_terminal(*words, env=env_of(world, tmp_path)) as terminal:
        terminal.until("Ctrl-C changes nothing")
        wait_for_request(world, "audiences.list", 2)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130, terminal.shown
        assert "stopped: nothing was written" in terminal.shown
        assert "Traceback" not in terminal.shown
    world.add_fault(Fault("audiences.delete_many", "delay", delay=30))
    with at_terminal("audiences", "delete", "2", "--yes", env=env_of(world, tmp_path)) as terminal:
        wait_for_request(world, "audiences.delete_many")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert "some may be deleted: look with `kmoment audiences list`" in terminal.shown


def wait_for_request(sandbox: Sandbox, endpoint: str, count: int = 1) -> None:
    """Until the sandbox has got so many requests."""
    for _ in range(600):
        if sum(it["endpoint"] == endpoint for it in sandbox.requests()) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"no request for {endpoint}")


# -- Ensure -----------------------------------------------------------------------------

ROWS = "1234,one,DISPLAY\n1234,two,MESSAGE\n"
HEAD = "account,name,type\n"


def test_ensure_from_a_sheet(world: Sandbox, tmp_path: Path) -> None:
    """A dry run writes nothing; ensure creates; the second run changes nothing."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(HEAD + ROWS)
    assert run("audiences", "ensure", str(sheet)).code == 2
    assert world.requests() == []
    dry = run("audiences", "ensure", str(sheet), "--dry-run")
    assert [row["change"] for row in rows(dry.out)] == ["created", "created"]
    assert writes(world) == []
    done = run("audiences", "ensure", str(sheet), "--yes")
    assert done.code == 0
    assert [row["change"] for row in rows(done.out)] == ["created", "created"]
    again = run("audiences", "ensure", str(sheet), "--yes")
    assert [row["change"] for row in rows(again.out)] == ["unchanged", "unchanged"]
    assert writes(world) == ["POST", "POST"]


def test_ensure_at_a_terminal_asks_only_if_there_is_something_to_do(
    world: Sandbox, tmp_path: Path
) -> None:
    """The plan is shown and asked about; nothing is asked where nothing changes."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(HEAD + ROWS)
    words = ("audiences", "ensure", str(sheet))
    with at_terminal(*words, env=env_of(world, tmp_path)) as terminal:
        assert "created  MESSAGE  two" in terminal.until("[y/N]: ")
        terminal.type("n\n")
        assert terminal.end() == 1
    assert writes(world) == []
    sheet.write_text(HEAD)
    with at_terminal(*words, env=env_of(world, tmp_path)) as terminal:
        assert terminal.end() == 0
    assert "nothing to change" in terminal.shown


def test_a_sheet_with_faults_writes_nothing(world: Sandbox, tmp_path: Path) -> None:
    """All faults of a sheet are told at once, with 2; one row that fails is 3."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(HEAD + "x,one,DISPLAY\n1234,two,NONSENSE\n")
    done = run("audiences", "ensure", str(sheet), "--yes")
    assert done.code == 2
    assert "NONSENSE" in done.err
    assert writes(world) == []
    sheet.write_text(HEAD + ROWS)
    world.add_fault(Fault("audiences.create", "status", status=400, body={"code": -2}, times=1))
    some = run("audiences", "ensure", str(sheet), "--yes")
    assert some.code == 3
    assert {row["change"] for row in rows(some.out)} == {"failed", "created"}


def interrupted_in_the_second_create(sandbox: Sandbox, sheet: Path) -> str:
    """What a terminal shows of ``ensure`` if Ctrl-C comes while the second create is under way."""
    sandbox.add_fault(Fault("audiences.create", "delay", delay=30, nth=(2,)))
    words = ("audiences", "ensure", str(sheet), "--yes")
    with at_terminal(*words, env=env_of(sandbox, sheet.parent)) as terminal:
        wait_for_request(sandbox, "audiences.create", 2)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
    return terminal.shown


def test_ctrl_c_in_ensure_says_how_far_it_has_come(world: Sandbox, tmp_path: Path) -> None:
    """Ctrl-C in a long run tells how many are done, and that it may be run again."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(HEAD + ROWS)
    shown = interrupted_in_the_second_create(world, sheet)
    assert re.search("stopped: [01] of 2 audiences of account 1234 are settled", shown)
    assert "what is there is not created again" in shown


def test_an_unknown_outcome_among_many_is_5(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the outcome of one is not known, the code says so before it says that some failed."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(HEAD + ROWS)
    world.add_fault(Fault("audiences.create", "drop_after", times=1))
    monkeypatch.setattr(Session, "client", kmoment.Client(reconcile_delays=()))
    done = run("audiences", "ensure", str(sheet), "--yes")
    assert done.code == 5
    assert {row["change"] for row in rows(done.out)} == {"unknown", "created"}


# -- Ensure for many accounts -------------------------------------------------------------

MIXED = HEAD + "1234,mine,DISPLAY\n99999,not mine,DISPLAY\n5678,also mine,MESSAGE\n"
"""Accounts of which the middle one is somebody else's."""


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox with two ad accounts."""
    with Sandbox(accounts=(1234, 5678), quota=False) as sandbox:
        for name, value in env_of(sandbox, tmp_path).items():
            monkeypatch.setenv(name, value)
        yield sandbox


@pytest.fixture
def mixed(two: Sandbox, tmp_path: Path) -> str:
    """The sheet of three accounts, of which the sandbox has two."""
    sheet = tmp_path / "mixed.csv"
    sheet.write_text(MIXED)
    return str(sheet)


def test_an_account_that_is_refused_does_not_stop_the_others(mixed: str) -> None:
    """Each row has its outcome, those of a refused account its error, and the exit code is 3."""
    dry = run("audiences", "ensure", mixed, "--dry-run")
    done = run("audiences", "ensure", mixed, "--yes")
    for told in (dry, done):
        assert told.code == 3, told.err
        assert [(row["ad_account_id"], row["change"]) for row in rows(told.out)] == [
            ("1234", "created"),
            ("99999", "failed"),
            ("5678", "created"),
        ]
        assert "HTTP 403" in rows(told.out)[1]["error"]


@pytest.mark.parametrize("column", ["customer_file", "cohort"])
def test_a_look_up_that_is_refused_does_not_stop_the_others(mixed: str, column: str) -> None:
    """Nor does an account whose names cannot be looked up: its rows are failed."""
    lines = MIXED.splitlines()
    text = [f"{lines[0]},{column}", f"{lines[1]},", f"{lines[2]},a name", f"{lines[3]},"]
    Path(mixed).write_text("\n".join(text) + "\n")
    done = run("audiences", "ensure", mixed, "--yes")
    assert done.code == 3, done.err
    found = {row["ad_account_id"]: row for row in rows(done.out)}
    assert {key: row["change"] for key, row in found.items()} == {
        "1234": "created",
        "99999": "failed",
        "5678": "created",
    }
    assert (found["99999"]["name"], found["99999"]["type"]) == ("not mine", "DISPLAY")


def test_nothing_is_asked_where_every_account_is_refused(mixed: str) -> None:
    """Where no account's names can be looked up, all rows are failed and nothing is written."""
    Path(mixed).write_text(HEAD.strip() + ",customer_file\n99999,not mine,DISPLAY,a name\n")
    done = run("audiences", "ensure", mixed, "--yes")
    assert done.code == 1, done.err
    assert [row["change"] for row in rows(done.out)] == ["failed"]


def test_a_look_up_of_no_account_that_fails_ends_all(two: Sandbox, mixed: str) -> None:
    """The interests are those of all accounts: nothing is written without them."""
    Path(mixed).write_text(HEAD.strip() + ",interests\n1234,mine,DISPLAY,게임\n")
    two.add_fault(Fault("categories.list", "maintenance"))
    done = run("audiences", "ensure", mixed, "--yes")
    assert "categories" in done.err
    assert (done.code, done.out, writes(two)) == (1, "", [])


def test_a_limit_that_is_met_is_told(world: Sandbox) -> None:
    """What the library warns of while the command waits is a line for the person."""
    world.add_fault(Fault("audiences.list", "throttle", times=4))
    done = run("audiences", "list")
    assert done.code == 0
    assert "warning: audiences" in done.err
    assert "a limit is met (429)" in done.err


def test_ctrl_c_in_the_second_account_tells_what_the_first_has(
    two: Sandbox, tmp_path: Path
) -> None:
    """What was written before Ctrl-C is in the table, and the rest is told in words."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(HEAD + "1234,one,DISPLAY\n5678,two,DISPLAY\n")
    shown = interrupted_in_the_second_create(two, sheet)
    assert re.search(r"created +DISPLAY +one", shown)
    assert "stopped: 0 of 1 audiences of account 5678 are settled" in shown


def test_the_table_of_many_accounts_names_them(two: Sandbox, mixed: str, tmp_path: Path) -> None:
    """At a terminal each row begins with its account, no line is too wide, and an error is told
    once, by its row."""
    with at_terminal("audiences", "ensure", mixed, "--yes", env=env_of(two, tmp_path)) as terminal:
        assert terminal.end() == 3
    lines = terminal.shown[terminal.shown.index("ad_account_id") :].splitlines()[1:-2]
    assert max(map(len, lines)) <= 80
    for account, change in ((1234, "created"), (99999, "failed"), (5678, "created")):
        assert re.search(rf"^{account} +{change} ", terminal.shown, re.MULTILINE)
    assert terminal.shown.count("detailCode") == 1
    assert terminal.shown.count("hint: Check the app's Kakao Moment permission") == 1
    assert "1 of 3 did not succeed" in terminal.shown


def test_an_error_in_the_rows_is_not_told_again(mixed: str) -> None:
    """Where the rows have a column of errors, stderr has only their number and what to do."""
    done = run("audiences", "ensure", mixed, "--yes")
    assert done.err.splitlines()[-2:] == [
        "error: 1 of 3 did not succeed: their rows say why",
        f"hint: {kmoment.PermissionDeniedError.hint}",
    ]
    assert "HTTP 403" not in done.err
    assert kmoment.PermissionDeniedError.hint not in done.out
    less = run("audiences", "ensure", mixed, "--yes", "--columns", "name,change")
    assert less.err.count("HTTP 403") == 1


def test_nothing_is_asked_where_the_rest_is_done(two: Sandbox, mixed: str, tmp_path: Path) -> None:
    """Where all that can be done is done, the refused account is told, with 3, and no question."""
    assert run("audiences", "ensure", mixed, "--yes").code == 3
    with at_terminal("audiences", "ensure", mixed, env=env_of(two, tmp_path)) as terminal:
        assert terminal.end() == 3
    assert "nothing was written" in terminal.shown
    assert "nothing to change" not in terminal.shown
    assert writes(two) == ["POST", "POST"]


def test_a_dry_run_says_what_would_be(world: Sandbox, tmp_path: Path) -> None:
    """Its table says "would create" and "would update"; other formats have Kakao's plain word."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(HEAD.strip() + ",ages\n1234,one,DISPLAY,\n1234,first_audience,DISPLAY,20-24\n")
    words = ("audiences", "ensure", str(sheet), "--dry-run", "--format")
    shown = run(*words, "table").out
    assert re.search("would create +DISPLAY +one", shown)
    assert re.search("would update +DISPLAY +first_audience", shown)
    assert "created" not in shown
    assert [it["change"] for it in json.loads(run(*words, "json").out)] == ["created", "updated"]


# -- The rest ---------------------------------------------------------------------------


def test_an_account_whose_name_cannot_be_read_is_still_told(world: Sandbox) -> None:
    """A write names the account's id, and says why its name is missing."""
    world.add_fault(Fault("accounts.get", "status", status=403, body={"code": -5, "msg": "x"}))
    done = run("audiences", "create", "x", "--dry-run")
    assert done.code == 0
    assert "account 1234 (its name could not be read: " in done.err


def test_ctrl_c_after_the_work_keeps_its_code(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the client closes changes nothing: the work is done."""

    def interrupted(_: Session) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "close", interrupted)
    assert run("completion", "zsh").code == 0


def test_a_stream_that_is_no_file_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a program that has replaced stdout the command prints there."""
    inside = io.StringIO()
    monkeypatch.setattr(sys, "stdout", inside)
    assert main(["--version"]) == 0
    assert inside.getvalue().startswith("kmoment, version")


def test_places_are_kept_for_each_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tree of Kakao's places is kept in the folder; a sandbox's is not."""
    monkeypatch.setenv("KMOMENT_TOKEN", "x")
    monkeypatch.setenv("KMOMENT_HOME", str(tmp_path))
    session = Session()
    session.base_url = "https://example.com:8443/api"
    assert session.tree_file() == tmp_path / "places-example.com-8443-api.json"
    session.close()
    local = Session()
    local.base_url = "http://[::1]:8443"
    assert local.tree_file() is None
    local.close()


def test_a_package_that_is_missing_is_named(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where an extra is missing, the error says how to install it."""
    file = tmp_path / "sheet.xlsx"
    file.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    done = run("audiences", "ensure", str(file), "--yes")
    assert done.code == 1
    assert done.err.startswith("error: ")
    assert "pip install" in done.err


def test_the_token_is_in_no_log_and_no_traceback(
    world: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With logging at DEBUG and KMOMENT_DEBUG nothing that is shown or logged has the token."""
    monkeypatch.setenv("KMOMENT_DEBUG", "1")
    echo = {"code": -401, "msg": f"wrong: {world.token}"}
    world.add_fault(Fault("audiences.get", "status", status=401, body=echo))
    with caplog.at_level("DEBUG"):
        shown = [run("audiences", "list"), run("audiences", "show", "1"), run("doctor", "--live")]
    assert caplog.records
    for text in (caplog.text, *(part for done in shown for part in (done.out, done.err))):
        assert world.token not in text
