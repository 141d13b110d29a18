"""Which of the stored votes and proposals an agreement may start from again after a crash."""

from __future__ import annotations

from collections.abc import Iterable

from consensus.agreement.admission import Admission
from consensus.certificate import verify_ed25519
from consensus.committee import Committee
from consensus.errors import RefusedError
from consensus.narrowing import narrow
from consensus.types import Hash, Proposal, RoundPlan, Vote
from node.pipeline.effects import Message


def checked_votes(stored: Iterable[Message], network: Hash, plan: RoundPlan) -> list[Message]:
    """Votes and proposals of the plan's height that the agreement would not refuse.

    They are stored when their envelope holds, so what an agreement refuses may be among them.
    """
    admission = Admission(network, plan.height, plan.seed, Committee(plan.committee), verify_ed25519)
    return [message for message in stored if _is_admitted(message, admission)]


def _is_admitted(message: Message, admission: Admission) -> bool:
    try:
        if isinstance(message.body, Proposal):
            admission.check_proposal(narrow(message, Proposal), message.body.view)
        elif isinstance(message.body, Vote):
            vote = narrow(message, Vote)
            admission.check_vote(vote)
            admission.check_signature(vote)
        else:
            return False
    except RefusedError:
        return False
    return True
