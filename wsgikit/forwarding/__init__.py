"""Forwarding: a reverse proxy as a WSGI app, from environ to a backend's socket and back."""
