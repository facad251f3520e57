"""Scripted faults: which calls they hit, and what they do to the answer.

`ANSWERS` holds the kinds that change only the answer. The kinds in `WIRE` change how it is sent,
or break the connection: see `_delivery`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from random import Random

from . import _errors
from ._reply import Json, Reply, encode

_HTML_TYPE = {"Content-Type": "text/html;charset=UTF-8"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: what the sandbox does wrong on order.

    `kind` is one of

    * `status`: an answer with `status`, `body` (JSON value, HTML or other text, None), `headers`
    * `throttle` (429, -813), `quota_exceeded` (400, -10), `maintenance` (503, -9798)
    * `envelope_in_200`: an error envelope with HTTP 200. `body` replaces the envelope.
    * `html`: HTTP 200 with a web page, as a captive portal answers
    * `bad_json`: the answer without its last byte
    * `truncate`: the answer cut off in the middle
    * `gzip`: the answer, compressed
    * `bad_gzip`: the answer, compressed and cut
    * `delay`: the answer, `delay` seconds late
    * `drip`: the answer in pieces, `delay` seconds apart
    * `drop_before`: the work is not done, and the connection is closed
    * `drop_after`: the work is done, and the connection is closed
    * `reset`: the work is not done, and the connection is reset (RST)
    * `commit_late`: the connection is closed at once. The work is done `delay` seconds later.

    By default the kind decides whether the endpoint's work is done (see `ACTS`). `act` overrides
    that: `Fault(..., "status", status=502, act=True)` does the work and then answers 502. With any
    other kind, `delay` makes the answer late.

    The fault hits calls to the endpoints that match `endpoint`: "audiences.create", "audiences.*"
    or "*". With `nth` it hits only calls with these numbers, counted from 1. `rate` is the
    probability that it hits such a call, drawn from the sandbox's seed. It hits at most `times`
    calls. If several faults would hit a call, only the one added first does.
    """

    endpoint: str
    kind: str
    nth: tuple[int, ...] = ()
    rate: float = 1.0
    times: int | None = None
    status: int = 500
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    delay: float = 0.0
    act: bool | None = None

    def __post_init__(self) -> None:
        if self.kind not in ACTS:
            raise ValueError(f"unknown kind of fault {self.kind!r}; known: {', '.join(ACTS)}")
        if not 0 <= self.rate <= 1 or self.delay < 0 or not 100 <= self.status <= 999:
            raise ValueError(f"rate, delay or status out of range in {self!r}")
        if any(n < 1 for n in self.nth) or (self.times is not None and self.times < 1):
            raise ValueError(f"nth and times count from 1 in {self!r}")

    @property
    def acts(self) -> bool:
        """Whether the endpoint's work is done despite the fault."""
        return ACTS[self.kind] if self.act is None else self.act

    @property
    def pause(self) -> float:
        return 0.0 if self.kind in ("drip", "commit_late") else self.delay

    def apply(self, reply: Reply) -> Reply:
        change = ANSWERS.get(self.kind)
        return (change(self, reply) if change else reply).with_headers(self.headers)


# Whether the endpoint's work is done, by kind.
WIRE = {
    "drop_before": False,
    "drop_after": True,
    "reset": False,
    "truncate": True,
    "drip": True,
    "commit_late": False,
}

ACTS = WIRE | {
    "status": False,
    "throttle": False,
    "quota_exceeded": False,
    "maintenance": False,
    "envelope_in_200": False,
    "html": False,
    "bad_json": True,
    "gzip": True,
    "bad_gzip": True,
    "delay": True,
}


def _status(fault: Fault, _: Reply) -> Reply:
    if fault.body is None:
        return Reply(fault.status)
    if not isinstance(fault.body, str):
        return Reply(fault.status, encode(fault.body))
    return Reply(fault.status, fault.body.encode(), _HTML_TYPE)


def _envelope_in_200(fault: Fault, _: Reply) -> Reply:
    if fault.body is None:
        return replace(_errors.moment(_errors.OURS + "a scripted fault"), status=200)
    return Reply(200, encode(fault.body))


def _html(fault: Fault, _: Reply) -> Reply:
    page = fault.body if isinstance(fault.body, str) else "<html><body>Sign in</body></html>"
    return Reply(200, page.encode(), _HTML_TYPE)


def _gzip(_: Fault, reply: Reply) -> Reply:
    packed = gzip.compress(reply.body, mtime=0)
    return replace(reply, body=packed).with_headers({"Content-Encoding": "gzip"})


def _bad_gzip(fault: Fault, reply: Reply) -> Reply:
    packed = _gzip(fault, reply)
    return replace(packed, body=packed.body[: len(packed.body) // 2])


ANSWERS: dict[str, Callable[[Fault, Reply], Reply]] = {
    "status": _status,
    "throttle": lambda _, __: _errors.throttled(),
    "quota_exceeded": lambda _, __: _errors.platform_quota(),
    "maintenance": lambda _, __: _errors.maintenance(),
    "envelope_in_200": _envelope_in_200,
    "html": _html,
    "bad_json": lambda _, reply: replace(reply, body=reply.body[:-1] or b"{"),
    "gzip": _gzip,
    "bad_gzip": _bad_gzip,
}


@dataclass(slots=True)
class Armed:
    """A scripted fault, and how many calls matched it and were hit."""

    id: int
    fault: Fault
    random: Random
    calls: int = 0
    fired: int = 0

    def hits(self, endpoint: str) -> bool:
        if not fnmatchcase(endpoint, self.fault.endpoint):
            return False
        self.calls += 1
        return self._due() and self.random.random() < self.fault.rate

    def _due(self) -> bool:
        spent = self.fault.times is not None and self.fired >= self.fault.times
        return not spent and (not self.fault.nth or self.calls in self.fault.nth)

    def report(self) -> Json:
        spec = asdict(replace(self.fault, headers={})) | {"headers": dict(self.fault.headers)}
        return {"id": self.id, **spec, "calls": self.calls, "fired": self.fired}


class Faults:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.armed: list[Armed] = []
        self._added = 0

    def add(self, fault: Fault) -> int:
        self._added += 1
        random = Random(f"{self._seed}:{self._added}")  # noqa: S311 - must be repeatable
        self.armed.append(Armed(self._added, fault, random))
        return self._added

    def pick(self, endpoint: str) -> Fault | None:
        # Every matching fault counts the call, also if another fault hits it.
        hits = [armed for armed in self.armed if armed.hits(endpoint)]
        if not hits:
            return None
        hits[0].fired += 1
        return hits[0].fault
