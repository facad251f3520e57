"""Limits, circuit breakers and create locks that many processes share over Redis."""

from ..errors import FleetUnavailableError
from ._fleet import Fleet
from ._status import FleetBreaker, FleetLimit, FleetStatus

__all__ = ["Fleet", "FleetBreaker", "FleetLimit", "FleetStatus", "FleetUnavailableError"]
