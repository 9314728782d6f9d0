"""What a set-up needs on the machine, and what brings it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Need:
    """Something that has to be on the machine: ``look`` gives its version, or None where it is not there."""

    name: str
    package: str
    look: Callable[[], str | None]

    def missing(self) -> str:
        """Why there is no starting without it; empty if it is there."""
        if self.look() is not None:
            return ""
        return f"{self.name} is not installed: it comes with the package {self.package}"

    def version(self) -> str:
        """``nginx 1.22.1``; empty for what has none."""
        version = self.look()
        return f"{self.name} {version}" if version else ""


def distribution(name: str, package: str = "", *, title: str = "") -> Need:
    """A package of this interpreter's."""

    def look() -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    return Need(title or name, package or f"{name} (PyPI)", look)


def program(name: str, package: str, *, ask: str) -> Need:
    """A program, asked for its version with the option ``ask``."""

    def look() -> str | None:
        path = found(name)
        if path is None:
            return None
        answer = subprocess.run([path, ask], capture_output=True, text=True, check=False)
        version = re.search(r"\d+(\.\d+)+", answer.stdout + answer.stderr)
        return version[0] if version else ""

    return Need(name, package, look)


def found(name: str) -> str | None:
    """The path of a program: beside the interpreter first, where a virtual environment has its own."""
    return shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
