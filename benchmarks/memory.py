"""Memory of the rows that a program holds.

Bytes per row of 5,000 neighbourhoods. tracemalloc counts them after a garbage collection. The
texts of the rows are included. A text that rows share counts once.
"""

import gc
import tracemalloc

from measure import heading, table
from readers import BY_HAND, JSON, KMOMENT, MSGSPEC, ORJSON, PYDANTIC, Read, check, readers
from rows import encoded, locations

ROWS = 5_000  # more than all 3,557 neighbourhoods, so that a fixed cost does not show
ROUNDS = 3  # memory hardly varies between rounds
NAMES = {
    KMOMENT: "kmoment",
    BY_HAND: "dataclass with slots",
    PYDANTIC: "pydantic",
    MSGSPEC: "msgspec",
    JSON: "plain dicts, json",
    ORJSON: "plain dicts, orjson",
}


def held(reader: Read, data: bytes) -> float:
    """Bytes that the objects made by *reader* take."""
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    rows = reader(data)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    del rows
    return float(after - before)


def main() -> None:
    heading("kmoment", "attrs", "msgspec", "orjson", "pydantic")
    expected = locations(ROWS)
    data = encoded(expected)
    contest = {NAMES[name]: reader for name, reader in readers().items() if name in NAMES}
    for name, reader in contest.items():
        check(name, reader(data), expected)
    tracemalloc.start()
    taken = {name: [held(reader, data) for _ in range(ROUNDS)] for name, reader in contest.items()}
    table(f"{ROWS:,} rows held", taken, ROWS, "kmoment", unit="bytes/row", scale=1)


if __name__ == "__main__":
    main()
