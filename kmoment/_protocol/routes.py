"""Which of two readings of a path the server means.

The nested reading is tried first. Where the server answers that the route does not exist (404 or
405 without Kakao's error object), it has done nothing, so the flat reading is tried once. The
reading that works is remembered for the client.
"""

import logging
from typing import Literal

from .call import Endpoint

Reading = Literal["auto", "nested", "flat"]

_log = logging.getLogger("kmoment")


class Routes:
    """What one client has learnt about its server's paths."""

    __slots__ = ("_logged", "_pinned", "_settled")

    def __init__(self, reading: Reading) -> None:
        self._pinned = reading
        self._settled: dict[str, str] = {}
        self._logged = False

    def candidates(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The paths to try, in order."""
        flat, nested = endpoint.flat_path, endpoint.path
        if flat is None or self._pinned == "nested":
            return (nested,)
        if self._pinned == "flat":
            return (flat,)
        settled = self._settled.get(endpoint.name)
        return (settled,) if settled else (nested, flat)

    def settle(self, endpoint: Endpoint, path: str) -> None:
        """Remember that the server knows *path*."""
        self._settled[endpoint.name] = path
        if path == endpoint.flat_path and not self._logged:
            self._logged = True
            _log.info("%s answers at %s: using flat audience routes", endpoint.name, path)
