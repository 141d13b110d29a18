"""From the ledger to the chain: what is to be anchored, who signs it, who sends it, and whether both agree.

`facts.py` computes from decided rounds what an epoch's anchor and a shard's commitment have to say; `signing.py` signs
it once and gathers the others' signatures; `reconcile.py` compares ledger and chain; `service.py` runs all of that
beside a node. Nothing here is needed for a swarm to work, and all of it can begin later.
"""
