"""The blocking client: every method of the async one, on a thread of its own."""

import ssl as ssl_module
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import attrs

from .. import _validate
from .._batch.keyed import Keyed
from .._engine.settings import ClientSettings
from .._engine.sharing import Sharing
from .._engine.token import TokenProvider
from .._engine.views import Viewable
from .._protocol.call import Call
from .._protocol.endpoints import unlisted
from .._protocol.routes import Reading
from .._secret import Secret
from ..batch import OnProgress
from ..errors import OutcomeUnknownError
from ..hooks import Hook
from ..journal.journal import Journal
from ..limits import LimitStatus
from ..models import Audience, AudienceDraft
from ..places import LocationTree
from ..sheets._job import drafts_of, warned
from ..sheets.sheet import Sheet
from ._sender import Sender, ThreadOwner
from .batch import Batch
from .resources.account import Account
from .resources.accounts import Accounts
from .resources.categories import Categories
from .resources.locations import Locations
from .resources.placements import Placements

I = TypeVar("I")  # noqa: E741 - input
V = TypeVar("V")


class Client(Viewable):
    """Kakao Moment for blocking code. Opens nothing until the first call; close it when done.

        with kmoment.Client(token) as moment:
            rows = moment.account(1234).audiences.list()

    One client is one pool of connections, on a thread of its own, and safe for any number of
    threads. Make one and share it. A forked process may go on using it: there it opens its own
    thread and pool. In a running event loop it works, and warns: it blocks that loop.
    """

    def __init__(
        self,
        token: str | TokenProvider | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        deadline: float = 60.0,
        insecure: bool = False,
        proxy: str | None = None,
        trust_env: bool = False,
        ssl: ssl_module.SSLContext | None = None,
        max_connections: int = 100,
        max_body_bytes: int = 64 * 2**20,
        routes: Reading = "auto",
        max_attempts: int = 3,
        reconcile_delays: Iterable[float] = (1.0, 5.0, 15.0),
        periods: Mapping[str, float] | None = None,
        max_wait: float | None = None,
        outage_patience: float | None = None,
        hooks: Iterable[Hook] = (),
        fleet: Sharing | None = None,
    ) -> None:
        """Check the settings. Nothing is opened or sent.

        :param token: A business token (a Kakao Login token does not work), or a callable that
            returns one and may be async: it is asked at the first call, and again after the
            server has refused a token. A callable with one parameter is asked for each ad
            account, and gets its id: ``token=lambda account: tokens[account]``. It gets ``None``
            for calls that are about no account, such as look-ups of places. Default: the
            environment's ``KMOMENT_TOKEN``.
        :param base_url: https, or http on this machine. Default: the environment's
            ``KMOMENT_BASE_URL``, else Kakao's.
        :param timeout: Seconds that one attempt may wait for the server's next byte. A
            connection must be open within 10 s, or within this if it is less.
        :param deadline: Seconds for one call: every attempt, every pause, and waiting for a host
            that is down. Time in queues does not count: see *max_wait*.
        :param insecure: Allow a *base_url* with http to another machine, such as a sandbox in
            another container. The token then travels unencrypted: it warns once.
        :param proxy: The URL of an http(s) proxy.
        :param trust_env: Use the proxy that the environment names (``HTTPS_PROXY``, ``NO_PROXY``),
            unless *proxy* is given.
        :param ssl: For a private certificate authority or client certificate.
        :param max_connections: Requests that may be under way at once. More wait.
        :param max_body_bytes: The largest answer that is read, decompressed: 64 MiB. A larger one
            is a ``ProtocolError``, and is not asked for again.
        :param routes: Which reading of Kakao's audience routes the server means. ``auto`` tries
            ``nested`` first, then ``flat``, and remembers.
        :param max_attempts: How often a call may be tried. What a failed attempt may have done
            decides whether it is tried again; a create never is, unless it provably did nothing.
        :param reconcile_delays: Seconds before each search for an audience whose create got no
            answer. Unless it is empty, a create and a bulk delete first list what is there.
        :param periods: Seconds between two calls of a quota group (``audiences``, or a look-up's
            name such as ``locations.depth3``) and ad account, for limits you know of.
        :param max_wait: Seconds that a call may spend in queues before it is sent: for its turn
            where the server limits the rate, for a free connection. A call that cannot pass in
            that time fails at once. Default: no limit, so that any number of calls may be begun.
        :param outage_patience: Seconds that a call waits for a host that is down, from the moment
            it went down. Default: 5 for a call, 60 for one of a batch. 0: fail at once.
        :param hooks: Objects that are told about every call: see ``kmoment.hooks``.
        :param fleet: Limits that other processes share: see ``kmoment.fleet``.
        :raises InvalidArgumentError: An argument breaks its rule.
        """
        if hasattr(self, "_sender"):  # a view
            return
        # Rebound at once: a traceback shows the local variables of every frame.
        secret, token = Secret.wrap(token), None
        via, proxy = None if proxy is None else Secret.wrap(proxy), None
        settings = ClientSettings.checked(
            secret,
            base_url=base_url,
            timeout=timeout,
            deadline=deadline,
            insecure=insecure,
            proxy=via,
            trust_env=trust_env,
            ssl=ssl,
            max_connections=max_connections,
            max_body_bytes=max_body_bytes,
            routes=routes,
            max_attempts=max_attempts,
            reconcile_delays=reconcile_delays,
            periods=periods,
            max_wait=max_wait,
            outage_patience=outage_patience,
            hooks=hooks,
            fleet=fleet,
            blocking=True,
        )
        self._sender = Sender(settings, ThreadOwner(settings))

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return self._sender.settings.base_url

    @property
    def accounts(self) -> Accounts:
        """The ad accounts that the token may use."""
        return Accounts(self._sender)

    @property
    def locations(self) -> Locations:
        """Provinces, districts and neighbourhoods."""
        return Locations(self._sender)

    @property
    def placements(self) -> Placements:
        """Where ads can be shown."""
        return Placements(self._sender)

    @property
    def categories(self) -> Categories:
        """Interests and business types."""
        return Categories(self._sender)

    def account(self, ad_account_id: int) -> Account:
        """One ad account. Costs nothing, opens nothing, and shares the pool.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer.
        """
        return Account(self._sender, _validate.ident("ad_account_id", ad_account_id))

    def with_options(
        self,
        *,
        max_attempts: int | None = None,
        deadline: float | None = None,
        reconcile_delays: Iterable[float] | None = None,
        max_wait: float | None = None,
        outage_patience: float | None = None,
    ) -> Self:
        """The same client with other limits for its calls: a view that shares the pool.

            patient = moment.with_options(deadline=300, max_attempts=5)
            hasty = moment.with_options(deadline=3, max_wait=1, outage_patience=0)

        What is not given stays as it is. ``max_wait=math.inf`` takes the limit away. Closing
        either closes both.

        :raises InvalidArgumentError: An argument breaks its rule.
        """
        before = self._sender
        settings = before.settings.with_options(
            max_attempts, deadline, reconcile_delays, max_wait, outage_patience
        )
        return self._constructed_again(_sender=Sender(settings, before.owner))

    def each(
        self,
        method: Callable[[I], V],
        inputs: Iterable[I],
        *,
        concurrency: int = 16,
        ordered: bool = True,
        on_progress: OnProgress | None = None,
        deadline: float | None = None,
        journal: Journal | None = None,
        key: Callable[[I], int | str] | None = None,
        shard: str | None = None,
        repeatable: bool = False,
    ) -> Batch[I, V]:
        """Run *method* over many inputs, so that each may fail by itself.

            audiences = moment.account(1234).audiences
            for outcome in moment.each(audiences.get, ids, concurrency=32):
                print(outcome.input, outcome.value if outcome.ok else outcome.error)

        For several arguments give a function: ``lambda it: audiences.update(*it)``. Inputs are
        pulled as there is room, so they may be a generator without end. Leaving the loop stops
        the work. A batch that a variable holds goes on until it is closed or dropped.

        :param inputs: An error that the iterable raises comes after the outcomes of all that
            it gave before. In blocking code it runs on your thread, between outcomes: it
            must not wait for one.
        :param concurrency: How many calls at once. Where *method* is one of kmoment's own, a
            create whose answer was lost does not count while it waits to be looked for.
        :param ordered: Outcomes in the order of the inputs; else as they are done.
        :param on_progress: Called with a ``Progress`` for each outcome handed on. In async
            code it may be async, and is awaited before the outcome is handed on.
        :param deadline: Seconds for the batch. What is not done then is ``not attempted`` or, if
            it was sent, ``unknown``. Default: none.
        :param journal: Where each input is recorded before its job starts and when it has ended.
            An input that is done already is ok, with what was kept: its value as JSON. One whose
            job died is ``unknown``. An input whose entry cannot be written is not begun: the batch
            stops with a ``JournalStoreError``. See ``kmoment.journal``.
        :param key: What names an input in the journal: a function that gives a whole number or
            text. Default: the input itself. With a journal no key may come twice.
        :param shard: The part of the inputs that this process does, such as ``3/8``: the others
            are left out. Keys are dealt by a hash, so a key is always in the same part.
        :param repeatable: For a journal: do an input also where an earlier job may have done it.
        :raises InvalidArgumentError: An argument breaks its rule.
        """
        _validate.work("method", method)
        return Batch(
            self._sender,
            method,
            inputs,
            concurrency=concurrency,
            ordered=ordered,
            on_progress=on_progress,
            deadline=deadline,
            keyed=Keyed(journal, key, shard, repeatable),
        )

    def each_account(
        self,
        ad_account_ids: Iterable[int],
        job: Callable[[Account], V],
        *,
        concurrency: int = 16,
        ordered: bool = True,
        on_progress: OnProgress | None = None,
        deadline: float | None = None,
        journal: Journal | None = None,
        key: Callable[[int], int | str] | None = None,
        shard: str | None = None,
        repeatable: bool = False,
    ) -> Batch[int, V]:
        """Run *job* for many ad accounts on one pool. One account's error is one outcome.

            batch = moment.each_account(ids, lambda account: account.audiences.list())
            outcomes = batch.collect()

        Accounts are served in turn: one with many calls does not delay the others. A job that
        fails or is stopped after a write is ``unknown``: part of its work may be done.

        See :meth:`each` for the parameters. In a journal an account's key is its id.
        """
        _validate.work("job", job)
        return self.each(
            lambda ad_account_id: job(self.account(ad_account_id)),
            ad_account_ids,
            concurrency=concurrency,
            ordered=ordered,
            on_progress=on_progress,
            deadline=deadline,
            journal=journal,
            key=key,
            shard=shard,
            repeatable=repeatable,
        )

    def drafts(
        self, sheet: Sheet, *, tree: LocationTree | None = None
    ) -> dict[int, list[AudienceDraft]]:
        """Make drafts of a sheet of audiences, for each ad account. Nothing is written.

            sheet = kmoment.sheets.read("audiences.csv")
            drafts = moment.drafts(sheet)
            for draft in drafts[1234]:
                print(draft.name, draft.violations())

        Names are settled by look-ups: one of each kind that the sheet needs for each account;
        categories and places once for all.

        :param tree: The places, if you have them: ``moment.locations.tree(file=...)`` keeps them.
            Default: they are asked for, about 280 calls, if the sheet names places.
        :raises InvalidArgumentError: An argument is not of its kind. Nothing was sent.
        :raises SheetError: All faults of the sheet at once: of form, of names, and what breaks
            Kakao's rules.
        :raises APIError: A look-up failed. It only reads, so it may be repeated.
        :warns UserWarning: A place lies in another one of its row.
        """
        _validate.instance("sheet", sheet, Sheet, "kmoment.sheets.read")
        if tree is not None:
            _validate.instance("tree", tree, LocationTree, "kmoment.LocationTree.load")
        return warned(self._sender.run(drafts_of, sheet, tree))

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        account: int | None = None,
    ) -> Any:
        """Call an endpoint that kmoment does not know. Retries and errors are as for any call.

            files = moment.request("GET", "/openapi/v4/customerFiles", account=1234)

        :param method: GET, POST, PUT or DELETE. Anything but a GET is sent again only if the
            server provably did nothing.
        :param path: From the host on, without a query. Its parts are letters, digits and
            ``-._~``.
        :param params: The query.
        :param json: The body.
        :param account: For the ``adAccountId`` header.
        :returns: The parsed JSON, ``None`` for an empty answer.
        :raises InvalidArgumentError: An argument breaks its rule. Nothing was sent.
        :raises APIError: As for any other call.

        https://developers.kakao.com/docs/latest/en/kakaomoment/reference
        """
        method, path = _validate.method("method", method), _validate.path("path", path)
        return self._sender.send(
            Call(
                endpoint=unlisted(method, path, account=account is not None),
                returns=object,
                account=None if account is None else _validate.ident("account", account),
                query=_validate.query("params", params or {}),
                body=_validate.json("json", json),
            )
        )

    def reconcile(self, error: OutcomeUnknownError) -> Audience:
        """Search again for the audience that ``audiences.create`` may have made.

            try:
                audience = account.audiences.create(draft)
            except kmoment.OutcomeUnknownError as error:
                audience = moment.reconcile(error)  # later, as often as you like

        :returns: The one audience that can only be it.
        :raises OutcomeUnknownError: There is none, or more than one (``candidates``), or it is
            not known what was there before.
        """
        return self._sender.reconcile(error)

    def limits(self) -> list[LimitStatus]:
        """What is known of the server's limits: rates, queues, last rejections.

            for limit in moment.limits():
                print(limit.quota, limit.ad_account_id, limit.rate, limit.waiting)

        A limiter without a rate has met no limit. Nothing is sent.
        """
        return self._sender.owner.limits()

    def close(self) -> None:
        """Refuse new calls, wait up to 5 s for those under way, then close every connection.

        May be called again, and before anything was opened. A script need not call it: nothing
        is left open, and nothing waits, when the interpreter exits.
        """
        self._sender.owner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _change_settings(self, **changes: Any) -> None:
        """For tests, before the first call: also for the resources that exist already."""
        self._sender.settings = attrs.evolve(self._sender.settings, **changes)

    def __repr__(self) -> str:
        if not hasattr(self, "_sender"):  # in the traceback of a refused argument
            return f"<{type(self).__name__}>"
        return f"<{type(self).__name__} {self.base_url}, {self._sender.owner}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client holds connections and a token: make one in each process")
