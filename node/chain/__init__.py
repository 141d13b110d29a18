"""The chain's edge: an outbox that loses nothing, and the only room that knows web3.

Start reading in `outbox.py`, which decides everything and touches nothing.
"""
