from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from wsgikit.core.component import Component


class Kettle(Component):
    def __init__(self, water: str, /, *cups: int, heat: float = 1.0, **extras: Any) -> None:
        self.water, self.cups, self.heat, self.extras = water, cups, heat, extras


class Pot(Component):
    def __init__(self, water: str, *cups: int) -> None:
        self.water, self.cups = water, cups


class Bare(Component):
    pass


class Plain(Component):
    def __init__(self, *, heat: float = 1.0, limit: int = 3) -> None:
        self.heat, self.limit = heat, limit


def test_options_are_what_was_passed_by_name() -> None:
    assert Plain(heat="5s").options() == {"heat": "5s"}  # type: ignore[arg-type]
    assert Kettle("tap", 1, 2, lid=True).options() == {"water": "tap", "cups": (1, 2), "lid": True}


def test_options_are_a_copy() -> None:
    plain = Plain(limit=4)
    plain.options()["limit"] = 5
    assert plain.options() == {"limit": 4}


def test_repr_shows_the_options() -> None:
    assert repr(Plain(limit=4)) == "Plain(limit=4)"
    assert repr(Plain()) == "Plain()"


@pytest.mark.parametrize(
    "thing",
    [Plain(limit=4), Kettle("tap", 1, 2, heat=2, lid=True), Kettle("tap"), Pot("tap", 1, 2), Pot("tap")],
)
def test_copies_and_pickles_are_equal_and_alive(thing: Component) -> None:
    for other in (copy.copy(thing), copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
        assert other == thing
        assert other is not thing
        assert vars(other) == vars(thing)
        assert hash(other) == hash(thing)


def test_equality_is_of_class_and_options() -> None:
    assert Plain(limit=4) == Plain(limit=4)
    assert Plain(limit=4) != Plain(limit=5)
    assert Plain() != object()


def test_a_mistyped_option_is_told_the_nearest_right_one() -> None:
    with pytest.raises(TypeError, match="Plain: no option 'limt'; did you mean 'limit'"):
        Plain(limt=4)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Plain: no option 'zzz'; it takes heat, limit"):
        Plain(zzz=4)  # type: ignore[call-arg]


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(TypeError, match="Kettle: missing a required argument: 'water'"):
        Kettle()  # type: ignore[call-arg]


def test_a_class_without_options_takes_none() -> None:
    assert repr(Bare()) == "Bare()"
    with pytest.raises(TypeError, match="Bare: no option 'limit'; it takes none"):
        Bare(limit=4)
    with pytest.raises(TypeError, match="Bare: too many positional arguments"):
        Bare(4)
