"""What the servers start."""

from __future__ import annotations

from tests.servers.apps.gateway import application

__all__ = ["application"]
