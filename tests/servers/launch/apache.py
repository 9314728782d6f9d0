"""Apache httpd, Debian's, with each of the ways it has to run Python: mod_wsgi, CGI and mod_python.

Root starts it as nobody, for it serves no page as root, and lets it read and write files as root does: a home folder
is closed to others. Whatever it writes is in the site's folder. Its modules embed the system's Python, which imports
what is installed for ours: that takes the same minor version. mod_wsgi and mod_python cannot be in one server.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from tests.servers.launch.base import Running, Setup, Site
from tests.servers.launch.needs import Need, found
from tests.servers.launch.processes import started

HTTPD = Path("/usr/sbin/apache2")  # not on the PATH of everyone who is not root
MODULES = Path("/usr/lib/apache2/modules")

COMMON = """
ServerRoot "{folder}"
ServerName 127.0.0.1
DocumentRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{folder}/httpd.pid"
ErrorLog "{output}"
Listen {place}

LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule env_module {modules}/mod_env.so
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
MinSpareThreads 1
MaxSpareThreads 16

# A path goes to the app as the client wrote it. Otherwise %2F is a 404, and // is /.
AllowEncodedSlashes On
MergeSlashes Off
"""

MOD_WSGI = """
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGIScriptAlias / "{app}/wsgi.py"
# The main interpreter: extension modules such as numpy's do not work in another.
WSGIApplicationGroup %{{GLOBAL}}
# Without these a chunked body is answered 411, and the app sees no Authorization.
WSGIChunkedRequest On
WSGIPassAuthorization On
# What is served stays as it was at the start, whoever edits it meanwhile.
WSGIScriptReloading Off
"""

DAEMON = """
WSGISocketPrefix "{folder}/wsgi"
WSGIDaemonProcess app processes=1 threads=16 home="{app}"
WSGIProcessGroup app
"""

CGI = """
LoadModule cgid_module {modules}/mod_cgid.so
ScriptSock "{folder}/cgid.sock"
ScriptAlias / "{folder}/app.cgi/"
{variables}
# Without these the app sees no Authorization, and the client no Content-Length.
<Location />
    CGIPassAuth On
</Location>
SetEnv ap_trust_cgilike_cl 1
"""

CGI_SCRIPT = """#!{python}
from wsgiref.handlers import CGIHandler
from wsgi import application
CGIHandler().run(application)
"""

MOD_PYTHON = """
LoadModule python_module {modules}/mod_python.so
PythonOption mod_python.mutex_directory "{folder}"
<Location {location}>
    SetHandler mod_python
    PythonHandler {handler}
    {options}
    # The main interpreter: extension modules such as numpy's do not work in another.
    PythonInterpreter main_interpreter
    PythonAutoReload Off
</Location>
"""
OURS = "wsgikit.handlers.mod_python"


class Embedded(Need):
    """A module of Apache's with a Python in it, which has to be of our minor version."""

    def missing(self) -> str:
        """Why there is no starting without it; empty if it is there."""
        if reason := super().missing():
            return reason
        embedded, ours = linked_python(self.name), "{}.{}".format(*sys.version_info)
        if embedded == ours:
            return ""
        return f"{self.name} embeds Python {embedded}, and what it should serve is installed for {ours}"


def module(name: str, package: str) -> Embedded:
    """One of Apache's modules, by its name and that of its package."""

    def look() -> str | None:
        return debian_version(package) if (MODULES / f"{name}.so").exists() else None

    return Embedded(name, package, look)


def linked_python(name: str) -> str:
    """The minor version of the Python that a module of Apache's is linked to."""
    library = re.search(rb"libpython(\d+\.\d+)\.so", (MODULES / f"{name}.so").read_bytes())
    assert library, f"{name}.so is linked to no Python"
    return library[1].decode()


def debian_version(package: str) -> str:
    """The version of an installed package, without what Debian adds."""
    words = ["dpkg-query", "--show", "--showformat=${Version}", package]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    return answer.stdout.partition("-")[0]


APACHE = Need("Apache", "apache2-bin", lambda: debian_version("apache2-bin") if HTTPD.exists() else None)
SETPRIV = Need("setpriv", "util-linux", lambda: None if os.geteuid() == 0 and not found("setpriv") else "")


@contextmanager
def apache(site: Site, name: str, config: str, **values: str) -> Iterator[Running]:
    """Apache with ``config`` beside what is common to all."""
    text = (COMMON + config).format(
        folder=site.folder,
        output=site.output,
        app=site.module_folder,
        place=site.place,
        modules=MODULES,
        **values,
    )
    file = site.folder / "httpd.conf"
    file.write_text(text)
    command = [*unprivileged(), str(HTTPD), "-D", "FOREGROUND", "-f", str(file)]
    with started(command, site.place, site.output, cwd=site.folder, env=environ(site)) as process:
        yield Running(name, process, site.output, port=site.place.port)


def unprivileged() -> list[str]:
    """The words before a command that make root nobody, who may still read and write as root does."""
    if os.geteuid():
        return []
    capability = "+dac_override"
    return [
        *["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
        *[f"--inh-caps={capability}", f"--ambient-caps={capability}"],
    ]


def environ(site: Site) -> dict[str, str]:
    """The environment of Apache: the Python within it finds what is installed for ours."""
    installed = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    return {**site.environ, "PYTHONPATH": os.pathsep.join([site.environ["PYTHONPATH"], *installed])}


def cgi(site: Site) -> AbstractContextManager[Running]:
    """A CGI script that runs the app: an interpreter for each request."""
    script = site.folder / "app.cgi"
    script.write_text(CGI_SCRIPT.format(python=sys.executable))
    script.chmod(0o755)
    # Apache gives a script nothing of its own environment but what is named.
    variables = "\n".join(f"PassEnv {name}" for name in ("PYTHONPATH", *site.env))
    return apache(site, "apache-cgi", CGI, variables=variables)


def mod_python(
    site: Site,
    *,
    handler: str = OURS,
    location: str = "/",
    options: tuple[str, ...] = ("wsgi.application wsgi:application",),
) -> AbstractContextManager[Running]:
    """mod_python with our handler, or another, for a part of the paths, or all."""
    lines = "\n    ".join(f"PythonOption {option}" for option in options)
    return apache(site, "apache-mod_python", MOD_PYTHON, handler=handler, location=location, options=lines)


WSGI = module("mod_wsgi", "libapache2-mod-wsgi-py3")
PYTHON = module("mod_python", "libapache2-mod-python")

SETUPS = (
    Setup(
        "apache-mod_wsgi",
        "Apache with mod_wsgi, daemon mode",
        partial(apache, name="apache-mod_wsgi", config=MOD_WSGI + DAEMON),
        (APACHE, SETPRIV, WSGI),
    ),
    Setup(
        "apache-mod_wsgi-embedded",
        "Apache with mod_wsgi, embedded mode",
        partial(apache, name="apache-mod_wsgi-embedded", config=MOD_WSGI),
        (APACHE, SETPRIV, WSGI),
    ),
    Setup("apache-cgi", "Apache with CGI", cgi, (APACHE, SETPRIV)),
    Setup(
        "apache-mod_python",
        "Apache with mod_python and wsgikit's handler",
        mod_python,
        (APACHE, SETPRIV, PYTHON),
    ),
)
