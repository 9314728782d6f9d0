"""Texts are made once, and the memory for them is bounded in number and in size."""

from __future__ import annotations

from wsgikit.core.remembered import Remembered


def test_a_text_is_made_once() -> None:
    made: list[object] = []

    def make(key: str) -> str:
        made.append(key)
        return key.upper()

    remembered = Remembered(make)
    assert [remembered["a"], remembered["a"], remembered["b"]] == ["A", "A", "B"]
    assert made == ["a", "b"]


def test_a_key_may_be_several_texts_and_some_of_them_missing() -> None:
    remembered = Remembered(lambda key: "/".join(part or "-" for part in key))
    assert remembered["a", None, ""] == "a/-/-"
    assert len(remembered) == 1


def test_what_is_no_text_is_not_kept() -> None:
    remembered = Remembered(lambda key: "made")
    assert remembered["a", 7] == "made"
    assert len(remembered) == 0


def test_their_number_is_bounded() -> None:
    remembered = Remembered(str, most=8)
    for number in range(50):
        assert remembered[str(number)] == str(number)
    assert len(remembered) <= 8


def test_a_long_one_is_not_kept() -> None:
    remembered = Remembered(lambda key: "short")
    assert remembered["x" * 4000] == remembered["x" * 4000, None] == "short"
    assert Remembered(lambda key: "x" * 4000)["a"] == "x" * 4000
    assert len(remembered) == 0
