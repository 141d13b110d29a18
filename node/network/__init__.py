"""Gossip and direct requests between nodes, over libp2p or in memory, behind one interface."""
