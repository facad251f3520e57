# Made from kmoment/resources/__init__.py by `nox -s mirror`: edit that one.
"""One class per part of the API. Each method builds one call and sends it."""
