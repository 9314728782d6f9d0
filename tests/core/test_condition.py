"""Conditions are joined with & | and ~, print as they are written, and capture what they found."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.core.condition import AllOf, AnyOf, Condition, Not


class Has(Condition):
    """Holds where environ has the key; captures it under its own name, and as ``last``."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.captures = frozenset({key, "last"})

    def __call__(self, environ):
        environ.setdefault("asked", []).append(self.key)
        return self.key in environ

    def match(self, environ):
        return {self.key: environ[self.key], "last": environ[self.key]} if self(environ) else None


class Always(Condition):
    def __call__(self, environ):
        return True


class Options(Condition):
    def __init__(self, first=None, second="", *names, flag=False, wanted=None):
        pass


a, b, c = Has("a"), Has("b"), Has("c")


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (a & b, "Has('a') & Has('b')"),
        (a | b, "Has('a') | Has('b')"),
        (~a, "~Has('a')"),
        (~~a, "~~Has('a')"),
        (a & b | c, "Has('a') & Has('b') | Has('c')"),
        (a & (b | c), "Has('a') & (Has('b') | Has('c'))"),
        ((a | b) & c, "(Has('a') | Has('b')) & Has('c')"),
        (~(a & b), "~(Has('a') & Has('b'))"),
        (~a & b, "~Has('a') & Has('b')"),
        (~(a | b) & ~c, "~(Has('a') | Has('b')) & ~Has('c')"),
        ((a & b) & c, "Has('a') & Has('b') & Has('c')"),
        (a & (b & c), "Has('a') & Has('b') & Has('c')"),
        (a | (b | c), "Has('a') | Has('b') | Has('c')"),
    ],
)
def test_repr_reads_as_written_with_the_parentheses_it_needs(condition, text):
    assert repr(condition) == text
    assert eval(text) == condition


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Options(), "Options()"),
        (Options("x"), "Options('x')"),
        (Options("x", "y", "z", flag=True), "Options('x', 'y', 'z', flag=True)"),
        (Options(second="y"), "Options(second='y')"),
        (Options(first="x", wanted=3), "Options('x', wanted=3)"),
        (AllOf(a), "AllOf(Has('a'))"),
        (AnyOf(), "AnyOf()"),
    ],
)
def test_repr_shows_arguments_in_order_while_that_is_possible(condition, text):
    assert repr(condition) == text


conditions = st.recursive(
    st.sampled_from([a, b, c]),
    lambda inner: st.one_of(
        inner.map(Not),
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
    ),
    max_leaves=12,
)
environs = st.dictionaries(st.sampled_from("abc"), st.text(max_size=3))


def truth(condition, environ):
    """What Python's own operators say."""
    match condition:
        case Not():
            return not truth(condition.condition, environ)
        case AllOf():
            return all(truth(inner, environ) for inner in condition.conditions)
        case AnyOf():
            return any(truth(inner, environ) for inner in condition.conditions)
    return condition.key in environ


@given(conditions, environs)
def test_any_expression_holds_when_pythons_operators_say_so(condition, environ):
    expected = truth(condition, environ)
    assert condition(dict(environ)) is expected
    assert (condition.match(dict(environ)) is not None) is expected


@given(conditions)
def test_any_expression_comes_back_from_its_repr_pickle_and_copy(condition):
    for again in (eval(repr(condition)), pickle.loads(pickle.dumps(condition)), copy.deepcopy(condition)):
        assert again == condition
        assert hash(again) == hash(condition)


@given(conditions, environs)
def test_what_is_captured_was_announced(condition, environ):
    assert set(condition.match(dict(environ)) or ()) <= condition.captures


def test_and_merges_captures_and_the_right_one_stays():
    assert (a & b).match({"a": "1", "b": "2"}) == {"a": "1", "b": "2", "last": "2"}


def test_or_captures_what_the_first_that_holds_captures():
    assert (a | b).match({"a": "1", "b": "2"}) == {"a": "1", "last": "1"}
    assert (a | b).match({"b": "2"}) == {"b": "2", "last": "2"}


def test_not_captures_nothing():
    assert (~a).match({}) == {}
    assert (~a).match({"a": "1"}) is None
    assert (~~a).match({"a": "1"}) == {}
    assert (~a).captures == frozenset()


@pytest.mark.parametrize(
    ("condition", "environ", "asked"),
    [
        (a & b & c, {"a": ""}, ["a", "b"]),
        (a | b | c, {"b": ""}, ["a", "b"]),
        (a & b | c, {"c": ""}, ["a", "c"]),
        ((a | b) & c, {"a": ""}, ["a", "c"]),
    ],
)
def test_asked_from_left_to_right_until_the_answer_is_known(condition, environ, asked):
    for question in (condition, condition.match):
        seen = dict(environ)
        question(seen)
        assert seen["asked"] == asked


def test_a_condition_of_ones_own_needs_nothing_but_call():
    assert Always()({}) is True
    assert Always().match({}) == {}
    assert (~Always()).match({}) is None
    assert (a & Always()).match({"a": "1"}) == {"a": "1", "last": "1"}


def test_a_condition_without_call_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="Options does not say when it holds"):
        Options()({})


def test_and_or_and_not_are_refused_for_they_would_lose_a_condition():
    for use in (lambda: a and b, lambda: a or b, lambda: not a):
        with pytest.raises(TypeError, match=r"join conditions with &, \| and ~"):
            use()


@pytest.mark.parametrize("other", ["a", None, True, lambda environ: True])
def test_only_conditions_can_be_joined(other):
    for use in (lambda: a & other, lambda: a | other, lambda: other & a):
        with pytest.raises(TypeError, match="unsupported operand"):
            use()
    for kind in (AllOf, AnyOf, Not):
        with pytest.raises(TypeError, match="condition"):
            kind(other)


def test_equal_conditions_are_equal_and_hash_alike():
    assert a & b == Has("a") & Has("b")
    assert a & b != b & a
    assert a & b != (a | b)
    assert len({a & b, Has("a") & Has("b"), a | b}) == 2
    assert a != "a"


def test_a_condition_with_a_list_among_its_options_can_be_hashed():
    assert hash(Options(["x"])) == hash(Options(["x"]))


def test_children_and_options_are_those_of_any_component():
    assert a.options() == {"key": "a"}
    assert (a & b).options() == {"conditions": (a, b)}
    assert list((a & b).children()) == []
