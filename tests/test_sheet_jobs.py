"""From a sheet to audiences, whatever is in it and whatever gets lost on the way."""

from collections import Counter
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st

import kmoment
from helpers.places import whole_tree
from kmoment import sheets, testing
from kmoment._text import normalised
from kmoment.sandbox import Fault, Sandbox
from test_sheets import drafts

ACCOUNT = 1234
CREATE = "audiences.create"
LOST = ("drop_before", "drop_after", "truncate", "status")
TRIES = 20
"""Runs of a job after which nothing is in doubt: a third of its calls meet a fault."""


def ensured(moment: kmoment.Client, path: Path) -> kmoment.EnsureOutcomes:
    own = moment.drafts(sheets.read(path), tree=whole_tree()).get(ACCOUNT, [])
    return moment.account(ACCOUNT).audiences.ensure_many(own)


def all_done(moment: kmoment.Client, path: Path) -> bool:
    """Ensure once, and tell whether nothing is left to do."""
    with suppress(kmoment.APIError):  # the list has failed: nothing was written
        return all(outcome.ok for outcome in ensured(moment, path))
    return False


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(drafts(at_least=1), st.sampled_from(LOST), st.integers(0, 1000))
def test_a_sheet_is_ensured_once_under_faults(
    tmp_path: Path, wanted: list[kmoment.AudienceDraft], kind: str, seed: int
) -> None:
    """Any drafts, written as a sheet, read, and ensured until no answer is lost: each is there
    once, and one more run changes nothing."""
    path = tmp_path / "a.csv"
    kmoment.write({ACCOUNT: wanted}, path)
    with (
        Sandbox(accounts=(ACCOUNT,), seed=seed) as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
    ):
        testing.no_waiting(moment)
        sandbox.add_fault(Fault("audiences.*", kind, rate=0.3))
        assert any(all_done(moment, path) for _ in range(TRIES))
        sandbox.clear_faults()
        before = len(sandbox.requests())
        again = ensured(moment, path).raise_if_failed()
        assert {one.change for one in again.values()} == {kmoment.Change.UNCHANGED}
        assert {sent["method"] for sent in sandbox.requests()[before:]} == {"GET"}
        rows = moment.account(ACCOUNT).audiences.list()
        named = Counter((normalised(row.name), row.type) for row in rows)
        assert {named[normalised(draft.name), draft.type] for draft in wanted} == {1}
        made = [sent["acted"] for sent in sandbox.requests() if sent["endpoint"] == CREATE]
        assert sum(made) == len(wanted)
