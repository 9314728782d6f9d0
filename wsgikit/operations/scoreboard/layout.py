"""What stands where in the file of a scoreboard, in words of eight bytes.

    head      magic, slots in use, names in use, since when it counts, and for which start of the service
    names     of routes, as the router has their rules, and of upstreams
    slots     one for each worker number

A slot belongs to a worker number, not to a process. The next process with that number goes on with its counters, so
totals never go backwards while a service runs, and nothing grows when workers are recycled. In a slot:

    head      which process, since when, which life of the number this is, and counters of what is rare
    events    the slowest requests, and the last that failed
    cores     a request in flight each: since when, method, path
    records   a record for each route: by status class requests of each duration, bytes sent, time
    upstreams a record for each upstream: requests, retries, time, failures by kind
    cache     requests by what a cache has done

One process writes to a slot, and within it one thread at a time to each part. Words are written whole; a reader that
finds a text half written reads it again.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

MAGIC = int.from_bytes(b"wsgikit3", "little")
"""Changes with the layout, as the file's name does."""

WORD = 8
PAGE = 4096

# The head of the file.
MADE_AT = 3  # a double: seconds since the epoch
SLOTS_USED = 1
FAMILY = 4

NAME = 128  # bytes


class Names(NamedTuple):
    """A table of names from ``start`` on; the head has in its word ``used`` how many there are.

    The first is empty, for requests that have none; the last, ``OTHER``, stands for all that have found no place.
    """

    used: int
    start: int
    room: int

    @property
    def other(self) -> int:
        """The number of the last."""
        return self.room - 1


OTHER = "(other)"
ROUTES = Names(2, PAGE, 64)
UPSTREAMS = Names(5, ROUTES.start + ROUTES.room * NAME, 64)
NAMES = (ROUTES, UPSTREAMS)

# The slots.
SLOTS = 256
FIRST_SLOT = UPSTREAMS.start + UPSTREAMS.room * NAME

# The head of a slot, in words from its start.
PID = 0  # 0 while the number has no process
STARTED = 1  # a double: seconds since the epoch
LIVES = 2
REQUESTS_BEFORE = 3  # of the lives before this one
EXCEPTIONS = 4
LOST = 5  # requests that were in flight when their process died
UNLISTED = 6  # requests in flight beyond the cores
TIME_BEFORE = 7  # microseconds, of the lives before this one

# Events.
SLOWEST = 8
FAILED = 8
EVENT = 256  # bytes
EVENTS = PAGE
EVENT_HEAD = Struct("<dQQ16s216s")  # when, microseconds, status, method, path

# Requests in flight.
CORES = 64
CORE = 256  # bytes
CORES_START = 2 * PAGE
CORE_ENTRY = Struct(
    "<dQ16s224s"
)  # since when by the monotonic clock, 0.0 if free; how many so far; method, path

# Records of routes: a row for each status class.
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds up to which a request belongs to a bucket; the last bucket has no bound."""
BUCKETS = len(BOUNDS) + 1
SENT = BUCKETS  # after the words of the buckets: bytes of bodies
TIME = BUCKETS + 1  # microseconds
ROW = BUCKETS + 2  # words
RECORD = len(CLASSES) * ROW
RECORDS = (CORES_START + CORES * CORE) // WORD  # in words

# Records of upstreams.
KINDS = (
    "unreachable",
    "timeout",
    "broken",
    "closed",
    "overloaded",
    "none_available",
    "full",
    "not_trusted",
    "other",
)
"""Of failures, as ReverseProxy notes them."""
RETRIES = 1  # after the word of requests
UPSTREAM_TIME = 2  # microseconds
FAILURES = 3  # a word for each kind
UPSTREAM = FAILURES + len(KINDS)  # words
UPSTREAM_RECORDS = RECORDS + ROUTES.room * RECORD  # in words

# What a cache has done.
CACHE = ("hit", "stale", "revalidated", "miss", "bypass", "other")
"""As Cache notes it."""
CACHE_COUNTS = UPSTREAM_RECORDS + UPSTREAMS.room * UPSTREAM  # in words

SLOT = -(-(CACHE_COUNTS + len(CACHE)) * WORD // PAGE) * PAGE
SIZE = FIRST_SLOT + SLOTS * SLOT


def slot_start(number: int) -> int:
    """Where the slot of a worker number begins, in bytes."""
    return FIRST_SLOT + number * SLOT


def name(text: str) -> str:
    """As much of a text as a table of names keeps; a NUL would be taken for its end."""
    return text.replace("\0", "").encode("utf-8", "replace")[:NAME].decode("utf-8", "ignore")


def text(raw: bytes) -> str:
    """A text of fixed length, as WSGI has it: the latin-1 view of a client's bytes."""
    return raw.rstrip(b"\0").decode("latin-1")
