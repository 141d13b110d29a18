"""A memory of verdicts that tells how often something was put into it."""

from node.checks import MemoryCache


class CountingCache(MemoryCache):
    def __init__(self):
        super().__init__()
        self.stored = 0

    def put(self, key, value):
        self.stored += 1
        super().put(key, value)
