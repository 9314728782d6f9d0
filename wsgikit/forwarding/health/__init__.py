"""Whether a backend is fit to take requests: failures seen in passing, a circuit breaker, and active checks.

Each of the three is an option that says how (``PassiveHealth``, ``CircuitBreaker``, ``HealthCheck``), and a state that
``state()`` makes anew for each backend. States only decide: they are told what happened and when (``now``, in seconds
of a clock that never goes back), and hold no lock, thread or clock of their own. Whoever owns one calls it under a
lock of his.
"""
