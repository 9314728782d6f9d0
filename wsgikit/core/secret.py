"""What is shown of an option that holds a secret."""

from __future__ import annotations

import re

# The password of a URL, before the host or as a parameter.
_PASSWORD = re.compile(r"(?<=://)([^:@/?]*:).*(?=@)|(password=)[^&]+")


def without_password(url: str) -> str:
    """The URL without the password in it."""
    return _PASSWORD.sub(lambda match: f"{match[1] or match[2]}***", url)
