"""Apache as far as the handler knows it: a request that writes down what is done with it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class Table(dict[str, str]):
    """One of Apache's tables: it may hold a name several times, and does not tell case apart."""

    def __init__(self, pairs: dict[str, str] | None = None) -> None:
        super().__init__(pairs or {})
        self.added: list[tuple[str, str]] = []

    def add(self, name: str, value: str) -> None:
        self.added.append((name, value))

    def value(self, name: str) -> str | None:
        return next((value for key, value in self.items() if key.lower() == name.lower()), None)


class Apache:
    """What mod_python.apache has."""

    OK, DECLINED, HTTP_BAD_REQUEST = 0, -1, 400
    AP_CONN_CLOSE, APLOG_ERR = 1, 3
    AP_MPMQ_IS_THREADED, AP_MPMQ_MAX_DAEMONS = 2, 12

    def __init__(self) -> None:
        self.log: list[str] = []

    def mpm_query(self, code: int) -> int:
        return {self.AP_MPMQ_IS_THREADED: 1, self.AP_MPMQ_MAX_DAEMONS: 4}[code]

    def log_error(self, line: str, level: int) -> None:
        self.log.append(line)


class Undecodable:
    """An attribute that mod_python cannot decode."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw


class Request:
    """A request, and what became of it: ``sent``, ``log``, ``filters``."""

    method, protocol, args = "GET", "HTTP/1.1", None
    uri: str | Undecodable = "/shop/caf\xe9"
    unparsed_uri = "/shop/caf%C3%A9"
    status, status_line, content_type, length = 200, None, None, None

    def __init__(self, *, gone: bool = False, **attributes: Any) -> None:
        self.headers_in, self.headers_out, self.subprocess_env = Table(), Table(), Table()
        self.connection = SimpleNamespace(keepalive=2)
        self.hlist = SimpleNamespace(directory="/shop", is_location=1)
        self.options: dict[str, str] = {}
        self.sent: list[tuple[Any, ...]] = []
        self.log: list[str] = []
        self.filters: list[str] = []
        self.gone = gone
        for name, value in attributes.items():
            setattr(self, name, value)

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        return value.raw.decode() if isinstance(value, Undecodable) else value

    def add_common_vars(self) -> None:
        self.subprocess_env.update(SERVER_NAME="a")

    def get_options(self) -> dict[str, str]:
        return self.options

    def is_https(self) -> int:
        return 0

    def set_content_length(self, length: int) -> None:
        self.length = length

    def write(self, data: bytes, flush: bool) -> None:
        if self.gone:
            raise OSError("Write failed, client closed connection.")
        self.sent.append((data, flush))

    def sendfile(self, path: str, offset: int, length: int) -> None:
        self.sent.append((path, offset, length))

    def flush(self) -> None:
        self.write(b"", True)

    def log_error(self, line: str, level: int) -> None:
        self.log.append(line)

    def register_output_filter(self, name: str, handler: str) -> None:
        self.filters.append(f"{name} {handler}")

    def add_output_filter(self, name: str) -> None:
        self.filters.append(name)
