"""nginx, and behind it a server of each of the gateway protocols: it speaks HTTP with clients, and the app sees CGI."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.servers.launch.base import Running, Setup, Site
from tests.servers.launch.needs import Need, distribution, found, program
from tests.servers.launch.ports import Place
from tests.servers.launch.processes import started
from tests.servers.launch.python import program_of_ours
from tests.servers.launch.uwsgi import PYUWSGI, THREADS, uwsgi

NGINX = program("nginx", "nginx-light (Debian)", ask="-v")

# What a distribution's nginx.conf has, and one server; whatever it writes is in the site's folder.
CONF = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/unused;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;

    # Debian's files send the host without its port, which is a part of the address that the client has asked.
    map $http_host $host_and_port {{
        "~(:[0-9]+)$" $host$1;
        default $host;
    }}

    server {{
        listen {listen};
        server_name localhost;
        client_max_body_size 64m;  # by itself it refuses what is longer than 1 MiB: that is for BodyLimit to judge
        location / {{
            {protocol}_pass unix:{backend};
            include {params}/{protocol}_params;
            {protocol}_param HTTP_HOST $host_and_port;
            # Two header lines are one list: before 1.23 the variable has it, and what is passed on the last line alone.
            {protocol}_param HTTP_X_FORWARDED_FOR $http_x_forwarded_for if_not_empty;
            {more}
        }}
    }}
}}
"""

# The files that come with nginx are made for PHP: they have the whole path in SCRIPT_NAME (FastCGI), or no path at all
# (SCGI). An app at the root has none of it there; one at /mount would have "/mount" and the rest of it.
PATHS = """{protocol}_param SCRIPT_NAME "";
            {protocol}_param PATH_INFO $document_uri;"""


def configuration(site: Site, protocol: str, backend: Place) -> str:
    listen = str(site.place)
    more = "" if protocol == "uwsgi" else PATHS.format(protocol=protocol)
    # Started by root, its workers are somebody else, who may not come into a test's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    return CONF.format(
        folder=site.folder,
        listen=listen,
        protocol=protocol,
        backend=backend.path,
        params=params(),
        more=more,
        user=user,
    )


def params() -> Path:
    """The folder with fastcgi_params and the others, which is nginx.conf's."""
    built = subprocess.run([str(found("nginx")), "-V"], capture_output=True, text=True, check=True).stderr
    conf = re.search(r"--conf-path=(\S+)", built)
    return Path(conf[1] if conf else "/etc/nginx/nginx.conf").parent


@contextmanager
def serve(name: str, protocol: str, command: Callable[[Place], list[str]], site: Site) -> Iterator[Running]:
    """nginx in front of what ``command`` starts on a unix socket; that is there first, so nobody ever sees a 502."""
    backend = Place(path=site.folder / "backend.sock")
    conf = site.folder / "nginx.conf"
    conf.write_text(configuration(site, protocol, backend))
    words = [str(found("nginx")), "-p", str(site.folder), "-e", "stderr", "-c", str(conf)]
    with (
        started(command(backend), backend, site.output, cwd=site.module_folder, env=site.environ) as behind,
        started(words, site.place, site.output, cwd=site.folder, env=site.environ) as process,
    ):
        yield Running(name, process, site.output, site.place.port, site.place.path, behind)


def setup(name: str, title: str, protocol: str, command: Callable[[Place], list[str]], need: Need) -> Setup:
    return Setup(name, title, partial(serve, name, protocol, command), (NGINX, need), unix=True)


FLUP = distribution("flup")

SETUPS = (
    setup(
        "nginx-uwsgi",
        "uWSGI behind nginx, uwsgi_pass",
        "uwsgi",
        lambda place: uwsgi(place, *THREADS, protocol="--socket"),
        PYUWSGI,
    ),
    setup(
        "nginx-fastcgi",
        "FastCGI: flup behind nginx",
        "fastcgi",
        partial(program_of_ours, "flup_fastcgi"),
        FLUP,
    ),
    setup("nginx-scgi", "SCGI: flup behind nginx", "scgi", partial(program_of_ours, "flup_scgi"), FLUP),
)
