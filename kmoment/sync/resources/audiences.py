# Made from kmoment/resources/audiences.py by `nox -s mirror`: edit that one.
"""Audiences of one ad account.

Kakao has no call that links an ad group to an audience. An ad group names its audiences when it is
created or edited (``/openapi/v4/adGroups``). ``plan_link`` learns how, from other ad groups.
"""

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any

from ... import _validate
from ..._batch.keyed import checked_journal, shard_of
from ..._batch.recorded_delete import delete_recorded
from ..._batch.recorded_ensure import keyed_drafts
from ..._engine.ad_group_link import plan_link
from ..._engine.audience_wait import wait_for, wait_for_each
from ..._engine.ensure import Listing, Wanted, by_draft, check_draft, check_drafts, ensure_one
from ..._engine.planned_delete import plan_delete
from ..._engine.reconcile import create_call, update_call
from ..._protocol.audience_rules import check_unchanged, check_unused, given, one_named
from ..._protocol.call import Call
from ..._protocol.endpoints import (
    AUDIENCE_AD_GROUPS,
    DELETE_AUDIENCE,
    DELETE_AUDIENCES,
    GET_AUDIENCE,
    LIST_AUDIENCES,
    UNLINK_AD_GROUP,
)
from .._sender import Sender
from ..batch import Batch, OnProgress
from ...journal.journal import Journal
from ...models import (
    Age,
    Audience,
    AudienceAdGroup,
    AudienceDraft,
    AudienceStatus,
    AudienceSummary,
    AudienceType,
    BulkDeleteResult,
    CategoryData,
    CohortTargeting,
    CustomerFileTargeting,
    Depth2Location,
    Depth3Location,
    Ensured,
    EnsureOutcomes,
    Gender,
    Location,
    SyncAppTargeting,
    TalkChannelGroupTargeting,
    TalkChannelTargeting,
    TrackerTargeting,
)
from ...models.draft import UNCHANGED, checked_draft
from ...outcomes import Outcomes
from .plans import DeletePlan, LinkPlan

# Inside the class, `list` is the method.
AudienceSummaries = list[AudienceSummary]
AudienceAdGroups = list[AudienceAdGroup]


