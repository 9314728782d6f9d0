"""A request on its way to a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.forwarding.upload import NOTHING
from wsgikit.http.methods import IDEMPOTENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.types import WSGIEnvironment

    from wsgikit.core.headers import Headers
    from wsgikit.forwarding.backend import Backend
    from wsgikit.forwarding.upload import Upload


class Request:
    """A request as every backend is asked, however it is spoken to: what they differ in is left out.

    ``target`` is path and query without a base path; ``fields`` the lines of the head but for Host and framing, each
    with its line end; ``asked`` the host the client asked for; ``mount`` the mount point the backend does not see.
    The body has ``length`` bytes, of which ``body`` are here and ``more`` yields the rest; a length of None with
    ``more`` is a body that only its end tells. ``expects``: the client waits for 100 Continue before it sends its body.
    ``begun``: some of ``more`` has been read, so that it cannot be sent again.
    """

    __slots__ = (
        "asked",
        "begun",
        "body",
        "bound",
        "environ",
        "expects",
        "fields",
        "length",
        "method",
        "more",
        "mount",
        "target",
    )

    def __init__(
        self,
        environ: WSGIEnvironment,
        method: str,
        target: str,
        *,
        asked: str = "",
        mount: str = "",
        fields: bytes = b"",
        upload: Upload = NOTHING,
        expects: bool = False,
    ) -> None:
        self.environ = environ
        self.method = method
        self.target = target
        self.asked = asked
        self.mount = mount
        self.fields = fields
        self.length = upload.length
        self.body = upload.first
        self.more: Iterator[bytes] | None = upload.more
        self.expects = expects
        self.begun = False
        self.bound: Backend | None = None
        """The backend that the client is bound to, once it was found among those to choose from."""

    @property
    def replayable(self) -> bool:
        """Whether it may and can be sent again where it is not known what became of it."""
        return self.more is None and self.method in IDEMPOTENT

    @property
    def hints(self) -> Callable[[Headers], object] | None:
        """What passes an early hint (103) on to the client, where the server has a way to (gunicorn)."""
        return self.environ.get("wsgi.early_hints")

    def pairs(self) -> list[tuple[str, str]]:
        """The fields as names and values."""
        lines = self.fields.decode("latin-1").split("\r\n")[:-1]
        return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
