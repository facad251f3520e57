"""The errors of kmoment, and what is promised about retries and writes.

(Those of logins and stored tokens are in ``kmoment.auth``. An argument that a method does not have,
such as a misspelt one, is Python's own ``TypeError``.)

The class says who has to act. Facts are attributes: `operation`, `ad_account_id`, `status`, `code`,
`detail_code`, `detail_message` (Kakao's words), `hint` and `hint_ko` (ours), `can_retry`, and
`request_sent`, which is `False` only if the request provably never left.

    KmomentError
    ├── UsageError                 the call cannot be made as asked; nothing was written
    │   ├── InvalidArgumentError   also a ValueError
    │   │   ├── InvalidDraftError  all violations of an audience draft at once
    │   │   ├── AmbiguousLocationError, LocationNotFoundError
    │   │   └── AmbiguousNameError, NameNotFoundError, UnknownWordError
    │   ├── AmbiguousAudienceError, AmbiguousPlaceError          `candidates`; `places`
    │   ├── AudienceInUseError     ad groups use it: `ad_groups`. Nothing was deleted
    │   ├── ConflictError          it has changed since it was read. Nothing was written
    │   ├── LinkRefusedError       a link cannot be learnt, or not made. Nothing was written
    │   ├── SheetError             all `faults` of a sheet at once. Nothing was written
    │   └── ClientClosedError, WrongLoopError
    ├── AudienceNotUsableError     `audiences.wait`: it will not become what was waited for
    ├── JournalError               `kmoment.journal`; nothing was sent without its record
    │   ├── AlreadyDoneError, EntryBusyError, EntryUnknownError      what the entry says: `key`
    │   └── JournalStoreError      the file or Redis cannot be used
    └── APIError                   a call failed
        ├── BadRequestError, NotFoundError, RouteNotFoundError   refused; no such thing, or route
        ├── AuthenticationError                the token is wrong or revoked
        ├── PermissionDeniedError              not allowed
        │   ├── AddressNotAllowedError         not from this IP address
        │   └── ConsentRequiredError           the user has to agree: `required_scopes`
        ├── RateLimitedError, QuotaExceededError       too fast; the quota is used up
        ├── ServerError, with MaintenanceError         Kakao failed inside
        ├── APIConnectionError                 no answer: refused, DNS, TLS, reset, silent
        ├── OutcomeUnknownError                a write may have been done: `draft`, `candidates`
        ├── WriteMismatchError                 written, but something else is there: `differences`
        ├── DeadlineExceededError              also a TimeoutError: `phase`
        ├── FleetUnavailableError              the fleet's Redis is away, and calls may not go on
        ├── DecodeError, with PartialListError         not as documented; more rows than came
        └── ProtocolError                      the answer is not Kakao's at all

A call is tried up to three times (`max_attempts`) within one deadline (`deadline`, 60 s). 429s and
a host that is down count against neither (`help(kmoment.limits)`). What is tried again depends on
what the failed attempt may have done at the server:

| what happened | reads | update | delete, unlink | create | delete many |
|---|---|---|---|---|---|
| 429 | back to the queue | ← | ← | ← | ← |
| provably not sent | again | again | again | again | again |
| quota used up; bad certificate; 401, 403, 4xx | error | error | error | error | error |
| maintenance | once more | once more | once more | once more | once more |
| 5xx; no answer after sending | again | again for 30 s | again | **never**: search | read back |
| a success whose body was lost | again | read back | done | search | read back |
| an answer that is not Kakao's | once more | compare | is it gone? | search | read back |

* A **create** first lists the account's audiences and uses a connection of its own. If its answer
  is lost, it is searched for after 1, 5 and 15 s (`reconcile_delays`). Exactly one audience that is
  new and what the draft asks for is returned, with `reconciled` set. Anything else is an
  `OutcomeUnknownError`, never a second audience. `client.reconcile(error)` searches again.
* "Already deleted" is a success only if an earlier attempt of the same call may have done it.
* An answer that is not Kakao's proves nothing: no success, no missing audience, no dead token.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, cast

from ._facts import FACTS, AttemptRecord, CellFault, Facts, Problem, Violation, process_named, some

# fmt: off
__all__ = [
    "APIConnectionError", "APIError", "AddressNotAllowedError", "AlreadyDoneError",
    "AmbiguousAudienceError", "AmbiguousLocationError", "AmbiguousNameError",
    "AmbiguousPlaceError", "AttemptRecord", "AudienceInUseError", "AudienceNotUsableError",
    "AuthenticationError", "BadRequestError", "CellFault", "ClientClosedError", "ConflictError",
    "ConsentRequiredError", "DeadlineExceededError", "DecodeError", "EntryBusyError",
    "EntryUnknownError", "Facts", "FleetUnavailableError", "InvalidArgumentError",
    "InvalidDraftError", "JournalError", "JournalStoreError", "KmomentError",
    "LinkRefusedError", "LocationNotFoundError", "MaintenanceError", "NameNotFoundError",
    "NotFoundError", "OutcomeUnknownError", "PartialListError", "PermissionDeniedError",
    "Problem", "ProtocolError", "QuotaExceededError", "RateLimitedError", "RouteNotFoundError",
    "ServerError", "SheetError", "UnknownWordError", "UsageError", "Violation",
    "WriteMismatchError", "WrongLoopError",
]
# fmt: on

_SHOWN_FAULTS = 40
"""Faults of a sheet that its error shows: a page of a terminal."""


class KmomentError(Exception):
    """The root of all errors of kmoment."""


class UsageError(KmomentError):
    """The call cannot be made as it was asked for. Nothing was sent."""


class InvalidArgumentError(UsageError, ValueError):
    """An argument breaks a rule. Nothing was sent."""

    argument: str
    """The argument's name."""
    rule: str
    """What it must be."""

    def __init__(self, argument: str, rule: str) -> None:
        super().__init__(argument, rule)
        self.argument = argument
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.argument} {self.rule}"


