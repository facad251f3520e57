"""What the tests share: a fault server, scripted networks, a virtual clock, strategies."""

TOKEN = "canary-token-5b1f"
"""Looked for in everything that a person or a log could see."""
