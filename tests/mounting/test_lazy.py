"""Lazy: loaded once, by whoever comes first; what is wrong is kept, logged once, and not told to the client."""

from __future__ import annotations

import pickle
import sys
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from wsgikit.core.target import TargetError
from wsgikit.mounting.lazy import Lazy
from wsgikit.testing import call, lint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = """
loads = globals().get("loads", 0) + 1

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"loaded"]
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of the module ``lazy_under_test``."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "lazy_under_test.py"
    sys.modules.pop("lazy_under_test", None)


def test_the_first_request_loads_it(module: Path) -> None:
    module.write_text(GOOD)
    lazy = Lazy("lazy_under_test:app")
    assert list(lazy.children()) == []
    assert "lazy_under_test" not in sys.modules
    assert call(lint(lazy)).text == "loaded"
    assert list(lazy.children()) == [("app", sys.modules["lazy_under_test"].app)]


def test_load_import_loads_it_at_once(module: Path) -> None:
    module.write_text(GOOD)
    lazy = Lazy("lazy_under_test:app", load="import")
    assert "lazy_under_test" in sys.modules
    assert call(lazy).text == "loaded"


def test_many_first_requests_load_it_once(module: Path) -> None:
    module.write_text(
        GOOD.replace("loads =", "import time, threading\nthreading.Event().wait(0.01)\nloads =")
    )
    lazy = Lazy("lazy_under_test:app")
    together = Barrier(8)
    texts: list[str] = []

    def ask() -> None:
        together.wait()
        texts.append(call(lazy).text)

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["loaded"] * 8
    assert sys.modules["lazy_under_test"].loads == 1


def test_a_broken_target_is_tried_once_and_logged_once(
    module: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module.write_text(
        "import sys\nsys.tried = getattr(sys, 'tried', 0) + 1\nraise ValueError('secret in the path')\n"
    )
    lazy = Lazy("lazy_under_test:app", on_error="503")
    for _ in range(3):
        result = call(lint(lazy))
        assert result.status == 503
        assert "could not be started" in result.text
        assert "secret" not in result.text
        assert "lazy_under_test" not in result.text
    assert sys.__dict__.pop("tried") == 1
    (record,) = caplog.records
    assert record.name == "wsgikit.mounting"
    assert record.getMessage() == (
        "'lazy_under_test:app': importing 'lazy_under_test' failed: ValueError: secret in the path"
    )
    assert record.exc_info


def test_raise_raises_the_same_error_each_time(module: Path) -> None:
    module.write_text("ap = 1")
    lazy = Lazy("lazy_under_test:app")
    raised = []
    for _ in range(2):
        with pytest.raises(TargetError, match="has no attribute 'app'; did you mean 'ap'") as caught:
            call(lazy)
        raised.append(caught.value)
    assert raised[0] is not raised[1]


def test_need_app_fails_where_it_is_built(module: Path) -> None:
    module.write_text("raise ValueError('no SECRET_KEY')")
    with pytest.raises(TargetError, match=r"'lazy_under_test:app': .* ValueError: no SECRET_KEY"):
        Lazy("lazy_under_test:app", load="import")


def test_import_with_503_is_built_all_the_same(module: Path, caplog: pytest.LogCaptureFixture) -> None:
    lazy = Lazy("lazy_under_test:app", load="import", on_error="503")
    assert [record.getMessage() for record in caplog.records] == [
        "'lazy_under_test:app': there is no module 'lazy_under_test'"
    ]
    assert call(lazy).status == 503


def test_an_app_that_is_empty_is_an_app(module: Path) -> None:
    module.write_text(GOOD + "\nclass Empty(dict):\n    __call__ = staticmethod(app)\nempty = Empty()\n")
    assert call(Lazy("lazy_under_test:empty")).text == "loaded"


def test_it_pickles_by_its_options(module: Path) -> None:
    module.write_text(GOOD)
    lazy = Lazy("lazy_under_test:app", on_error="503")
    call(lazy)
    twin = pickle.loads(pickle.dumps(lazy))
    assert twin == lazy
    assert repr(twin) == "Lazy(target='lazy_under_test:app', on_error='503')"
    assert call(twin).text == "loaded"


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("shop.wsgi", {}, "Lazy: target='shop.wsgi' will not do: .*did you mean 'shop.wsgi:app'"),
        ("shop:app", {"load": "frist"}, "Lazy: load='frist' .* did you mean 'first'"),
        ("shop:app", {"on_error": "500"}, "Lazy: on_error='500' .* did you mean '503'"),
    ],
)
def test_a_wrong_option_is_named(target: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Lazy(target, **options)
