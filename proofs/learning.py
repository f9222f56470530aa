"""Learning a lemma: the smallest statement that every view seen so far satisfies and one given view does not.

Such a statement excludes a *cube*, a few features with a few values each. No view seen may lie in it; that is a question for bit sets,
one for each value of each feature, with a bit for each view.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .views import UNSEEN, Feature, Values

Cube = dict[int, frozenset[int]]  # feature -> the values that together are excluded


class Seen:
    """The views that lemmas must allow. A value that a view says nothing about is every value."""

    def __init__(self, features: tuple[Feature, ...], views: Values) -> None:
        self.features = features
        self._counts = [feature.count for feature in features]
        self._rest: list[tuple[int, ...]] = []  # added since the bit sets were made
        self._make(views)

    def _make(self, views: Values) -> None:
        self._views = views
        self._bits = [
            [np.packbits((views[:, place] == value) | (views[:, place] == UNSEEN)) for value in range(count)]
            for place, count in enumerate(self._counts)
        ]

    def __len__(self) -> int:
        return len(self._views) + len(self._rest)

    def add(self, view: tuple[int, ...]) -> None:
        """One more view that lemmas must allow."""
        self._rest.append(view)
        if len(self._rest) >= 256:
            self._make(np.concatenate([self._views, np.array(self._rest, dtype=np.uint8)]))
            self._rest.clear()

    def _inside(self, cube: Cube) -> np.ndarray[tuple[int], np.dtype[np.uint8]] | None:
        """The bit set of the views in a cube; None if it is empty."""
        found = None
        for place, values in cube.items():
            several = None
            for value in values:
                bits = self._bits[place][value]
                several = bits if several is None else several | bits
            if several is None:
                return None
            found = several if found is None else found & several
        if found is None:
            return np.packbits(np.ones(len(self._views), dtype=bool))
        return found if found.any() else None

    def excludes_some(self, cube: Cube) -> bool:
        """Whether a view that was seen lies in the cube."""
        if self._inside(cube) is not None and len(self._views):
            return True
        return any(all(view[place] in values or view[place] == UNSEEN for place, values in cube.items()) for view in self._rest)

    def _some_inside(self, cube: Cube, near: tuple[int, ...]) -> tuple[int, ...] | None:
        """A view in the cube, of the first few the one nearest to a given one."""
        for view in self._rest:
            if all(view[place] in values or view[place] == UNSEEN for place, values in cube.items()):
                return view
        inside = self._inside(cube)
        if inside is None or not len(self._views):
            return None
        first = int(np.flatnonzero(inside)[0]) * 8
        places: np.ndarray[tuple[int], np.dtype[np.int64]] = np.flatnonzero(np.unpackbits(inside[first // 8 : first // 8 + 4096])) + first
        rows = self._views[places[places < len(self._views)]]
        if not len(rows):
            return None
        differing = ((rows != np.array(near, dtype=np.uint8)) & (rows != UNSEEN)).sum(axis=1)
        nearest: tuple[int, ...] = tuple(rows[int(differing.argmin())].tolist())
        return nearest

    def smallest_cube(self, view: tuple[int, ...], most: int, allowed: int = -1) -> Cube | None:
        """The cube with fewest features, at most ``most``, that holds the view and none that was seen; None if there is none.

        ``allowed`` has a bit for each feature that may be used.
        """
        differences: list[int] = []
        size = 1
        while size <= most:
            chosen = next(_hitting_sets(differences, size), None)
            if chosen is None:
                size += 1
                continue
            other = self._some_inside({place: frozenset((view[place],)) for place in chosen}, view)
            if other is None:
                return {place: frozenset((view[place],)) for place in chosen}
            mask = 0  # of the features that tell the two apart
            for place, (here, there) in enumerate(zip(view, other, strict=True)):
                if here != there and there != UNSEEN and here != UNSEEN:
                    mask |= 1 << place
            mask &= allowed
            if mask == 0:
                return None
            differences.append(mask)
        return None

    def widened(self, cube: Cube) -> Cube:
        """The cube with as many values of each feature as the views allow."""
        for place in sorted(cube, key=lambda place: -self._counts[place]):
            allowed = {value for value in range(self._counts[place]) if not self.excludes_some({**cube, place: frozenset((value,))})}
            cube = {**cube, place: frozenset(allowed)}
        return {place: values for place, values in cube.items() if len(values) < self._counts[place]}


def _hitting_sets(masks: list[int], size: int) -> Iterator[tuple[int, ...]]:
    """Sets of at most so many features that have one in each mask."""
    missed = masks[0] if masks else 0
    if not missed:
        yield ()
        return
    if size == 0:
        return
    for place in sorted(_ones(missed), key=lambda place: -sum(mask >> place & 1 for mask in masks)):
        rest = [mask for mask in masks if not mask >> place & 1]
        for chosen in _hitting_sets(rest, size - 1):
            yield (place, *chosen)


def _ones(mask: int) -> list[int]:
    return [place for place in range(mask.bit_length()) if mask >> place & 1]
