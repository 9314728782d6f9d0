"""HTTP-dates: the three forms that are read, and the one that is written (RFC 9110 section 5.6.7).

Werkzeug and WebOb read them with ``email.utils``, which takes any zone or none, one-digit hours, and two-digit years by
a reckoning of its own: what a cache has to see as malformed, and so as expired, becomes a date (RFC 9111 section 4.2).
Here a text is one of the three forms, but for the case of its letters (that section again), or it is no date.
The day of the week is not checked against the date.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)"
_WHOLE_DAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"

_FORMS = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        # IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
        rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} gmt",
        # RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
        rf"{_WHOLE_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} gmt",
        # asctime: Sun Nov  6 08:49:37 1994
        rf"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)
_LONGEST = 40  # "Wednesday, 09-Nov-94 08:49:37 GMT" has 33; what is remembered stays small


def parse(text: str) -> int | None:
    """Seconds since the epoch, or None for what is no HTTP-date; each distinct text is read once."""
    return _parse(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=1024)
def _parse(text: str) -> int | None:
    text = text.strip(" \t")
    for form in _FORMS:
        if match := form.fullmatch(text):
            break
    else:
        return None
    part = match.groupdict()
    year = int(part["year"])
    if len(part["year"]) == 2:
        year = full_year(year, datetime.now(UTC).year)
    # A leap second is no time of ours: the last one before it will do (RFC 9111 section 4.2).
    second = 59 if part["second"] == "60" else int(part["second"])
    try:
        moment = datetime(
            year,
            _MONTHS[part["month"].lower()],
            int(part["day"]),
            int(part["hour"]),
            int(part["minute"]),
            second,
            tzinfo=UTC,
        )
    except ValueError:  # 31 February, 25:00
        return None
    return int(moment.timestamp())


def full_year(digits: int, this_year: int) -> int:
    """The year meant by its last two digits: at most 50 years ahead, else the latest one in the past."""
    latest = this_year - (this_year - digits) % 100
    return latest + 100 if latest + 100 <= this_year + 50 else latest


def format(seconds: float) -> str:  # noqa: A001 - dates.format(), as the counterpart of dates.parse()
    """The HTTP-date of a time in seconds since the epoch, as IMF-fixdate; a part of a second is dropped.

    Raises ``ValueError`` or ``OverflowError`` for a time beyond the year 9999.
    """
    return _format(int(seconds // 1))


@lru_cache(maxsize=1024)
def _format(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
