"""Which backends may be used: exhaustively, against the rules as they are written down."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.balancing.available import OUT, RESERVE, USABLE, Standing, available


@dataclass(eq=False)
class Fake:
    name: str
    backup: bool = False


def stand(levels: str, backups: str = "") -> Any:
    """``"uro"``: usable, in reserve, out; named a, b, c."""
    by_letter = {"u": USABLE, "r": RESERVE, "o": OUT}
    return [
        Standing(Fake(name, name in backups), by_letter[level], None)  # type: ignore[arg-type]
        for name, level in zip("abcdefgh", levels, strict=False)
    ]


def names(levels: str, backups: str = "") -> tuple[str, bool]:
    found = available(stand(levels, backups))
    return "".join(one.name for one in found.backends), found.panic  # type: ignore[attr-defined]


def test_the_usable_primaries_come_first() -> None:
    assert names("uruo", backups="d") == ("ac", False)


def test_backups_only_when_no_primary_is_usable() -> None:
    assert names("uu", backups="b") == ("a", False)
    assert names("ou", backups="b") == ("b", False)


def test_backups_come_before_panic() -> None:
    assert names("rru", backups="c") == ("c", False)


def test_panic_takes_the_primaries_that_are_only_ejected() -> None:
    assert names("rro") == ("ab", True)
    assert names("rrr", backups="c") == ("ab", True)


def test_panic_takes_the_backups_when_no_primary_is_left() -> None:
    assert names("oor", backups="c") == ("c", True)


def test_backups_stand_behind_the_primaries_of_their_level() -> None:
    behind = {
        "uruu": "d",  # of the usable, as there is a usable primary
        "rrru": "",  # it comes first, and nobody is behind
        "rrrr": "d",
        "uuuo": "",
    }
    for levels, expected in behind.items():
        found = available(stand(levels, backups="d"))
        assert "".join(one.name for one in found.backups) == expected  # type: ignore[attr-defined]


def test_nobody_is_taken_who_is_out() -> None:
    assert names("ooo", backups="c") == ("", False)
    assert names("") == ("", False)


def test_it_holds_until_the_first_of_all_changes() -> None:
    a, b, c = (Fake(name) for name in "abc")
    listed = [Standing(a, USABLE, 7.0), Standing(b, OUT, 5.0), Standing(c, USABLE, None)]  # type: ignore[arg-type]
    assert available(listed).until == 5.0
    assert available(listed[2:]).until == inf


@given(st.text("uro", max_size=6), st.sets(st.sampled_from("abcdef")))
def test_the_choice_is_of_one_tier_and_one_level_and_never_empty_while_one_is_left(
    levels: str, backups: set[str]
) -> None:
    listed = stand(levels, "".join(backups))
    found = available(listed)
    level = {one.backend: one.level for one in listed}
    assert bool(found.backends) == bool(set(levels) & {"u", "r"})
    assert len({(level[one], one.backup) for one in found.backends}) <= 1
    assert found.panic == bool(found.backends and "u" not in levels)
