"""Who and what is named: identities, hashes, jobs, criteria and scores."""

from __future__ import annotations

from typing import NewType

NodeId = NewType("NodeId", bytes)
"""An Ed25519 public key, 32 bytes. The same key is the libp2p peer id."""

Hash = NewType("Hash", bytes)
"""A SHA-256 digest, 32 bytes, always over a domain tag."""

JobId = NewType("JobId", bytes)
"""Digest of the signed job, 32 bytes."""

ZERO_HASH = Hash(bytes(32))

CRITERIA = ("syntactic_correctness", "semantic_validity", "idiomatic_rust", "compilation_potential")
"""The four rating criteria, in the order in which every score vector lists them."""

Scores = tuple[int, int, int, int]
"""One score per criterion, basis points."""
