"""WSGI handlers for servers whose own falls short: mod_python."""
