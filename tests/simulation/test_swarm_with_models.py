"""A job through a whole swarm whose candidates a language model writes: real shops, a scripted model, a small crate.

Nothing is executed (no toolchain), so the job asks for categories that can be filled and judged by reading.
"""

import asyncio
import dataclasses
import json
from functools import cache

from consensus.types import CandidateState, JobId, JobStatus, Kind
from node.judge.judge import Judge
from node.prompts import PROMPTS
from node.rating.checks import ChecksScorer
from node.tasks.interface import Request
from node.tasks.source import SourceEngine
from node.values.example import parse_example
from node.values.job import JobSpec
from node.workshop.authors import Authors
from node.workshop.judging import OpinionRoom
from node.workshop.library import OpenCrate
from node.workshop.shop import Shop
from tests.support.calibrations import full_calibration
from tests.support.scripted_model import MODEL, ScriptedModel, answers_from
from tests.support.swarm import CALM, Swarm, make_job
from tests.support.wordwise import wordwise

CATEGORIES = ("code_summarization", "function_naming", "code_completion")


@cache
def rows():
    engine = SourceEngine(wordwise())
    requests = [Request(category, tuple(range(30))) for category in CATEGORIES]
    return tuple(row for proposal in asyncio.run(engine.propose(requests)) for _, row in proposal.examples)


class OneCrate:
    """A library that has the fixture crate and nothing else."""

    async def open(self, pin):
        assert pin == wordwise().kb.pin
        return OpenCrate(pin, wordwise(), None, SourceEngine(wordwise()), "a test executes nothing")


class ModelShops:
    """Shops of nodes with a model each, which answers right, broken or not at all in turn."""

    def __init__(self, knowing, judging=None):
        self.knowing, self.judging = knowing, judging
        self.swarm = None
        self.shops, self.models, self.authors, self.judges = [], [], [], []

    def __call__(self, key, store, truth, style):
        number = len(self.models)
        turns = iter(range(number, 1 << 30))
        model = ScriptedModel(
            lambda request: self.knowing(request) if next(turns) % 4 else "no JSON", self.judging or (lambda _: {})
        )
        authors = Authors(model, None, answer_s=20)
        # A judge of another name than the authors', or it would not judge them.
        other = dataclasses.replace(model.info, model="judge-7b")
        judge = Judge(ScriptedModel(weights=self.judging, info=other), full_calibration(model="judge-7b"), answer_s=20)
        scorer = ChecksScorer()
        self.models.append(model)
        self.authors.append(authors)
        self.judges.append(judge)

        async def spec_of(job: JobId):
            row = await store.jobs.get(job)
            body = self.swarm.open(row.envelope).body if row is not None else None
            return body if isinstance(body, JobSpec) else None

        async def obtain(name):
            return await self.swarm.nodes[number].driver.contents.obtain(name)

        return Shop(
            key=key,
            store=store,
            library=OneCrate(),
            checker=None,
            scorer=scorer,
            authors=authors,
            opinions=OpinionRoom(judge, scorer, within_s=300) if self.judging else None,
            specs=spec_of,
            obtain=obtain,
            example_bytes_max=256 << 10,
        )


def ordered(**changes):
    job = make_job(CALM, crates=1, quota=2)
    pin = wordwise().kb.pin
    return dataclasses.replace(job, crates=(pin,), categories=CATEGORIES, prompt_set_digest=PROMPTS.digest, **changes)


async def run_job(tmp_path, shops, spec):
    async with Swarm(tmp_path, 3, preset=CALM, workshop=shops) as swarm:
        shops.swarm = swarm
        job = await swarm.submit(spec)
        await swarm.until(
            lambda: all((p := swarm.job(job, n)) is not None and p.status is not JobStatus.OPEN for n in range(3)),
        )
        await swarm.until(lambda: len({swarm.state(n).previous for n in range(3)}) == 1)
        store = swarm.nodes[0].store
        found = await store.decisions.find(job=job, state=CandidateState.ACCEPTED)
        contents = [await swarm.nodes[0].driver.contents.obtain(row.decision.content) for row in found]
        counts = await store.decisions.counts(job)
        return [parse_example(data, bytes_max=1 << 18) for data in contents], counts, await committed(swarm)


async def committed(swarm):
    total = 0
    for height in range(1, swarm.state().height + 1):
        record = await swarm.nodes[0].driver.archive.record(height)
        for digest in record.messages:
            row = await swarm.nodes[0].store.envelopes.get(digest)
            if row.kind is Kind.CANDIDATE_COMMIT:
                total += sum(item.count for item in swarm.open(row.envelope).body.counts)
    return total


def test_a_job_is_filled_with_a_models_rows_and_every_candidate_is_accounted_for(tmp_path):
    shops = ModelShops(answers_from(rows()))
    accepted, counts, commitments = asyncio.run(run_job(tmp_path, shops, ordered()))
    assert len(accepted) >= 3
    for row in accepted:
        assert (row.model, row.engine.split()[:2]) == (MODEL, ["model/1", "openai"])
        assert row.prompt_digest == PROMPTS.generate[row.task_category].digest.hex()
        assert json.loads(row.output_data)
    assert sum(counts.values()) == commitments > len(accepted)
    accounts = [authors.account for authors in shops.authors]
    assert all(account.adds_up for account in accounts)
    assert sum(account.asked for account in accounts) > 0
    ended = sum((account.ended for account in accounts), start=type(accounts[0].ended)())
    assert {"repaired", "proposed"} <= {end.value for end in ended}


def test_a_job_that_did_not_sign_our_prompts_is_filled_without_the_model(tmp_path):
    shops = ModelShops(answers_from(rows()))
    spec = dataclasses.replace(ordered(), prompt_set_digest=bytes(32))
    accepted, _, _ = asyncio.run(run_job(tmp_path, shops, spec))
    assert accepted
    assert all((row.model, row.engine) == (None, "source/1") for row in accepted)
    assert [model.asked for model in shops.models] == [[], [], []]


def test_calibrated_judges_take_part_and_what_they_damn_is_not_accepted(tmp_path):
    shops = ModelShops(answers_from(rows()), judging=lambda request: {"1": 1.0, "A": 0.5, "B": 0.5})
    accepted, counts, commitments = asyncio.run(run_job(tmp_path, shops, ordered()))
    assert sum(counts.values()) == commitments
    assert all(judge.tally.asked > 0 and judge.tally.adds_up for judge in shops.judges)
    praised = ModelShops(answers_from(rows()), judging=lambda request: {"5": 1.0, "A": 0.5, "B": 0.5})
    more, _, _ = asyncio.run(run_job(tmp_path / "praised", praised, ordered()))
    assert len(more) > len(accepted)
