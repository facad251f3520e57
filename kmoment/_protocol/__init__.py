"""What Kakao's API speaks. Pure: no network, no clock.

Start with ``call.py`` (a call as a value) and ``endpoints.py`` (the only place that knows paths).
``codec.py`` turns calls into requests and responses into values or errors.
"""
