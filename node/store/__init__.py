"""The node's database: the only place that knows SQLAlchemy.

    async with await open_store(folder) as store:
        envelope = await store.signing.claim_slot(slot, digest, envelope, height=height)   # before sending it

Start reading in `store.py`; `database.py` and `writer.py` are how a statement gets to the disk.
"""

from node.store.blobs import EXAMPLE, PLAIN, blob_name
from node.store.ledger import BrokenLedgerError, check_chain
from node.store.limits import StoreLimits
from node.store.rows import (
    BlobRow,
    DecidedCandidate,
    DecisionRow,
    EnvelopeRow,
    JobRow,
    LedgerRow,
    RoundRow,
    WorkRow,
)
from node.store.signing import SlotClosedError
from node.store.store import Store, open_store

__all__ = [
    "EXAMPLE",
    "PLAIN",
    "BlobRow",
    "BrokenLedgerError",
    "DecidedCandidate",
    "DecisionRow",
    "EnvelopeRow",
    "JobRow",
    "LedgerRow",
    "RoundRow",
    "SlotClosedError",
    "Store",
    "StoreLimits",
    "WorkRow",
    "blob_name",
    "check_chain",
    "open_store",
]
