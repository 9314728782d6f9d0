"""The floors of the house: core and http below, then the rooms, then config, then the command line."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "wsgikit").rglob("*.py"))
FLOORS = {"core": 0, "http": 0, "config": 2, "cli": 3}  # every other folder is a room, on floor 1
# Facades: they open names, and the fakes that users test with.
ABOVE = {"__init__", "compat"}


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(file: Path) -> set[str]:
    """The modules of wsgikit that ``file`` imports when it runs; those for the type checker alone do not count."""
    found: set[str] = set()
    for node in runtime_nodes(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("wsgikit")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wsgikit"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else str(node.module))
    return found


def runtime_nodes(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return [inner for part in node.orelse for inner in runtime_nodes(part)]
    return [node] + [inner for child in ast.iter_child_nodes(node) for inner in runtime_nodes(child)]


MODULES = {module_name(file): file for file in FILES}
GRAPH = {name: imports(file) for name, file in MODULES.items()}


@pytest.mark.parametrize("module", sorted(set(GRAPH) - {"wsgikit"}))
def test_module_imports_only_its_own_room_and_the_floors_below(module: str) -> None:
    own = room(module)
    if own in ABOVE:
        return
    floor = FLOORS.get(own, 1)
    for imported in GRAPH[module] - {"wsgikit"}:
        other = room(imported)
        if other == own or {own, other} <= {"core", "http"}:
            continue
        assert FLOORS.get(other, 1) < floor, f"{module} imports {imported}"


def test_imports_hold_no_cycle() -> None:
    seen: dict[str, int] = {}

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a cycle: {' -> '.join((*path[path.index(module) :], module))}"
        if seen.get(module):
            return
        for imported in sorted(GRAPH.get(module, ())):
            if imported != module:
                visit(imported, (*path, module))
        seen[module] = 1

    for module in sorted(GRAPH):
        visit(module, ())


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_file_imports_alone() -> None:
    """In a fresh state each time, so that no file leans on what another has imported before it."""
    names = [name for name in MODULES if not name.startswith("wsgikit.cli.gateway")]
    run(
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    for loaded in [m for m in sys.modules if m.split('.')[0] == 'wsgikit']:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
    )


def test_core_needs_the_standard_library_alone() -> None:
    names = [name for name in MODULES if room(name) == "core"]
    loaded = run(
        "import importlib, sys\n"
        f"[importlib.import_module(name) for name in {names!r}]\n"
        "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    ).split()
    foreign = {"werkzeug", "webob", "httptools", "msgspec", "click", "rich", "waitress"}
    assert not foreign & set(loaded)


def test_import_wsgikit_loads_neither_werkzeug_nor_webob_nor_typing() -> None:
    loaded = set(
        run(
            "import sys; before = set(sys.modules)\nimport wsgikit\nprint(*(set(sys.modules) - before))"
        ).split()
    )
    assert not {"werkzeug", "webob", "httptools", "msgspec", "inspect", "typing"} & loaded
    assert {name for name in loaded if name.startswith("wsgikit.")} <= {
        "wsgikit.core",
        "wsgikit.core.lazy",
        "wsgikit.core.errors",
    }
