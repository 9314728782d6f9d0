"""Where a cache keeps what it stored: this process's memory, this host's disk, or a Redis that hosts share."""
