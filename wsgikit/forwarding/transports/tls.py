"""How TLS connections to backends are made. Nothing of TLS is loaded before the first one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.forwarding.tls import TLS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import TypeAlias

    from wsgikit.forwarding.transports.wire import Wire
    from wsgikit.forwarding.upstream import Address

    Dialer: TypeAlias = Callable[[Address, float, float], Wire]


def dialer(tls: TLS | ssl.SSLContext | None = None) -> Dialer:
    """What makes TLS connections: ``dial(address, timeout, read_timeout)``, each within ``timeout`` seconds.

    None stands for ``TLS()``. Raises, when it is called, what ``connect_tls`` raises.
    """
    options = tls or TLS()

    def dial(address: Address, timeout: float, read_timeout: float) -> Wire:
        from wsgikit.forwarding.transports.tlswire import connect_tls

        if isinstance(options, TLS):
            return connect_tls(address, timeout, read_timeout, options.loaded(), options.server_name)
        return connect_tls(address, timeout, read_timeout, options)

    return dial
