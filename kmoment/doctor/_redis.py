"""Checks of the Redis that ``KMOMENT_REDIS_URL`` names. The URL, a secret, is never shown."""

import os
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from .._secret import Secret
from ..errors import InvalidArgumentError, UsageError
from ..fleet._fleet import checked_namespace
from ..fleet._link import PART, LinkLostError, is_part, is_read_only, is_too_old, look
from ..fleet._target import Target
from ._report import Check, State
from ._scene import Scene

SETTINGS: Final = "Redis settings"
SERVER: Final = "Redis"
_VARIABLE: Final = "KMOMENT_REDIS_URL"
_PATIENCE: Final = 5.0
"""Seconds for a connection, and for an answer: it needs about a millisecond."""

Facts = dict[str, Any]


def is_named() -> bool:
    """Whether the environment names a Redis."""
    return bool(os.environ.get(_VARIABLE))


# -- On this machine --------------------------------------------------------------------


def settings(scene: Scene) -> Check:
    """The environment's URL and namespace, and whether redis is installed."""
    try:
        scene.redis = Target.of(Secret(os.environ[_VARIABLE]), "local")
        namespace = checked_namespace(None)
    except ModuleNotFoundError:
        return Check(State.FAIL, SETTINGS, f"{_VARIABLE} is set, and redis is missing", *_INSTALL)
    except InvalidArgumentError as error:
        name = _VARIABLE if error.argument == "url" else error.argument
        return Check(State.FAIL, SETTINGS, f"{name} {error.rule}", *_CORRECT)
    if scene.redis.is_remote_and_open:
        return Check(State.WARN, SETTINGS, "it is on another machine, and there is no TLS", *_TLS)
    return Check(State.OK, SETTINGS, f"from {_VARIABLE}; the fleet's namespace is {namespace}")


_INSTALL: Final = (
    'pip install "kmoment[fleet]"',
    'pip install "kmoment[fleet]" 명령으로 설치하세요.',
)
_CORRECT: Final = (
    "correct it, such as redis://host:6379/0, and a namespace such as nightly",
    "redis://host:6379/0 같은 URL과 nightly 같은 이름으로 고치세요.",
)
_TLS: Final = ("use TLS: rediss://", "TLS(rediss://)를 사용하세요.")


# -- The server -------------------------------------------------------------------------


def server(scene: Scene) -> Check:
    """Whether it answers, and can hold what a fleet and a journal write."""
    if scene.redis is None:
        return Check(State.SKIPPED, SERVER, "its settings cannot be used")
    try:
        facts = {"redis_version": "0", **look(scene.redis, _PATIENCE)}
    except TimeoutError:
        return Check(State.UNKNOWN, SERVER, f"no answer within {_PATIENCE:g} s", *_REACH)
    except LinkLostError as error:
        return Check(State.FAIL, SERVER, str(error), *_REACH)
    except UsageError as error:
        return Check(State.FAIL, SERVER, str(error), *_PASSWORD)
    for rule in _RULES:
        if rule.breaks(facts):
            return Check(rule.state, SERVER, rule.why.format_map(facts), rule.todo, rule.todo_ko)
    return Check(State.OK, SERVER, f"{facts['redis_version']} answers, and takes writes")


_REACH: Final = (
    f"check that it runs, the firewall, and {_VARIABLE}",
    f"Redis가 실행 중인지, 방화벽과 {_VARIABLE}을 확인하세요.",
)
_PASSWORD: Final = (
    f"correct the user and password in {_VARIABLE}",
    f"{_VARIABLE}의 사용자와 비밀번호를 고치세요.",
)


class _Rule(NamedTuple):
    """What a Redis must not be."""

    state: State
    breaks: Callable[[Facts], bool]
    why: str
    todo: str
    todo_ko: str


def _may_evict(facts: Facts) -> bool:
    """Also if it has no limit of memory now: one can be set while it runs."""
    return str(facts.get("maxmemory_policy", "noeviction")) != "noeviction"


_RULES: Final = (
    _Rule(
        State.FAIL,
        is_too_old,
        "version {redis_version} is too old",
        "use Redis 6.2 or newer, or Valkey",
        "Redis 6.2 이상 또는 Valkey를 사용하세요.",
    ),
    _Rule(
        State.FAIL,
        is_read_only,
        "it is a read-only replica",
        f"name its primary in {_VARIABLE}",
        f"{_VARIABLE}에 주 서버(primary)를 지정하세요.",
    ),
    _Rule(
        State.FAIL,
        is_part,
        f"it {PART}",
        f"name a Redis that has all keys in {_VARIABLE}",
        f"{_VARIABLE}에 모든 키를 가진 Redis를 지정하세요. 노드가 여럿인 클러스터는 안 됩니다.",
    ),
    _Rule(
        State.WARN,
        _may_evict,
        "maxmemory-policy {maxmemory_policy} may drop keys of a journal or a limit",
        "set maxmemory-policy noeviction",
        "maxmemory-policy를 noeviction으로 설정하세요.",
    ),
)
