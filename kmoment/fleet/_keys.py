"""The names of keys in Redis, and of the board's fields. Braces hold what a cluster hashes."""

from hashlib import blake2b
from typing import Final

from .._engine.admission import LimitKey

FORMAT: Final = 1
"""The version of what is written. It changes when an older kmoment could not read it."""
_ALL: Final = "all"
"""In place of an account: a limit of all accounts."""


def _scope(key: LimitKey) -> str:
    return _ALL if key[1] is None else str(key[1])


def limiter_key(namespace: str, key: LimitKey) -> str:
    """Where the state of one limiter is."""
    return f"kmoment:{{{namespace}:{_scope(key)}:{key[0]}}}:limiter"


def board_key(namespace: str) -> str:
    """Where members, known limits and open breakers are."""
    return f"kmoment:{{{namespace}}}:board"


def probe_key(namespace: str, kind: str) -> str:
    """The lease of the one process that tries whether a breaker may close."""
    return f"kmoment:{{{namespace}}}:probe:{kind}"


def create_key(namespace: str, account: int | None, name: str) -> str:
    """The lock of creates of one name. The name itself is not in it."""
    digest = blake2b(name.encode(), digest_size=16).hexdigest()
    return f"kmoment:{{{namespace}:{account or _ALL}}}:create:{digest}"


def limit_field(key: LimitKey) -> str:
    """The board's field of a known limit."""
    return f"limit:{_scope(key)}:{key[0]}"


def limit_of(field: str) -> LimitKey:
    """The reverse of :func:`limit_field`."""
    _, scope, quota = field.split(":", 2)
    return quota, None if scope == _ALL else int(scope)


def fingerprint(namespace: str, token: str) -> str:
    """16 hexadecimal digits that tell tokens of one namespace apart, and do not show them."""
    return blake2b(token.encode(), key=namespace.encode(), digest_size=8).hexdigest()
