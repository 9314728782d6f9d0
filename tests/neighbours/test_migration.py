"""A stack whose neighbours are changed, by their import lines alone, for wsgikit's own of the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paste.translogger
import pytest
import werkzeug.middleware.dispatcher
import werkzeug.middleware.proxy_fix

from tests.neighbours.scene import Closing
from wsgikit import Compress, Layer, Stack, compat
from wsgikit.testing import call


@pytest.mark.parametrize(
    ("theirs", "ours", "arguments", "options"),
    [
        (werkzeug.middleware.proxy_fix.ProxyFix, compat.ProxyFix, (), {"x_for": 1}),
        (
            werkzeug.middleware.dispatcher.DispatcherMiddleware,
            compat.DispatcherMiddleware,
            ({"/blog": Closing()},),
            {},
        ),
        (paste.translogger.TransLogger, compat.TransLogger, (), {"logger_name": "migration"}),
    ],
)
def test_a_layer_of_ours_stands_where_theirs_stood(
    theirs: Callable[..., Any], ours: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    bodies = [
        call(Stack(Layer(Compress), Layer(each, *arguments, **options))(Closing()), path="/blog/post").body
        for each in (theirs, ours)
    ]
    assert bodies == [b"".join(Closing())] * 2
