"""From a header's attestations to the messages it is decided from, as far as they are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from consensus.committee import Committee
from consensus.errors import RefusedError
from consensus.evidence import offence
from consensus.inputs import InputSet, attestation_root, count_attestations
from consensus.openings import RoundInputs
from consensus.types import (
    Attestation,
    ChainState,
    Hash,
    JobId,
    JobTerms,
    Kind,
    NodeId,
    RoundPlan,
    Signed,
)
from node.pipeline.effects import Message
from node.pipeline.mempool import Mempool, is_unpunished
from node.pipeline.transition import ChainInputs

BodyT = TypeVar("BodyT")


class IncompleteError(Exception):
    """Not everything that counts is here yet.

    Attributes:
        digests: Of the messages that are missing; offences are named by `consensus.evidence.offence`.
    """

    def __init__(self, digests: tuple[Hash, ...]) -> None:
        super().__init__(f"{len(digests)} messages are not here yet")
        self.digests = digests


@dataclass(frozen=True, slots=True)
class UsedMessages:
    """What a decided round rests on."""

    digests: tuple[Hash, ...]
    """The evidence of attested offences among them: whoever follows the round later cannot do without."""


class InputReader:
    """Reads one round's inputs out of what has been received.

    Args:
        plan: The round's.
        messages: Everything kept of its height, by digest.
        mempool: Jobs, cancellations, applications and evidence at hand.
        state: Before the round.
    """

    def __init__(self, plan: RoundPlan, messages: Mapping[Hash, Message], mempool: Mempool, state: ChainState) -> None:
        self._plan, self._messages, self._mempool, self._state = plan, messages, mempool, state

    def read(self, attestations: tuple[Hash, ...]) -> ChainInputs:
        """The inputs that these attestations fix.

        Raises:
            IncompleteError: Something that counts has not been received.
            RefusedError: The attestations do not fix any (`consensus.inputs`).
        """
        found = self._input_set(attestations)
        missing = [item.digest for item in found.messages if item.digest not in self._messages]
        jobs = {digest: self._mempool.job(digest) for digest in found.jobs}
        cancels = {digest: self._mempool.cancel(digest) for digest in found.cancellations}
        asking = {item.digest: self._mempool.lobby.get(item.digest) for item in found.applications}
        missing += [digest for digest, item in (*jobs.items(), *cancels.items(), *asking.items()) if item is None]
        if missing:
            raise IncompleteError(tuple(sorted(missing)))
        return ChainInputs(
            round=self._round_inputs(found),
            jobs={digest: cast("Signed[JobTerms]", item).body for digest, item in jobs.items()},
            cancelled=frozenset(self._cancelled(found)),
            expired=frozenset(found.expired),
            applications={item.sender: item.body for item in asking.values() if item is not None},
            root=found.root(),
            attestation_root=attestation_root(attestations),
        )

    def used(self, attestations: tuple[Hash, ...]) -> UsedMessages:
        """What `read` has used; to be asked only after it answered."""
        found = self._input_set(attestations)
        said = (item.digest for item in found.messages)
        proofs = self._mempool.proofs(found.offences)
        asked = (item.digest for item in found.applications)
        return UsedMessages((*attestations, *said, *found.jobs, *found.cancellations, *asked, *proofs))

    def _input_set(self, attestations: tuple[Hash, ...]) -> InputSet:
        absent = tuple(digest for digest in attestations if digest not in self._messages)
        if absent:
            raise IncompleteError(absent)
        signed = [self._messages[digest] for digest in attestations]
        if any(not isinstance(item.body, Attestation) for item in signed):
            raise RefusedError("bad-attestations", "a message listed as an attestation is none")
        committee = Committee(self._plan.committee)
        found = count_attestations(cast("list[Signed[Attestation]]", signed), self._plan.height, committee)
        try:
            return found.void_for(self._plan.height, self._mempool.evidence())
        except LookupError as error:
            raise IncompleteError(found.offences) from error

    def _round_inputs(self, found: InputSet) -> RoundInputs:
        by_kind: dict[Kind, dict[NodeId, Message]] = {}
        for item in found.messages:
            by_kind.setdefault(item.kind, {})[item.sender] = self._messages[item.digest]
        offenders = {
            proof.offender
            for proof in self._mempool.evidence()
            if offence(proof) in found.offences and is_unpunished(proof, self._state)
        }
        return RoundInputs(
            commits=_typed(by_kind.get(Kind.CANDIDATE_COMMIT, {})),
            rating_commits=_typed(by_kind.get(Kind.RATING_COMMIT, {})),
            reveals=_typed(by_kind.get(Kind.RATING_REVEAL, {})),
            openings=_typed(by_kind.get(Kind.GENERATOR_REVEAL, {})),
            probes={finding.content: finding.holds for finding in found.probes},
            equivocators=frozenset(offenders),
        )

    def _cancelled(self, found: InputSet) -> list[JobId]:
        coordinators = {job.terms.job: job.terms.coordinator for job in self._state.jobs}
        named = []
        for digest in found.cancellations:
            cancel = self._mempool.cancel(digest)
            if cancel is not None and coordinators.get(cancel.body.job) == cancel.sender:
                named.append(cancel.body.job)
        return named


def _typed(messages: dict[NodeId, Message]) -> Mapping[NodeId, Signed[BodyT]]:
    """The wire layer gives each kind its own body type; this says so to the type checker."""
    return cast("Mapping[NodeId, Signed[BodyT]]", messages)
