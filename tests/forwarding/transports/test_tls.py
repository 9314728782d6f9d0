"""How TLS connections come to be made."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests import certificates
from wsgikit.forwarding.errors import NotTrusted, TimedOut
from wsgikit.forwarding.tls import TLS
from wsgikit.forwarding.transports.tls import dialer
from wsgikit.forwarding.upstream import parse
from wsgikit.testing import ScriptedUpstream

if TYPE_CHECKING:
    from pathlib import Path


def test_the_options_go_with_every_connection(tmp_path: Path) -> None:
    server = certificates.server(certificates.certificate("app.internal"))
    tls = TLS(ca=certificates.trusted(tmp_path), server_name="app.internal")
    with ScriptedUpstream(tls=server) as upstream:
        address = parse(upstream.url)
        for dial in (dialer(tls), dialer(TLS(verify=False)), dialer(TLS(verify=False).context())):
            wire = dial(address, 10.0, 0.01)
            with pytest.raises(TimedOut):
                wire.receive()
            wire.close()
        for dial in (dialer(), dialer(tls.context())):
            with pytest.raises(NotTrusted):
                dial(address, 10.0, 0.01)


def test_a_proxy_without_tls_does_not_load_it() -> None:
    program = (
        "import sys, wsgikit.forwarding.proxy as p; p.ReverseProxy('http://a'); print('ssl' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
