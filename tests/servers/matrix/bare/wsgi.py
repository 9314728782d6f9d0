"""The promises with nothing around them: what a server does by itself."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gateway"))

from promises import application

__all__ = ["application"]
