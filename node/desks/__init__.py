"""What a node answers to its callers (`node.rpc.desks`), over its driver, store and shard folder.

`front.py` puts the desks together. Job events and shards are told from decided rounds (`chronicle.py`), so a restarted
node tells the same; `publisher.py` writes the shards' files.
"""

from node.desks.front import open_desks

__all__ = ["open_desks"]
