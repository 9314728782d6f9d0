"""Which backend takes the next request: policies, what they know of a backend's latency, and sticky clients."""
