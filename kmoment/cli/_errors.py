"""What a command says when it fails, and its exit code."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

import click

from ._words import reads_korean, tell

if TYPE_CHECKING:
    from ..outcomes import Outcomes

# Exit codes: the main help lists them. 2 is click's own; 130 is a shell's for SIGINT (128 + 2).
DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
SOME_FAILED: Final = 3
LOGIN_NEEDED: Final = 4
OUTCOME_UNKNOWN: Final = 5
INTERRUPTED: Final = 130

_LOGIN: Final = "Run `kmoment auth login`, or set KMOMENT_TOKEN."
_LOGIN_KO: Final = "`kmoment auth login`을 실행하거나 KMOMENT_TOKEN을 설정하세요."
_CONSENT: Final = "Run `kmoment auth login --allow create,delete`."
_CONSENT_KO: Final = "`kmoment auth login --allow create,delete`를 실행하세요."

_UNLINK: Final = (
    "--unlink unlinks these ad groups first",
    "--unlink를 지정하면 광고그룹과의 연결을 먼저 해제합니다.",
)
_MORE_PEOPLE: Final = (
    "target more people with `kmoment audiences update`, then wait again",
    "`kmoment audiences update`로 모수를 늘린 뒤 다시 기다리세요.",
)

_PASSWORD: Final = re.compile(r"(://[^\s:/@]*):[^\s@]*@")

# By the names of classes, so that nothing is imported for them. The nearest ancestor decides.
_CODES: Final = {
    "OutcomeUnknownError": OUTCOME_UNKNOWN,
    "LoginOutcomeUnknownError": OUTCOME_UNKNOWN,
    "AuthenticationError": LOGIN_NEEDED,
    "ConsentRequiredError": LOGIN_NEEDED,
    "NotLoggedInError": LOGIN_NEEDED,
    "AudienceInUseError": FAILED,
    "ConflictError": FAILED,
    "LinkRefusedError": FAILED,
    "CredentialStoreError": FAILED,
    "RedirectPortInUseError": FAILED,
    "LoginInProgressError": FAILED,
    "UsageError": USAGE,
    "FileError": USAGE,
}


class Stop(click.ClickException):
    """Ends a command with a message, a hint and an exit code."""

    def __init__(self, message: str, code: int, hint: str = "", hint_ko: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.hint_ko = hint_ko


def exit_code(error: BaseException) -> int:
    """The exit code of a command that ends with *error*."""
    if isinstance(error, Stop):
        return error.code
    if _has_no_token(error):
        return LOGIN_NEEDED
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((_CODES[name] for name in names if name in _CODES), FAILED)


def report(error: BaseException) -> None:
    """Say what went wrong, and what to do. A traceback only if ``KMOMENT_DEBUG`` is set."""
    if os.environ.get("KMOMENT_DEBUG"):
        print(_hidden("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    tell(f"error: {message(error)}")
    _tell_hints(*_hints(error))


def told(outcomes: Outcomes[Any, Any], *, shown: bool = False) -> int:
    """Say which of many have failed. The exit code: 5 if the outcome of one is unknown, 3 if some
    have failed, that of the error if all have.

    :param shown: The output has the errors. Then only their number is said, and what to do.
    """
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if shown:
        _tell_count(errors, len(outcomes))
    else:
        _tell_each(errors)
    if any(outcome.status == "unknown" for outcome in outcomes):
        return OUTCOME_UNKNOWN
    if not errors or outcomes.values():
        return SOME_FAILED if errors else DONE
    codes = {exit_code(error) for error in errors}
    return codes.pop() if len(codes) == 1 else FAILED


def _tell_each(errors: list[Exception]) -> None:
    for error in {message(error): error for error in errors}.values():  # each once
        report(error)


def _tell_count(errors: list[Exception], total: int) -> None:
    if errors:
        tell(f"error: {len(errors):,} of {total:,} did not succeed: their rows say why")
    for pair in dict.fromkeys(map(_hints, errors)):
        _tell_hints(*pair)


def _tell_hints(hint: str, hint_ko: str) -> None:
    if hint:
        tell(f"hint: {hint}")
    if hint_ko and reads_korean():
        tell(f"도움말: {hint_ko}")


def message(error: BaseException) -> str:
    """What went wrong, without what to do."""
    if isinstance(error, click.ClickException):
        return _hidden(error.format_message())
    if isinstance(error, ModuleNotFoundError):
        return str(error)
    if type(error).__module__.startswith("kmoment"):
        return _hidden(str(error).removesuffix(f" | {getattr(error, 'hint', '')}"))
    return _system(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def _hidden(text: str) -> str:
    """*text* without passwords of URLs: errors repeat words that they do not know."""
    return _PASSWORD.sub(r"\1:…@", text)


def _system(error: OSError) -> str:
    named = f"{error.filename}: " if error.filename else ""
    return f"{named}{error.strerror or error}"


def _hints(error: BaseException) -> tuple[str, str]:
    """What to do, in English and in Korean."""
    if isinstance(error, click.UsageError):
        return (f"see `{error.ctx.command_path} --help`" if error.ctx else ""), ""
    if type(error).__name__ == "AudienceInUseError":
        return _UNLINK
    if getattr(error, "audience_status", None) == "SEED_NOT_ENOUGH":
        return _MORE_PEOPLE
    hint, hint_ko = getattr(error, "hint", ""), getattr(error, "hint_ko", "")
    if exit_code(error) == LOGIN_NEEDED:
        consent = type(error).__name__ == "ConsentRequiredError"
        todo, todo_ko = (_CONSENT, _CONSENT_KO) if consent else (_LOGIN, _LOGIN_KO)
        hint = hint if "auth login" in f"{hint}{error}" else f"{hint} {todo}".strip()
        hint_ko = hint_ko if "auth login" in hint_ko else f"{hint_ko} {todo_ko}".strip()
    return hint, hint_ko


def _has_no_token(error: BaseException) -> bool:
    """Whether no profile is chosen and ``KMOMENT_TOKEN`` is not set."""
    return type(error).__name__ == "ProfileNotFoundError" and getattr(error, "name", "") is None


def is_broken_pipe(error: BaseException) -> bool:
    """Whether the reader of the output has gone, as ``head`` does."""
    return isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.ESHUTDOWN)
