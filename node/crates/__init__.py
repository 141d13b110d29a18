"""Crates: acquired through cargo, unpacked within bounds, analysed into a content-addressed knowledge base."""
