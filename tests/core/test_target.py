"""Targets: found, or refused with the reason and the nearest right name."""

from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING

import pytest

from wsgikit.core.target import TargetError, load_app, load_target, parse_target

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on sys.path: ``shop_under_test`` with ``wsgi`` (good), ``broken`` (raises) and ``leaves`` (exits)."""
    package = tmp_path / "shop_under_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "wsgi.py").write_text(
        "def application(environ, start_response):\n    return []\n"
        "class admin:\n    site = staticmethod(application)\n"
        "settings = 'production'\n"
    )
    (package / "broken.py").write_text("raise ValueError('no SECRET_KEY')\n")
    (package / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    (package / "wants.py").write_text("import a_driver_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for name in [name for name in sys.modules if name.startswith("shop_under_test")]:
        del sys.modules[name]


def test_the_object_is_found_through_dots(shop: Path) -> None:
    assert load_target("shop_under_test.wsgi:settings") == "production"
    assert load_app("shop_under_test.wsgi:admin.site") is load_app("shop_under_test.wsgi:application")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("shop_under_test.wsgi:aplication", "module 'shop_under_test.wsgi' has no attribute 'aplication'"),
        ("shop_under_test.wsgi:aplication", "did you mean 'application'?"),
        ("shop_under_test.wsgi:admin.sight", "'admin' has no attribute 'sight'; did you mean 'site'?"),
        (
            "shop_under_test.wgsi:application",
            "no module 'shop_under_test.wgsi' in 'shop_under_test'; did you mean 'wsgi'?",
        ),
        ("shop_under_tset.wsgi:application", "no module 'shop_under_tset'; did you mean 'shop_under_test'?"),
        ("shop_under_test.wsgi.x:application", "'shop_under_test.wsgi' is a module, not a package"),
        (
            "shop_under_test.broken:application",
            "importing 'shop_under_test.broken' failed: ValueError: no SECRET_KEY",
        ),
        ("shop_under_test.leaves:application", "importing 'shop_under_test.leaves' failed: SystemExit: 3"),
        (
            "shop_under_test.wants:application",
            "importing 'shop_under_test.wants' failed: ModuleNotFoundError: "
            "No module named 'a_driver_that_is_not_there'",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_target_and_the_nearest_name(
    shop: Path, target: str, said: str
) -> None:
    with pytest.raises(TargetError) as raised:
        load_target(target)
    assert str(raised.value).startswith(f"{target!r}: ")
    assert said in str(raised.value)


def test_what_the_module_raised_is_the_cause(shop: Path) -> None:
    with pytest.raises(TargetError) as raised:
        load_target("shop_under_test.broken:application")
    assert isinstance(raised.value.__cause__, ValueError)


def test_an_app_can_be_called(shop: Path) -> None:
    with pytest.raises(
        TargetError, match=r"'shop_under_test.wsgi:settings' is no WSGI app but str 'production'"
    ):
        load_app("shop_under_test.wsgi:settings")


def test_parsing_imports_nothing() -> None:
    assert parse_target("Lazy", "target", "nowhere.at.all:app") == ("nowhere.at.all", "app")
    assert "nowhere" not in sys.modules


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("shop.wsgi", "did you mean 'shop.wsgi:app'?"),
        ("shop/wsgi.py", "did you mean 'shop.wsgi:app'?"),
        ("./shop/wsgi.py:application", "did you mean 'shop.wsgi:application'?"),
        ("shop.wsgi:create_app()", "a factory is not called"),
        ("", "module:attribute"),
        (":app", "module:attribute"),
        ("shop.wsgi:", "module:attribute"),
        ("shop..wsgi:app", "module:attribute"),
        ("shop.wsgi:app:", "module:attribute"),
    ],
)
def test_a_text_that_is_no_target_is_refused_with_what_would_do(value: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^Lazy: target=") as raised:
        parse_target("Lazy", "target", value)
    assert said in str(raised.value)


def test_a_target_is_text() -> None:
    with pytest.raises(TypeError, match=r"Lazy: target=None \(NoneType\)"):
        parse_target("Lazy", "target", None)


def test_the_error_pickles() -> None:
    error = pickle.loads(pickle.dumps(TargetError("'a:b': there is no module 'a'")))
    assert str(error) == "'a:b': there is no module 'a'"
