from __future__ import annotations

import pickle
import warnings
from typing import Any

import pytest

import wsgikit
from wsgikit import (
    AccessLog,
    Compress,
    ETag,
    Layer,
    OrderWarning,
    Ranges,
    RequestId,
    ServerFix,
    Stack,
    TrustedProxies,
)
from wsgikit.core.middleware import Middleware
from wsgikit.core.order import ANY, RULES, check_order


def warned(*layers: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Stack(*layers)
    return [one.message.code for one in caught if isinstance(one.message, OrderWarning)]


def test_an_order_that_cannot_be_right_is_warned_of_where_the_stack_is_written() -> None:
    with pytest.warns(
        OrderWarning, match=r"^ranges-outside-compress: Ranges stands outside Compress: "
    ) as caught:
        Stack(Layer(Ranges), Layer(Compress))
    assert caught[0].filename == __file__
    assert "docs/responses.md#order" in str(caught[0].message)


def test_the_right_order_is_silent() -> None:
    right = (AccessLog, TrustedProxies, RequestId, Compress, Ranges, ETag)
    arguments = {TrustedProxies: (["loopback"],)}
    assert warned(*(Layer(one, *arguments.get(one, ())) for one in right)) == []


def test_stacks_in_stacks_and_bare_classes_are_looked_into() -> None:
    inner = Stack(Layer(RequestId), Compress)
    assert warned(ETag, inner) == ["tag-outside-compress"]


def test_each_rule_warns_once_and_several_may() -> None:
    assert warned(Ranges, ETag, Compress, Compress) == ["ranges-outside-compress", "tag-outside-compress"]


def test_anybody_elses_layers_are_not_judged_by_their_names() -> None:
    class Ranges:
        def __init__(self, app: Any) -> None:
            self.app = app

    assert warned(Layer(Ranges), Layer(Compress)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_each_rule_warns_of_its_pairs_and_not_of_them_the_other_way_round(rule: Any) -> None:
    for outer in rule.outer:
        for inner in rule.inner:
            layers = [outer, inner]
            with pytest.warns(OrderWarning, match=rule.code):
                check_order(layers, stacklevel=1)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                check_order(layers[::-1], stacklevel=1)


def test_the_rules_name_layers_that_there_are() -> None:
    names = {name for rule in RULES for name in (*rule.outer, *rule.inner)} - {ANY}
    for name in names:
        assert issubclass(getattr(wsgikit, name), Middleware), name


def test_a_warning_pickles() -> None:
    warning = OrderWarning("code", "reason")
    assert str(pickle.loads(pickle.dumps(warning))) == str(warning)


def test_server_fix_is_the_outermost() -> None:
    assert warned(RequestId, Compress, ServerFix) == ["outside-server-fix"]
    assert warned(ServerFix, RequestId, Compress) == []
