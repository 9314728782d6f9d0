"""A shared HTTP cache inside the process (RFC 9111): pure rules, a layer that obeys them, stores that keep."""
