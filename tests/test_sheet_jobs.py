"""From a sheet to audiences, whatever is in it and whatever gets lost on the way."""

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
LOST = ("drop_before", "drop_after", "truncate", "status")
TRIES = 20
"""Runs of a job after which nothing is in doubt: a third of its calls meet a fault."""


def ensured(moment: kmoment.Client, path: Path) -> kmoment.EnsureOutcomes:
    own = moment.drafts(sheets.read(path), tree=whole_tree()).get(ACCOUNT, [])
    return moment.account(ACCOUNT).audiences.ensure_many(own)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(drafts(), st.sampled_from(LOST), st.integers(0, 1000))
def test_a_sheet_is_ensured_once_under_faults(
    tmp_path: Path, wanted: list[kmoment.AudienceDraft], kind: str, seed: int
) -> None:
    """Any drafts, written as a sheet, read, and ensured until no answer is lost: each is there
    once, and one more run changes nothing."""
    path = tmp_path / "a.csv"
    kmoment.write({ACCOUNT: wanted}, path)
    if not wanted:
        return
    with (
        Sandbox(accounts=(ACCOUNT,), seed=seed) as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
    ):
        testing.no_waiting(moment)
        sandbox.add_fault(Fault("audiences.*", kind, rate=0.3))
        for _ in range(TRIES):
            with suppress(kmoment.APIError):  # the list has failed: nothing was written
                if all(outcome.ok for outcome in ensured(moment, path)):
                    break
        sandbox.clear_faults()
        ensured(moment, path)
        before = len(sandbox.requests())
        again = ensured(moment, path).raise_if_failed()
        assert {one.change for one in again.values()} == {kmoment.Change.UNCHANGED}
        assert {sent["method"] for sent in sandbox.requests()[before:]} == {"GET"}
        rows = moment.account(ACCOUNT).audiences.list()
        named = [(normalised(row.name), row.type) for row in rows]
        assert len(named) == len(set(named))
