"""One file per way of turning a crate's own code into examples that are true by construction.

Each gives a `Deriver`: where examples may be had (`sites`), and how one is made and proven (`trial`).
"""
