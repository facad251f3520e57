"""What to do when something goes wrong or has to wait. Pure: times are passed in.

Start with ``retry.py``: the table of what is done after each kind of failure.
Nothing here sends, sleeps or knows asyncio; ``_engine`` does what is decided here.
"""
