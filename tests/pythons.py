"""Run the unit and conformance suites on each Python that is on this machine: ``make test-pythons``.

Looked for are those that `pyproject.toml` names, on the PATH and among pyenv's; of each minor version the newest one.
Each has a virtual environment of its own, `.venv-3.12` and the like. What follows on the command line is pytest's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def whole_servers() -> list[str]:
    """The tests that start whole servers, which `make test` has on one Python: a room's own have its files' names."""
    tests = (ROOT / "tests" / "servers").glob("test_*.py")
    ours = {f"test_{file.name}" for file in (ROOT / "wsgikit" / "servers").glob("*.py")}
    return [
        "tests/examples",
        *sorted(f"tests/servers/{test.name}" for test in tests if test.name not in ours),
    ]


def wanted() -> list[str]:
    """The minor versions that wsgikit is for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = (re.search(r":: (3\.\d+)$", line) for line in project["classifiers"])
    return [version[1] for version in versions if version]


def candidates(minor: str) -> list[Path]:
    """Where an interpreter of this minor version may be."""
    on_path = [Path(folder) / f"python{minor}" for folder in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return [*on_path, *pyenv.glob(f"{minor}.*/bin/python{minor}")]


def version(python: Path) -> tuple[int, ...] | None:
    """The version of an interpreter that runs, and can make a virtual environment."""
    try:
        told = subprocess.run(
            [python, "-c", "import ensurepip, sys; print(*sys.version_info[:3])"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None  # not there, a shim that leads nowhere, or without ensurepip
    return tuple(map(int, told.stdout.split()))


def newest(minor: str) -> Path | None:
    """The newest interpreter of a minor version, or None."""
    found = [(known, str(python)) for python in candidates(minor) if (known := version(python))]
    return Path(max(found)[1]) if found else None


def tested(python: Path, minor: str, arguments: list[str]) -> bool:
    """Whether the suites pass on this interpreter."""
    folder = ROOT / f".venv-{minor}"
    inside = folder / "bin" / "python"
    if not inside.exists():
        subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", ".[test]"]
    subprocess.run(pip, check=True, cwd=ROOT)
    ignored = [f"--ignore={tests}" for tests in whole_servers()]
    command = [inside, "-m", "pytest", "--numprocesses=auto", "--dist=loadfile", "-q", *ignored, *arguments]
    return subprocess.run(command, cwd=ROOT).returncode == 0


def main(arguments: list[str]) -> int:
    """Run them one after the other; the exit code is 1 if one has failed, or if there is none to run."""
    results = {}
    for minor in wanted():
        python = newest(minor)
        if python is None:
            print(f"Python {minor}: not on this machine", flush=True)
            continue
        print(f"Python {minor}: {python}", flush=True)
        results[minor] = tested(python, minor, arguments)
    print(*(f"Python {minor}: {'passed' if good else 'FAILED'}" for minor, good in results.items()), sep="\n")
    return 0 if results and all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
