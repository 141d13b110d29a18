"""A job's way through its stages, as one pure machine; `node.driver` acts on what it wishes."""

from node.pipeline.machine import Pipeline
from node.pipeline.progress import Progress
from node.pipeline.rounds import Secrets

__all__ = ["Pipeline", "Progress", "Secrets"]