class InvalidDraftError(InvalidArgumentError):
    """An audience draft breaks documented rules; :attr:`violations` lists all of them."""

    violations: tuple[Violation, ...]

    def __init__(self, argument: str, violations: Sequence[Violation]) -> None:
        count = len(violations)
        super().__init__(argument, f"breaks {count} rule{'s' * (count > 1)}")
        self.violations = tuple(violations)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.argument, self.violations), vars(self).copy()

    def __str__(self) -> str:
        lines = (f"  {violation}" for violation in self.violations)
        return "\n".join([f"{self.argument} {self.rule}:", *lines])


class AmbiguousLocationError(InvalidArgumentError):
    """Several places have this name. Choose one, or write it as :attr:`writings` says."""

    candidates: tuple[Any, ...]
    """The places that have the name."""
    writings: tuple[str, ...]
    """For each candidate, in order: what names it and nothing else."""
    readings: tuple[str, ...]
    """If it may be one place or a list: how to write it as one place, and how as a list."""

    def __init__(
        self,
        name: str,
        candidates: Sequence[Any],
        writings: Sequence[str],
        readings: Sequence[str] = (),
    ) -> None:
        if readings:
            found = (
                f"{name!r} may be {readings[0]!r}, or the list {readings[1]!r}: write one of them"
            )
        else:
            found = f"{name!r} names {len(candidates)}: {some(writings)}"
        super().__init__("name", f"must name one place; {found}")
        self.candidates = tuple(candidates)
        self.writings = tuple(writings)
        self.readings = tuple(readings)
        self._made_of = (name, self.candidates, self.writings, self.readings)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_of, vars(self).copy()


class AmbiguousAudienceError(InvalidArgumentError):
    """Several audiences have this name. Choose one by its id, or give the type as well."""

    candidates: tuple[Any, ...]
    """The audiences that have the name, as they are listed."""

    def __init__(self, name: str, candidates: Sequence[Any]) -> None:
        ids = some([row.id for row in candidates])
        rule = f"must name one audience; {name!r} names {len(candidates)}: {ids}"
        super().__init__("name", rule)
        self.candidates = tuple(candidates)
        self._made_of = (name, self.candidates)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_of, vars(self).copy()


