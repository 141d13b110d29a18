"""Who makes a job's candidates: the crates' own code, or a language model where the job has signed our prompts."""

from __future__ import annotations

import logging

from consensus.types import Hash
from node.engines.interface import TextModel
from node.prompts import PROMPTS
from node.tasks.interface import Checker, Generator
from node.tasks.model.engine import ModelEngine, Terms
from node.tasks.model.states import Account
from node.values.job import JobSpec
from node.workshop.library import OpenCrate

log = logging.getLogger(__name__)

NO_PROMPTS = bytes(32)


class Authors:
    """Chooses the generator for a job's crate.

    Attributes:
        account: What became of every candidate that a model was asked for.
    """

    def __init__(
        self, model: TextModel | None, checker: Checker | None, *, answer_s: float, account: Account | None = None
    ) -> None:
        """Set up the choice.

        Args:
            model: Opened and probed; None: every candidate comes out of the crates' own code.
            checker: Executes what models write.
            answer_s: How long a round's generating may wait for answers, in seconds.
            account: Where the ends of candidates are counted.
        """
        self._model, self._checker, self._answer_s = model, checker, answer_s
        self.account = Account() if account is None else account
        self._told: set[bytes] = set()

    def of(self, spec: JobSpec, crate: OpenCrate) -> Generator:
        """The generator of a job's candidates about a crate."""
        if self._model is None or not self._may_ask(spec):
            return crate.engine
        return ModelEngine(
            crate.view,
            self._model,
            Terms(spec.sampling, self._answer_s),
            source=crate.engine,
            crate=crate.prepared,
            checker=self._checker if crate.prepared else None,
            account=self.account,
        )

    def _may_ask(self, spec: JobSpec) -> bool:
        """Whether the job's prompts are ours: others' we do not have, and our own it did not ask for."""
        if spec.prompt_set_digest == PROMPTS.digest:
            return True
        if spec.prompt_set_digest != NO_PROMPTS and spec.prompt_set_digest not in self._told:
            self._told.add(spec.prompt_set_digest)
            wanted, ours = Hash(spec.prompt_set_digest).hex()[:12], PROMPTS.digest.hex()[:12]
            log.warning(
                "%r wants prompts %s, we have %s: its candidates are made without a model", spec.title, wanted, ours
            )
        return False
