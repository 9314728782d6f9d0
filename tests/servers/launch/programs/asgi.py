"""``wsgi.py``'s application as an ASGI app: what uvicorn serves."""

from __future__ import annotations

from a2wsgi import WSGIMiddleware
from wsgi import application as app

application = WSGIMiddleware(app)
