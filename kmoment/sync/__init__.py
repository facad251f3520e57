"""The blocking twin of the async client. ``resources`` is mirrored: ``nox -s mirror``."""
