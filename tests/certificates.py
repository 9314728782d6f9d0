"""Certificates for tests: two authorities, and what they vouch for. Keys are made once a run."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path

HERE = ("localhost", "127.0.0.1", "::1")


@lru_cache
def authority(name: str) -> trustme.CA:
    return trustme.CA(organization_name=name)


@lru_cache
def certificate(*names: str, by: str = "ours") -> trustme.LeafCert:
    return authority(by).issue_cert(*names or HERE)


@lru_cache
def nameless() -> trustme.LeafCert:
    """As it was done long ago: the name is in the subject alone."""
    return authority("ours").issue_cert(common_name="localhost")


@lru_cache
def expired() -> trustme.LeafCert:
    now = datetime.now(UTC)
    return authority("ours").issue_cert(*HERE, not_before=now - timedelta(2), not_after=now - timedelta(1))


def server(
    shown: trustme.LeafCert | None = None,
    *,
    clients: str | None = None,
    version: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    """A context for a backend, which speaks ``version`` alone and wants a certificate by the authority ``clients``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (shown or certificate()).configure_cert(context)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        authority(clients).configure_trust(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def trusted(folder: Path, by: str = "ours") -> str:
    """The path of a file with the authority's own certificate."""
    path = folder / f"{by}.pem"
    authority(by).cert_pem.write_to_path(str(path))
    return str(path)


def client(folder: Path, by: str = "ours") -> str:
    """The path of a file with a client's certificate and its key."""
    path = folder / f"client-{by}.pem"
    certificate("client.internal", by=by).private_key_and_cert_chain_pem.write_to_path(str(path))
    return str(path)
