"""Helpers of the tests: a fault server, scripted transports, a virtual clock, strategies."""

import os

TOKEN = "canary-token-5b1f"
"""The token of all tests. The tests of secrecy search for it in errors, logs and reprs."""

BODY_LIMIT = 2**20
"""Bytes that the tests' clients take. The default would need 64 times the memory."""

SESSION = bool(os.environ.get("KMOMENT_TEST_SESSION"))
"""Whether the tests run on aiohttp's public session (``nox -s fallback``)."""
