"""Runs the checks, each within its time."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Final, TypeVar

from .. import _file, _validate
from ..errors import InvalidArgumentError
from ._live import live_checks
from ._network import network_checks
from ._offline import offline_checks
from ._record import Recorder
from ._report import Check, Report, State
from ._scene import Scene

T = TypeVar("T")

Steps = Iterator[tuple[str, Callable[[], Check]]]

_OFFLINE_SECONDS: Final = 5.0
"""For one check on this machine: a keyring alone has 3 s to answer."""


def check(
    profile: str | None = None,
    *,
    base_url: str | None = None,
    insecure: bool = False,
    account: int | None = None,
    network: bool = True,
    live: bool = False,
    record: str | os.PathLike[str] | None = None,
    timeout: float = 20.0,
) -> Report:
    """Check everything that a first answer needs. It only reads.

        report = kmoment.doctor.check(network=False)
        print(report.ok, len(report))

    :param profile: Whose token. Default: as for ``kmoment.auth.stored``.
    :param base_url: Another server. Default: ``KMOMENT_BASE_URL``, else the profile's.
    :param insecure: As for the client.
    :param account: The ad account. Default: ``KMOMENT_ACCOUNT``, the profile's, or the first.
    :param network: Whether to ask the server.
    :param live: Also ask one read for each thing that is known only by inference. Needs *network*.
    :param record: A file for the shapes of all requests and answers of ``live``. Every value is
        replaced: no token, id, name or address is in it. Needs *network*.
    :param timeout: Seconds for each check that asks the server.
    :raises InvalidArgumentError: An argument breaks its rule. Nothing was asked.
    :raises OSError: *record* cannot be written.
    """
    seconds = _validate.seconds("timeout", timeout)
    chosen = None if account is None else _validate.ident("account", account)
    for name, given in (("live", live), ("record", record is not None)):
        if given and not network:
            raise InvalidArgumentError(name, "needs the network: without it nothing is asked")
    if record is not None:
        _file.require_room(record)
    recorder = None if record is None else Recorder()
    scene = Scene(profile, base_url, insecure, chosen, recorder)
    found = list(_run(offline_checks(scene), _OFFLINE_SECONDS))
    try:
        if network:
            found += _run(network_checks(scene), seconds)
        if network and live:
            found += _run(live_checks(scene), seconds)
    finally:
        scene.close()
    if recorder is not None and record is not None:
        recorder.save(record)
    return Report(tuple(found))


def _run(steps: Steps, seconds: float) -> Iterator[Check]:
    for what, step in steps:
        yield within(seconds, what, step)


def within(seconds: float, what: str, step: Callable[[], Check]) -> Check:
    """What *step* finds. If it takes longer, or fails in a way nobody foresaw: unknown."""
    found: Future[Check] = Future()
    threading.Thread(target=_work, args=(found, step), name="kmoment-doctor", daemon=True).start()
    try:
        return found.result(seconds)
    except TimeoutError:
        return Check(State.UNKNOWN, what, f"no answer within {seconds:g} s")
    except Exception as error:
        return Check(State.UNKNOWN, what, f"{type(error).__name__}: {error}")


def _work(found: "Future[Check]", step: Callable[[], Check]) -> None:
    try:
        found.set_result(step())
    except Exception as error:
        found.set_exception(error)
