"""The blocking client: every method of the async one under the same name, with nothing to await.

    rows = moment.account(1234).audiences.list()

A client runs an event loop on a thread of its own. The first call starts the thread. Context
variables of the caller are seen there, errors are the same, and a traceback shows both sides.

| program | what happens |
|---|---|
| plain script, with or without `with` or `close()` | ends at once; nothing is left open |
| many threads | they share one client; their calls run at the same time on one pool |
| running event loop (Jupyter, an `async def`) | works, blocks that loop, and warns once |
| `fork`, multiprocessing, gunicorn preload, Celery prefork | each process gets its own thread |
| Ctrl-C in a call | comes out at once, stops the request; the client stays usable |
| interpreter exit with calls under way | waits a second at most, also for an address |
| a call from an `atexit` handler | works, or `ClientClosedError` if no thread can start any more |
| gevent's `patch_all()` | greenlets share one client; a second event loop is a `UsageError` |
| a clock that freezegun has stopped | pauses, deadlines and closing take real time |
| a subinterpreter | works if it allows daemon threads, else `UsageError` |
| called from its own thread (a token callable) | `WrongLoopError` instead of a deadlock |

`sync/resources` is made from `kmoment/resources` by `nox -s mirror`.
"""
