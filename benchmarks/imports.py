"""How long does ``import kmoment`` take, against the import of what it stands on?

Wall time of fresh interpreters, one after the other. The bare interpreter's start is in all of
them; the second table takes it off, round by round.
"""

import subprocess
import sys
from collections.abc import Callable

from measure import Taken, heading, rounds, table

BARE, AIOHTTP = "bare interpreter", "aiohttp"
IMPORTS = {
    BARE: "pass",
    "kmoment": "import kmoment",
    "kmoment, client made": "import kmoment; kmoment.AsyncClient('token')",
    AIOHTTP: "import aiohttp",
    "attrs, cattrs, anyio, yarl": "import attrs, cattrs, anyio, yarl",
    "httpx, pydantic": "import httpx, pydantic",
}
ROUNDS = 15


def fresh(code: str) -> Callable[[], None]:
    def run() -> None:
        # -P: what is installed, not what lies in the folder this was started from.
        subprocess.run([sys.executable, "-P", "-c", code], check=True)

    return run


def without_start(taken: Taken) -> Taken:
    return {
        name: [a - b for a, b in zip(values, taken[BARE], strict=True)]
        for name, values in taken.items()
        if name != BARE
    }


def main() -> None:
    heading("kmoment", "aiohttp", "attrs", "cattrs", "anyio", "yarl", "httpx", "pydantic")
    taken = rounds({name: fresh(code) for name, code in IMPORTS.items()}, ROUNDS)
    table("process from start to end", taken, 1, AIOHTTP, unit="ms", scale=1e3)
    table("less the bare interpreter", without_start(taken), 1, AIOHTTP, unit="ms", scale=1e3)


if __name__ == "__main__":
    main()
