"""Building the index of all names, and resolving a column of names."""

import time
from statistics import median

from kmoment.places import korea
from kmoment.places._matching import Index
from measure import heading

ROUNDS = 11  # odd, so that the median is a measured value
PASTED = 500  # what somebody pastes from a spreadsheet


def main() -> None:
    heading("kmoment")
    official = korea()
    full = [place.full_name for place in official.places if place.depth3_name]
    misspelt = [f"{name[:-2]}갂{name[-1]}" for name in full[::7]][:PASTED]
    official.resolve(misspelt[:1])  # builds what near names need
    _show("index of 3,826 places", lambda: Index(official.places))
    _show(f"resolve {len(full):,} full names", lambda: official.resolve(full))
    _show(f"resolve {len(misspelt):,} misspelt names", lambda: official.resolve(misspelt))


def _show(title: str, call: object) -> None:
    assert callable(call)
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    print(
        f"  {title:32}{median(taken) * 1e3:8.0f} ms  ({min(taken) * 1e3:.0f}-{max(taken) * 1e3:.0f})"
    )


if __name__ == "__main__":
    main()