class LocationNotFoundError(InvalidArgumentError):
    """No place has this name."""

    near: tuple[Any, ...]
    """Places whose names are written nearly like it, the nearest first."""
    successors: tuple[Any, ...]
    """What to name instead, where a place was merged, divided or moved."""
    since: str | None
    """The day on which it was, such as ``2014-07-01``."""

    def __init__(
        self,
        name: str,
        near: Sequence[Any] = (),
        successors: Sequence[Any] = (),
        since: str | None = None,
    ) -> None:
        changed = f"; changed {since}, see {some(successors)}" if successors else ""
        like = f"; near names: {some(near)}" if near else ""
        super().__init__("name", f"must be a place's code or name, not {name!r}{changed}{like}")
        self.near = tuple(near)
        self.successors = tuple(successors)
        self.since = since
        self._made_of = (name, self.near, self.successors, since)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_of, vars(self).copy()


class NameNotFoundError(InvalidArgumentError):
    """No row of a look-up has this id or name."""

    near: tuple[Any, ...]
    """Rows whose names are written nearly like it, the nearest first."""
    near_names: tuple[str, ...]
    """Their names, in order."""

    def __init__(self, name: str, near: Sequence[Any] = (), near_names: Sequence[str] = ()) -> None:
        like = f"; near names: {some(near_names)}" if near_names else ""
        super().__init__("name", f"must be the id or name of a row, not {name!r}{like}")
        self.near = tuple(near)
        self.near_names = tuple(near_names)
        self._made_of = (name, self.near, self.near_names)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_of, vars(self).copy()


class AmbiguousNameError(InvalidArgumentError):
    """Several rows of a look-up have this name. Choose one by its id."""

    candidates: tuple[Any, ...]
    """The rows that have the name."""
    ids: tuple[str, ...]
    """The id of each, in order."""

    def __init__(self, name: str, candidates: Sequence[Any], ids: Sequence[str]) -> None:
        rule = f"must name one row; {name!r} names {len(candidates)}, with ids {some(ids)}"
        super().__init__("name", rule)
        self.candidates = tuple(candidates)
        self.ids = tuple(ids)
        self._made_of = (name, self.candidates, self.ids)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_of, vars(self).copy()


class UnknownWordError(InvalidArgumentError):
    """A text is not one of the words that stand for Kakao's codes."""

    rule_ko: str
    """What it must be, in Korean."""
    near: tuple[str, ...]
    """What may have been meant, the nearest first."""

    def __init__(
        self, argument: str, rule: str, rule_ko: str = "", near: Sequence[str] = ()
    ) -> None:
        super().__init__(argument, rule)
        self.rule_ko = rule_ko
        self.near = tuple(near)
        self._made_of = (argument, rule, rule_ko, self.near)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_of, vars(self).copy()

    def __str__(self) -> str:
        like = f"; near: {some(self.near)}" if self.near else ""
        return f"{super().__str__()}{like}"


class SheetError(UsageError):
    """A sheet of definitions has faults; :attr:`faults` lists all of them. Nothing was written."""

    faults: tuple[CellFault, ...]

    def __init__(self, faults: Sequence[CellFault]) -> None:
        super().__init__(tuple(faults))
        self.faults = tuple(faults)

    def __str__(self) -> str:
        lines = [f"  {fault}" for fault in self.faults[:_SHOWN_FAULTS]]
        left = len(self.faults) - len(lines)
        more = [f"  and {left} more: see `faults`"] if left else []
        return "\n".join([f"{len(self.faults)} faults; nothing was written:", *lines, *more])


class AudienceInUseError(UsageError):
    """Ad groups use the audience. Nothing was deleted."""

    ad_groups: tuple[Any, ...]
    """The ad groups that use it."""

    def __init__(self, audience_ids: Sequence[int], ad_groups: Sequence[Any]) -> None:
        used = some([row.ad_group_id for row in ad_groups])
        which = ", ".join(map(str, audience_ids))
        super().__init__(f"audience {which}: in use by ad groups {used}; nothing was deleted")
        self.ad_groups = tuple(ad_groups)
        self._made_of = (tuple(audience_ids), self.ad_groups)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_of, vars(self).copy()


class ConflictError(UsageError):
    """What was read has changed in the meantime. Nothing was written: read again, then decide."""


