"""How a wrong option is reported: the layer, the option, the value given, and what would do."""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would be most of the cost of `import wsgikit`
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def suggestion(word: str, known: Iterable[str], *, nearness: float = 0.6) -> str:
    """``"; did you mean 'level'?"`` for the known word nearest to ``word``, or nothing when none is near.

    ``nearness`` is from 0.0 (any will do) to 1.0 (the same word); where others than the known ones may be meant, more
    than the default.
    """
    from difflib import get_close_matches  # 4 ms, wanted only on the way to an error

    near = get_close_matches(word, list(known), n=1, cutoff=nearness)
    return f"; did you mean {near[0]!r}?" if near else ""


def wrong_value(layer: str, option: str, value: Any, wanted: str) -> ValueError:
    """A value of the right kind that will not do."""
    return ValueError(f"{layer}: {option}={value!r} will not do: {wanted}")


def wrong_type(layer: str, option: str, value: Any, wanted: str) -> TypeError:
    """A value of a kind that will not do."""
    return TypeError(f"{layer}: {option}={value!r} ({type(value).__name__}) will not do: {wanted}")


def wrong_choice(layer: str, option: str, value: Any, choices: Iterable[str]) -> ValueError:
    """A word that is none of the words an option takes."""
    known = list(choices)
    hint = suggestion(value, known) if isinstance(value, str) else ""
    return wrong_value(layer, option, value, f"one of {', '.join(map(repr, known))}{hint}")
