"""The scoreboard: what the workers of a service have done and are doing, told by whichever of them is asked.

One file a host and service, mapped into each worker. ``layout`` says what stands where, ``file`` maps and locks it,
``slot`` is what a worker writes, ``snapshot`` what a reader sees, and ``board`` brings them together.
"""