class LinkRefusedError(UsageError):
    """A link cannot be learnt from other ad groups, or this one cannot be made.

    Nothing was written. The message says why.
    """


class AmbiguousPlaceError(LinkRefusedError):
    """An ad group may name its audiences in several places. Choose one with ``at``."""

    places: tuple[str, ...]
    """Each place, as ``at`` takes it."""

    def __init__(self, reason: str, places: Sequence[str]) -> None:
        super().__init__(reason, tuple(places))
        self.places = tuple(places)

    def __str__(self) -> str:
        return str(self.args[0])


class AudienceNotUsableError(KmomentError):
    """An audience has ended in a state that is not the one waited for."""

    audience: Any
    """The audience, as it is listed."""
    audience_status: str
    """Such as ``SEED_NOT_ENOUGH`` or ``ERROR``."""

    def __init__(self, audience: Any) -> None:
        super().__init__(audience)
        self.audience = audience
        self.audience_status = audience.audience_status

    def __str__(self) -> str:
        meaning = _ENDED.get(self.audience_status)
        told = f"audience {self.audience.id} is {self.audience_status}"
        return f"{told}: {meaning}" if meaning else told


_ENDED = {"SEED_NOT_ENOUGH": "insufficient target population", "ERROR": "unavailable"}
"""Kakao's words for states that an audience ends in."""


class JournalError(KmomentError):
    """A journal does not let a job begin, or cannot record what it did: see ``kmoment.journal``."""


class AlreadyDoneError(JournalError):
    """The key is done: an earlier job of the run, maybe in another process, has recorded it."""

    key: str
    value: Any
    """What that job has kept, as JSON has it."""

    def __init__(self, key: str, value: Any = None) -> None:
        super().__init__(key, value)
        self.key, self.value = key, value

    def __str__(self) -> str:
        return f"{self.key!r} is done already"


class EntryBusyError(JournalError):
    """A process that lives has begun the key, and has not ended it. Nothing was sent."""

    key: str
    by: str
    """Who has begun it."""

    def __init__(self, key: str, by: str) -> None:
        super().__init__(key, by)
        self.key, self.by = key, by

    def __str__(self) -> str:
        return f"{self.key!r} is under way: {process_named(self.by)} has begun it"


class EntryUnknownError(JournalError):
    """What was written for the key is not known: its process died, or its write was in doubt.

    Look at the account, then say what you found: ``journal.resolve(key, "ok")``, or ``"failed"``.
    """

    key: str
    why: str

    def __init__(self, key: str, why: str) -> None:
        super().__init__(key, why)
        self.key, self.why = key, why

    def __str__(self) -> str:
        key = repr(self.key)
        return (
            f"{key} may have been done: {self.why}; look at the account, then say "
            f"journal.resolve({key}, 'ok'), or 'failed', or journal.forget({key}); "
            "a job that may be done twice can have repeatable=True"
        )


