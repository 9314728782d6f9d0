"""How a FileStore makes room: what was not used for the longest goes, out of a sample.

To know what is oldest of all would take a look at every file. Shards are random by their names, so some of them,
a thousand files, stand for all; and a store of fewer files is looked through as a whole.
"""

from __future__ import annotations

from random import sample
from typing import TYPE_CHECKING

from wsgikit.responses.cache.stores.ledger import SHARDS

if TYPE_CHECKING:
    from wsgikit.responses.cache.stores.folder import Stored
    from wsgikit.responses.cache.stores.index import Index
    from wsgikit.responses.cache.stores.ledger import Ledger

_SAMPLE = 1000  # files: about 5 ms
_SPARE = 2 << 20  # bytes freed beyond what is needed, some hundred files: not each response has to evict


def make_room(index: Index, ledger: Ledger, amount: int) -> bool:
    """Whether ``amount`` bytes more fit within the bound, after evicting what has to go for it."""
    bound = index.folder.bound
    if ledger.total + amount > bound:
        index.folder.sweep(ledger)
    if ledger.total + amount <= bound:
        return True
    if amount > bound:
        return False
    goal = max(0, bound - amount - min(_SPARE, bound // 8))
    while ledger.total > goal and _evict(index, ledger, goal):
        pass
    return ledger.total + amount <= bound


def _evict(index: Index, ledger: Ledger, goal: int) -> bool:
    """Remove the oldest files of a sample until ``goal`` is reached; False when there is nothing left to remove."""
    files: list[Stored] = []
    shards = sample(range(SHARDS), SHARDS)
    while shards and len(files) < _SAMPLE:
        files += index.folder.files(ledger, shards.pop())
    files.sort()
    if shards:  # the younger half of a sample may be younger than most of the store
        del files[len(files) // 2 :]
    for file in files:
        if ledger.total <= goal:
            break
        if file.kind == "meta":
            index.write(ledger, file.name, index.read(file.name) or [], [])
        else:
            index.folder.remove(ledger, file.name, file.kind)
    return bool(files)
