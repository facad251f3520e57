"""What the tests share: a fault server, scripted networks, a virtual clock, strategies."""

import os

TOKEN = "canary-token-5b1f"
"""Looked for in everything that a person or a log could see."""

SESSION = bool(os.environ.get("KMOMENT_TEST_SESSION"))
"""Whether the tests run on aiohttp's public session (``nox -s fallback``)."""