class JournalStoreError(JournalError):
    """A journal's file or Redis cannot be used. A batch stops: no write without its record."""

    where: str
    """The path as it was given; or Redis's address, without a password."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where

    def __str__(self) -> str:
        return f"the journal {self.where}: {self.args[1]}"


class ClientClosedError(UsageError, RuntimeError):
    """The client was closed before this call. Nothing was sent."""


class WrongLoopError(UsageError, RuntimeError):
    """The client belongs to another event loop, or none is running. Nothing was sent."""


class APIError(KmomentError):
    """A call failed. Each fact is an attribute, ``None`` where it is not known."""

    hint: ClassVar[str] = "Read the message and Kakao's error code page."
    """What to do, in English."""
    hint_ko: ClassVar[str] = "메시지와 카카오 에러 코드 문서를 확인하세요."
    """What to do, in Korean."""
    can_retry: bool = False
    """Whether the same call can succeed later without a change."""

    operation: str | None = None
    """The call's name, such as ``audiences.create``."""
    method: str | None = None
    path: str | None = None
    """The path's template, such as ``/openapi/v4/targetings/audiences/{id}``."""
    ad_account_id: int | None = None
    status: int | None = None
    code: int | None = None
    """Kakao's ``code``, such as -813."""
    message: str | None = None
    """Kakao's ``msg``, or the first words of whatever has answered."""
    detail_code: int | None = None
    """Kakao's ``extras.detailCode``."""
    detail_message: str | None = None
    """Kakao's ``extras.detailMsg``, mostly Korean."""
    request_sent: bool | None = None
    """False: the request provably never left. True: the server may have acted."""
    request_id: str | None = None
    """The id under which the server, or a gateway before it, knows the request."""
    retry_after: float | None = None
    """Seconds to wait, where the server says so."""
    attempts: tuple[AttemptRecord, ...] = ()
    """The attempts that failed, in order."""

    def __init__(self, reason: str, facts: Facts | None = None) -> None:
        super().__init__(reason)
        vars(self).update(facts or {})

    @property
    def reason(self) -> str:
        """What happened, in a few words."""
        return str(self.args[0])

    def _facts(self) -> Facts:
        """A copy of all facts that are known."""
        return cast("Facts", {k: v for k, v in vars(self).items() if k in FACTS})

    def __str__(self) -> str:
        where = f" (account {self.ad_account_id})" if self.ad_account_id is not None else ""
        kakao = ", ".join(
            f"{label} {value}"
            for label, value in (
                ("HTTP", self.status),
                ("code", self.code),
                ("detailCode", self.detail_code),
            )
            if value is not None
        )
        said = self.detail_message or self.message
        ident = self.request_id and f"request {self.request_id}"
        parts = [f"{self.operation or 'call'}{where}: {self.reason}", kakao, said, ident, self.hint]
        return " | ".join(part for part in parts if part)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class BadRequestError(APIError):
    """Kakao refused the request's content."""

    hint = "Correct the request; sending it again as it is will fail again."
    hint_ko = "요청 값을 수정하세요. 그대로 다시 보내면 다시 실패합니다."


class AuthenticationError(APIError):
    """The token is missing, wrong, revoked, or of the wrong kind."""

    hint = "Check the business token; a Kakao Login token does not work here."
    hint_ko = "비즈니스 토큰을 확인하세요. 카카오 로그인 토큰은 사용할 수 없습니다."


class PermissionDeniedError(APIError):
    """The app or the token's owner may not do this."""

    hint = "Check the app's Kakao Moment permission and the user's role on the ad account."
    hint_ko = "앱의 카카오모먼트 권한과 광고계정에 대한 사용자 권한을 확인하세요."


class AddressNotAllowedError(PermissionDeniedError):
    """The app allows only some IP addresses, and this machine's is not among them."""

    hint = "Add this machine's address to the allowed IP addresses of the app."
    hint_ko = "앱의 허용 IP 주소에 이 컴퓨터의 주소를 추가하세요. 토큰 문제가 아닙니다."


class ConsentRequiredError(PermissionDeniedError):
    """The user has not agreed to a business consent item."""

    hint = "Send the user through Business Authentication for the missing consent items."
    hint_ko = "누락된 비즈니스 동의항목에 대해 비즈니스 인증을 다시 진행하세요."

    required_scopes: tuple[str, ...] = ()
    """The missing consent items, such as ``moment_management``, where Kakao names them."""


class NotFoundError(APIError):
    """The thing does not exist, or no longer. Kakao says so."""

    hint = "Check the id; it may have been deleted or belong to another ad account."
    hint_ko = "ID를 확인하세요. 삭제되었거나 다른 광고계정의 것일 수 있습니다."


class RouteNotFoundError(APIError):
    """The server has no such route. It has done nothing."""

    hint = "Check the path, and `routes=`: kmoment knows two readings of Kakao's audience routes."
    hint_ko = "경로와 `routes=` 설정을 확인하세요."


class RateLimitedError(APIError):
    """Too many calls to this endpoint in a short time. Nothing was done."""

    hint = "Wait, then call more slowly."
    hint_ko = "잠시 기다린 뒤 더 천천히 호출하세요."
    can_retry = True


class QuotaExceededError(APIError):
    """The app's platform quota is used up. Nothing was done."""

    can_retry = True
    hint = "Stop calling until the quota's next period begins."
    hint_ko = "호출을 멈추세요. 쿼터는 다음 기간에 회복됩니다."


