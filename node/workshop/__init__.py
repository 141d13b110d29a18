"""The work that takes long: examples generated, checked and rated, crates brought here first.

Composes the rooms `crates`, `tasks`, `checks` and `rating` into what the driver asks for
(`node.driver.member.Workshop`).
"""

from node.workshop.library import Library, OpenCrate
from node.workshop.shop import Shop
from node.workshop.verdicts import StoredVerdicts

__all__ = ["Library", "OpenCrate", "Shop", "StoredVerdicts"]
