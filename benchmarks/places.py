"""Building the index of all names, and resolving a column of names."""

from kmoment.places import OfficialPlace, _names, korea
from kmoment.places._matching import Index
from measure import heading, show_time

PASTED = 500  # what somebody pastes from a spreadsheet


def main() -> None:
    heading("kmoment")
    official = korea()
    full = [place.full_name for place in official.places if place.depth3_name]
    misspelt = [f"{name[:-2]}갂{name[-1]}" for name in full[::7]][:PASTED]
    official.resolve(misspelt[:1])  # builds what near names need
    show_time("index of 3,826 places", lambda: _built(official.places))
    show_time(f"resolve {len(full):,} full names", lambda: official.resolve(full))
    show_time(f"resolve {len(misspelt):,} misspelt names", lambda: official.resolve(misspelt))


def _built(places: tuple[OfficialPlace, ...]) -> Index:
    _names.key.cache_clear()
    _names.path_key.cache_clear()
    return Index(places)


if __name__ == "__main__":
    main()
