"""Many greenlets, one proxy, ten connections. Run as: greenlets.py URL; says "right" if all is."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402  # after the patch, as in a server

import gevent  # noqa: E402

from wsgikit.forwarding.health.checks import HealthCheck  # noqa: E402
from wsgikit.forwarding.proxy import ReverseProxy  # noqa: E402
from wsgikit.testing import Result, call  # noqa: E402


def main(url: str) -> None:
    proxy = ReverseProxy(
        url, health=HealthCheck(interval=0.05), connect_timeout=60, max_connections=10, max_waiting=300
    )
    greenlets = [gevent.spawn(call, proxy) for _ in range(200)]
    gevent.joinall(greenlets, timeout=30, raise_error=True)
    answers: list[Result] = [greenlet.value for greenlet in greenlets]
    assert {answer.status for answer in answers} == {200}
    snapshot = proxy.snapshot()
    (backend,) = snapshot["upstreams"].values()
    assert snapshot["waiting"] == backend["in_flight"] == 0
    assert backend["requests"] == 200
    assert backend["pool"]["idle"] <= 10
    proxy.close()
    print("right")


if __name__ == "__main__":
    main(*sys.argv[1:])
