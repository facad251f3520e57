"""Makes calls: the only package with input and output.

Start with ``dispatcher.py``: every call of every resource goes through ``Dispatcher.send``.
``transport.py`` sends one request; only ``_aiohttp.py`` and ``_session.py`` know aiohttp's parts.
"""
