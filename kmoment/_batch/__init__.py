"""Runs one job over many inputs, with a fixed number of workers.

``worker_pool.py`` is the pool. Users see it through ``kmoment/batch.py`` and
``kmoment/sync/batch.py``.
"""