class ServerError(APIError):
    """Kakao failed inside. A write may have been done all the same."""

    hint = "Try again later. After a write, check first whether it was done."
    hint_ko = "나중에 다시 시도하세요. 쓰기 요청은 먼저 반영 여부를 확인하세요."
    can_retry = True


class MaintenanceError(ServerError):
    """Kakao Moment is under maintenance. Nothing was done."""

    hint = "Wait until the maintenance is over."
    hint_ko = "점검이 끝날 때까지 기다리세요."


class APIConnectionError(APIError):
    """No answer came: refused, DNS, TLS, reset, cut off or silent. See ``request_sent``."""

    hint = "Check the address and the network. After a write that was sent, check if it was done."
    hint_ko = "주소와 네트워크를 확인하세요. 전송된 쓰기 요청은 먼저 반영 여부를 확인하세요."
    can_retry = True


class DeadlineExceededError(APIError, TimeoutError):
    """The call's deadline passed. :attr:`phase` says what it was doing at that moment."""

    hint = "Give the call more time, or make fewer calls at once."
    hint_ko = "호출에 더 긴 시간을 주거나 동시 호출 수를 줄이세요."
    can_retry = True

    phase: str | None = None


class OutcomeUnknownError(APIError):
    """A write was sent, and nobody knows whether it was done. It was not repeated."""

    hint = "Check whether it was done (`client.reconcile(error)` for a create), then decide."
    hint_ko = "먼저 반영 여부를 확인하세요. 생성은 `client.reconcile(error)`로 확인합니다."

    draft: Any = None
    """What was to be created."""
    candidates: tuple[Any, ...] = ()
    """Audiences that may be the new one: same name and type, and not there before."""
    known_ids: frozenset[int] | None = None
    """Ids that were there before the create; ``None`` if they are not all known."""
    created_after: datetime | None = None
    """The server's time before the create: what is older is not the new one."""


class FleetUnavailableError(APIError):
    """The fleet's Redis is away, and the fleet was told not to go on without it."""

    hint = "Wait until Redis is back, or make the fleet with on_failure='local'."
    hint_ko = "Redis가 복구될 때까지 기다리거나 on_failure='local'로 설정하세요."
    can_retry = True


class WriteMismatchError(APIError):
    """A write was done, and reading it back shows something else than what was planned."""

    hint = "Look at what is there now, and correct it if needed."
    hint_ko = "현재 값을 확인하고 필요하면 바로잡으세요."

    differences: tuple[str, ...] = ()
    """Paths of the members that are not as planned."""


class DecodeError(APIError):
    """The answer is JSON, but not as documented. :attr:`problems` says where."""

    hint = "The call itself succeeded; rows that could be read are in `partial`."
    hint_ko = "호출 자체는 성공했습니다. 읽을 수 있었던 행은 `partial`에 있습니다."

    problems: tuple[Problem, ...] = ()
    """The values that could not be read."""
    partial: list[Any] | None = None
    """Of a list: the rows that could be read. ``problems`` has one entry for each of the rest."""
    unread: tuple[Any, ...] = ()
    """Of a list: the rows that could not be read, as they came."""


class PartialListError(DecodeError):
    """The server says that its list has more rows than came. Never taken for the whole list."""

    hint = "The rows that came are in `partial`. Kakao documents no way to get the others."
    hint_ko = "받은 행은 `partial`에 있습니다. 나머지를 받는 방법은 문서에 없습니다."

    total: int | None = None
    """How many rows there are, as the server says; 0 if it only says that there are more."""


class ProtocolError(APIError):
    """The answer is not one of Kakao's: a redirect, HTML, broken JSON or gzip, too large."""

    not_the_api: bool = False
    """Whether something other than Kakao has answered, such as a proxy or a portal."""
    too_large: bool = False
    """Whether the answer is larger than ``max_body_bytes``. It is not asked for again."""

    hint = "A proxy or portal between you and Kakao may have answered."
    hint_ko = "프록시 등 중간 장비가 대신 응답했을 수 있습니다."
