"""Time of ``import kmoment``, compared with the imports of the packages that it needs.

Wall time of new interpreters, one after the other. The first table includes the interpreter's
start. The second table subtracts it, round by round.
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
    "kmoment --version": "from kmoment.cli import main; main(['--version'])",
    AIOHTTP: "import aiohttp",
    "attrs, cattrs, anyio, yarl": "import attrs, cattrs, anyio, yarl",
    "httpx, pydantic": "import httpx, pydantic",
}
ROUNDS = 15  # odd, so that the median is a measured value


def fresh(code: str) -> Callable[[], None]:
    def run() -> None:
        # -P imports installed packages, not modules in the current folder.
        subprocess.run([sys.executable, "-P", "-c", code], stdout=subprocess.DEVNULL, check=True)

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
