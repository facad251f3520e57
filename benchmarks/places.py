"""Building the index of all names, and resolving a column of names."""

import gc
import time
from collections.abc import Callable
from statistics import median

from kmoment.places import OfficialPlace, _names, korea
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
    _show("index of 3,826 places", lambda: _built(official.places))
    _show(f"resolve {len(full):,} full names", lambda: official.resolve(full))
    _show(f"resolve {len(misspelt):,} misspelt names", lambda: official.resolve(misspelt))


def _built(places: tuple[OfficialPlace, ...]) -> Index:
    _names.key.cache_clear()
    _names.path_key.cache_clear()
    return Index(places)


def _show(title: str, call: Callable[[], object]) -> None:
    taken = []
    for _ in range(ROUNDS):
        gc.collect()
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1e3)
    print(f"  {title:32}{median(taken):6.0f} ms  ({min(taken):.0f}-{max(taken):.0f})")


if __name__ == "__main__":
    main()