class Audiences:
    """The audiences of one ad account."""

    __slots__ = ("_account", "_sender")

    def __init__(self, sender: Sender, account: int) -> None:
        self._sender = sender
        self._account = account

    def list(self) -> AudienceSummaries:
        """List the account's audiences, without their targeting. Kakao documents no paging.

            for row in account.audiences.list():
                print(row.id, row.name, row.audience_status)

        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        return self._sender.send(
            Call(endpoint=LIST_AUDIENCES, returns=AudienceSummaries, account=self._account)
        )

    def get(self, audience_id: int) -> Audience:
        """Get one audience with its targeting.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises NotFoundError: There is no such audience in this account.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        return self._sender.send(
            Call(
                endpoint=GET_AUDIENCE,
                returns=Audience,
                account=self._account,
                path={"id": _validate.ident("audience_id", audience_id)},
            )
        )

    def create(self, audience: AudienceDraft) -> Audience:
        """Create an audience.

            draft = kmoment.AudienceDraft.display("20s", ages=("20", "25"))
            audience = account.audiences.create(draft)

        The answer carries no status; Kakao prepares the audience afterwards (``STANDBY``).
        Before creating, the account's audiences are listed; if the answer is lost, the new one
        is looked for among them, and has ``reconciled`` set. It is never created twice.

        :raises InvalidDraftError: The draft breaks documented rules; all of them are listed.
            Nothing was sent.
        :raises OutcomeUnknownError: It may have been created, and was not found. Look before
            you create it again: ``client.reconcile(error)``.
        :raises APIError: The call failed, and nothing was created.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        draft = checked_draft("audience", audience)
        return self._sender.send(create_call(self._account, draft))

    def update(self, audience_id: int, audience: AudienceDraft) -> Audience:
        """Replace an audience as a whole: what the draft leaves out is gone.

        Start from what is there, and no targeting is lost:

            current = account.audiences.get(1)
            draft = current.draft().replace(name="New name")
            account.audiences.update(1, draft)

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises InvalidDraftError: The draft breaks documented rules; all of them are listed.
            Nothing was sent.
        :raises NotFoundError: There is no such audience in this account.
        :raises OutcomeUnknownError: It may have been done, and looking did not tell. It may be
            repeated, unless someone else has edited the audience in between.
        :raises APIError: The call failed, and nothing was changed.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        ident = _validate.ident("audience_id", audience_id)
        draft = checked_draft("audience", audience)
        return self._sender.send(update_call(self._account, ident, draft))

    def find(self, name: str, type: AudienceType | str | None = None) -> AudienceSummary:
        """Find the one audience that has this name.

            row = account.audiences.find("first_audience")

        :param name: The whole name. Blanks around it, and the form in which Hangul was typed, make
            no difference.
        :param type: ``DISPLAY`` or ``MESSAGE``, if only one of them is meant.
        :raises InvalidArgumentError: The name is empty. Nothing was sent.
        :raises NotFoundError: No audience has this name.
        :raises AmbiguousAudienceError: Several have it: ``candidates``.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        wanted = _validate.text("name", name)
        only = None if type is None else _validate.word("type", type)
        return one_named(self.list(), self._account, wanted, only)

    def edit(
        self,
        audience: Audience | int,
        *,
        name: str = UNCHANGED,
        ages: Iterable[Age | str] | None = UNCHANGED,
        genders: Iterable[Gender | str] | None = UNCHANGED,
        locations: Iterable[Location] | None = UNCHANGED,
        depth2_locations: Iterable[Depth2Location] | None = UNCHANGED,
        depth3_locations: Iterable[Depth3Location] | None = UNCHANGED,
        ufo_interests: Iterable[CategoryData | str] | None = UNCHANGED,
        ufo_business_types: Iterable[CategoryData | str] | None = UNCHANGED,
        customer_file_targetings: Iterable[CustomerFileTargeting] | None = UNCHANGED,
        tracker_targetings: Iterable[TrackerTargeting] | None = UNCHANGED,
        cohort_targetings: Iterable[CohortTargeting] | None = UNCHANGED,
        talk_channel_targetings: Iterable[TalkChannelTargeting] | None = UNCHANGED,
        sync_app_targetings: Iterable[SyncAppTargeting] | None = UNCHANGED,
        talk_channel_group_targetings: Iterable[TalkChannelGroupTargeting] | None = UNCHANGED,
        extra: Mapping[str, Any] = UNCHANGED,
    ) -> Audience:
        """Change some members of an audience: read it, change it, write it.

            account.audiences.edit(1, name="New name", ages=("20", "25"))

        What is not named stays as it is, with members that kmoment does not know. ``None`` takes a
        set away. The audience is read again right before it is written. Kakao has no call that
        writes only what has not changed, so an edit by someone else at the same moment is lost.

        :param audience: Its id; or the audience as you have read it, which must not have changed
            since.
        :raises InvalidArgumentError: The id is not a positive 64-bit integer, or nothing is to be
            changed. Nothing was sent.
        :raises InvalidDraftError: The changed audience breaks documented rules. Nothing was
            written.
        :raises ConflictError: It has changed since it was read. Nothing was written.
        :raises NotFoundError: There is no such audience in this account.
        :raises OutcomeUnknownError: It may have been done, and looking did not tell.
        :raises APIError: A call failed, and nothing was changed. It may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        changes = given(locals())
        known = audience if isinstance(audience, Audience) else None
        ident = _validate.ident("audience", known.id if known else audience)
        current = self.get(ident)
        check_unchanged(known or current, current)
        draft = checked_draft("audience", current.draft().replace(**changes))
        check_unchanged(current, self.get(ident))
        return self.update(ident, draft)

    def ensure(self, draft: AudienceDraft, *, dry_run: bool = False) -> Ensured:
        """See that an audience is what a draft asks for: create it, update it, or leave it.

            draft = kmoment.AudienceDraft.display("20s", ages=("20", "25"))
            ensured = account.audiences.ensure(draft)
            print(ensured)

        It is found by its name, however that was typed, and its type. Only what the draft sets is
        compared, by meaning (``draft.differences``), and written: ``None`` leaves a member as it
        is, ``()`` empties it. The three sets of places are one choice: a draft with any of them
        says them all. An update sends all else as it was read, with members that kmoment does not
        know. Kakao has no call that writes only what has not changed, so an edit by someone else
        between the read and the write is lost. Done twice in a row, the second changes nothing.

        :param dry_run: Read and compare, and write nothing.
        :returns: The audience, what was changed, and the differences there were.
        :raises InvalidDraftError: The draft breaks documented rules (nothing was sent), or the
            audience would with it (nothing was written).
        :raises AmbiguousAudienceError: Several audiences have this name and type:
            ``candidates``. Nothing was written.
        :raises PartialListError: The list of audiences is not whole, so what is missing is not
            known. Nothing was written.
        :raises NotFoundError: It was listed, and is gone.
        :raises OutcomeUnknownError: It may have been created or updated, and looking did not tell.
            Before you ensure it again, wait: a create that the server saves later would be the
            second one.
        :raises APIError: A call failed, and nothing was written. It may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        check_draft(self._account, draft)
        return self._ensure(Wanted(draft, Listing(), dry_run))

    def ensure_many(
        self,
        drafts: Iterable[AudienceDraft],
        *,
        dry_run: bool = False,
        concurrency: int = 16,
        on_progress: OnProgress | None = None,
        deadline: float | None = None,
        journal: Journal | None = None,
        shard: str | None = None,
    ) -> EnsureOutcomes:
        """See that many audiences are what their drafts ask for. Each has its own outcome.

            drafts = [kmoment.AudienceDraft.display("20s", ages=("20", "25"))]
            print(account.audiences.ensure_many(drafts, dry_run=True))

        Same as :meth:`ensure`, but the account's audiences are listed once for all, and a draft
        that fails does not stop the others. Each audience that is there is read once.

        :param dry_run: Write nothing. The outcomes say what would be done.
        :param concurrency: How many drafts at once.
        :param on_progress: As for ``client.each``.
        :param deadline: Seconds for all. What is not done then is ``not attempted`` or, if it was
            written, ``unknown``. Default: none.
        :param journal: Where each draft is recorded, by account, type and name. One that is
            recorded as done in this run is not looked at again, also if the draft was changed
            since: its value has ``recorded``, what was done, and the id. One that may have been
            done is ensured again. A dry run only reads it. See ``kmoment.journal``.
        :param shard: The part of the drafts that this process ensures, such as ``3/8``.
        :returns: Outcomes in the order of the drafts. They print as a table.
        :raises InvalidDraftError: Drafts break documented rules, or two have one name and type. All
            violations are listed, each with its place. Nothing was sent.
        :raises InvalidArgumentError: Another argument breaks its rule. Nothing was sent.
        :raises PartialListError: The list of audiences is not whole. Nothing was written.
        :raises APIError: The list failed. Nothing was written. It may be repeated.
        :raises JournalStoreError: The journal cannot be read or written. What was begun may be
            done; it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        all_drafts = _validate.items("drafts", drafts)
        check_drafts(self._account, all_drafts)
        listing = Listing()
        batch: Batch[Wanted, Ensured] = Batch(
            self._sender,
            self._ensure,
            [Wanted(draft, listing, dry_run) for draft in all_drafts],
            concurrency=concurrency,
            ordered=True,
            on_progress=on_progress,
            deadline=deadline,
            keyed=keyed_drafts(self._account, journal, shard, dry_run=dry_run),
        )
        outcomes = batch.collect()
        if listing.failure is not None:
            raise listing.failure
        return by_draft(outcomes)

    def _ensure(self, wanted: Wanted) -> Ensured:
        return self._sender.run(ensure_one, self._account, wanted)

    def wait(
        self,
        *audience_ids: int,
        until: AudienceStatus | str = AudienceStatus.AVAILABLE,
        timeout: float = 3600.0,
    ) -> AudienceSummaries:
        """Wait until audiences are ready, and list them, in the given order.

            (row,) = account.audiences.wait(1)
            print(row.audience_status)

        The account's audiences are listed at once, and then after pauses that grow from 5 to 60
        seconds. All that wait for audiences of one account share these lists. A list that fails in
        a way that may pass is made again.

        :param until: The status to wait for. One that kmoment does not know is waited on.
        :param timeout: Seconds in all. Kakao does not say how long it prepares an audience.
        :raises InvalidArgumentError: An argument breaks its rule. Nothing was sent.
        :raises AudienceNotUsableError: One has ended in another state (``SEED_NOT_ENOUGH``,
            ``ERROR``).
        :raises NotFoundError: One does not exist.
        :raises DeadlineExceededError: The time is over. The message names the state of each.
        :raises APIError: A list failed for good. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        ids = _validate.idents("audience_ids", audience_ids)
        word = _validate.word("until", until)
        seconds = _validate.seconds("timeout", timeout)
        if not ids:
            return []
        return self._sender.run(wait_for, self._account, ids, word, seconds)

    def wait_each(
        self,
        *audience_ids: int,
        until: AudienceStatus | str = AudienceStatus.AVAILABLE,
        timeout: float = 3600.0,
    ) -> Outcomes[int, AudienceSummary]:
        """Wait until audiences are ready. Each has its own outcome.

            for outcome in account.audiences.wait_each(1, 2):
                print(outcome.input, outcome.status, outcome.error)

        Same as :meth:`wait`, but one that cannot be used does not end the wait for the others.

        :raises InvalidArgumentError: An argument breaks its rule. Nothing was sent.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        ids = _validate.idents("audience_ids", audience_ids)
        word = _validate.word("until", until)
        seconds = _validate.seconds("timeout", timeout)
        if not ids:
            return Outcomes()
        return self._sender.run(wait_for_each, self._account, ids, word, seconds)

    def delete(self, audience_id: int, *, if_unused: bool = False) -> None:
        """Delete one audience.

        :param if_unused: Look first whether ad groups use it. One that begins to use it between
            the look and the delete is not seen.
        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises AudienceInUseError: With *if_unused*: ad groups use it. Nothing was deleted.
        :raises NotFoundError: There is no such audience in this account (any more).
        :raises OutcomeUnknownError: It may have been done. It may be repeated.
        :raises APIError: The call failed, and nothing was deleted.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        ident = _validate.ident("audience_id", audience_id)
        if if_unused:
            check_unused(ident, self.ad_groups(ident))
        self._sender.send(
            Call(
                endpoint=DELETE_AUDIENCE,
                returns=NoneType,
                account=self._account,
                path={"id": ident},
            )
        )

    def plan_delete(self, audience_ids: Iterable[int]) -> DeletePlan:
        """Show which ad groups use audiences, before they are deleted.

            plan = account.audiences.plan_delete([1, 2])
            print(plan)
            plan.apply(unlink=True)

        :raises InvalidArgumentError: An id is not a positive 64-bit integer. Nothing was sent.
        :raises NotFoundError: One does not exist.
        :raises APIError: A call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        ids = _validate.idents("audience_ids", audience_ids)
        rows = self._sender.run(plan_delete, self._account, ids) if ids else ()
        return DeletePlan(self._sender, self._account, rows)

    def delete_many(
        self,
        audience_ids: Iterable[int],
        *,
        journal: Journal | None = None,
        shard: str | None = None,
    ) -> BulkDeleteResult:
        """Delete any number of audiences. Some may fail while the call succeeds.

            result = account.audiences.delete_many([1, 2, 3])
            for outcome in result.outcomes:
                print(outcome.input, outcome.value or outcome.error)

        They go in requests of 50, since Kakao does not say how many it takes at once. Kakao
        counts what was deleted and does not say which, so the account's audiences are listed
        before, and after anything but a full success; what a list does not show is asked for by
        itself where the counts do not settle it, and what is left of a request in doubt is
        deleted once more. A request that fails does not keep the next from being made.
        ``reconcile_delays=()`` does without the lists; what was no full success is then
        ``unknown``.

        :param journal: Where each id is recorded. One that is recorded as deleted is not sent
            again. Kakao's counts are those of the others. See ``kmoment.journal``.
        :param shard: The part of the ids that this process deletes, such as ``3/8``.
        :returns: Kakao's counts and messages, and an outcome for each id as given: deleted,
            already absent, failed or unknown. An id that is given twice is deleted once. No id:
            nothing is sent.
        :raises InvalidArgumentError: An id is not a positive 64-bit integer. Nothing was sent.
        :raises OutcomeUnknownError: It may have been done, and nothing is known to be. It may
            be repeated.
        :raises APIError: Every request failed, and nothing was deleted.
        :raises JournalStoreError: The journal cannot be written. If that is so at the end, the
            audiences are deleted; a further run finds them absent.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        part = shard_of(shard)
        checked_journal(journal)
        every = _validate.idents("audience_ids", audience_ids)
        ids = tuple(one for one in every if part.has(str(one)))
        if not ids:
            return BulkDeleteResult(success_count=0, fail_count=0)
        call = Call(
            endpoint=DELETE_AUDIENCES,
            returns=BulkDeleteResult,
            account=self._account,
            query={"audienceIds": ",".join(map(str, ids))},
        )
        if journal is None:
            return self._sender.send(call)
        return self._sender.run(delete_recorded, call, ids, journal)

    def ad_groups(self, audience_id: int) -> AudienceAdGroups:
        """List the ad groups that use an audience: its links.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises NotFoundError: There is no such audience in this account.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        return self._sender.send(
            Call(
                endpoint=AUDIENCE_AD_GROUPS,
                returns=AudienceAdGroups,
                account=self._account,
                path={"id": _validate.ident("audience_id", audience_id)},
            )
        )

    def plan_link(
        self,
        audience_id: int,
        ad_group_id: int,
        *,
        like: int | None = None,
        at: str | None = None,
    ) -> LinkPlan:
        """Plan to make an ad group use an audience, as another ad group uses one.

            plan = account.audiences.plan_link(3, 2, like=1)
            print(plan)
            plan.apply()

        *Experimental: the field is learnt, and it was never tried on the live API.* Kakao has no
        call that links. An ad group names its audiences in a member that no page names. So this
        reads ad groups that use an audience, finds where its id stands, and plans the same entry
        in the ad group. It reads about ten things and writes nothing.

        :param like: An ad group that uses an audience of this type. Default: one is looked for
            among the ad groups of 20 audiences, and named in the plan.
        :param at: Chooses among several places, as the error names them: ``targeting.x[]``.
        :returns: The plan. If the ad group uses the audience already, it says so.
        :raises InvalidArgumentError: An argument breaks its rule. Nothing was sent.
        :raises LinkRefusedError: There is nothing to learn from, the place does not hold ids of
            audiences, or the ad group is deleted or of another type.
        :raises AmbiguousPlaceError: Several places may be meant: ``places``.
        :raises NotFoundError: There is no such audience or ad group in this account.
        :raises APIError: A call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/ad-group
        """
        audience, ad_group, example = (
            _validate.ident("audience_id", audience_id),
            _validate.ident("ad_group_id", ad_group_id),
            None if like is None else _validate.ident("like", like),
        )
        place = None if at is None else _validate.text("at", at)
        edit = self._sender.run(plan_link, self._account, audience, ad_group, example, place)
        return LinkPlan(self._sender, edit)

    def unlink(self, audience_id: int, ad_group_id: int) -> None:
        """Make an ad group stop using an audience.

        The other way round, linking, happens where the ad group is created or edited: see
        :meth:`plan_link`.

        :raises InvalidArgumentError: An id is not a positive 64-bit integer. Nothing was sent.
        :raises NotFoundError: There is no such audience in this account.
        :raises OutcomeUnknownError: It may have been done. It may be repeated.
        :raises APIError: The call failed, and nothing was changed.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        self._sender.send(
            Call(
                endpoint=UNLINK_AD_GROUP,
                returns=NoneType,
                account=self._account,
                path={"id": _validate.ident("audience_id", audience_id)},
                query={"adGroupId": _validate.ident("ad_group_id", ad_group_id)},
            )
        )
