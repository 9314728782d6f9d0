"""What the servers of test_proxying.py serve: under each path, a proxy to the upstream that the environment names."""

import json
import os

from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.forwarding.tls import TLS
from wsgikit.mounting.mount import Mount

tls = TLS(ca=os.environ["AUTHORITY"]) if "AUTHORITY" in os.environ else None
upstreams = json.loads(os.environ["UPSTREAMS"])
application = Mount({path: ReverseProxy(url, tls=tls) for path, url in upstreams.items()})
