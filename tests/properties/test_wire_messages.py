"""Messages on the wire: what is sealed opens to itself, and nothing else opens."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus import types
from consensus.types import CandidateState, CheckFact, Hash, Kind, VotePhase
from node.errors import PeerFaultError
from node.identity import NodeKey
from node.identity.consent import give_consent
from node.values.crate import CratePin
from node.values.example import CATEGORIES
from node.values.job import JobCancel, JobSpec, Sampling
from node.wire.envelope import Domain, seal
from node.wire.messages import decode_message, encode_body, kind_of, seal_message

DOMAIN = Domain(Hash(bytes(range(32))))
KEY = NodeKey(b"\x01" * 32)
OTHER = NodeKey(b"\x02" * 32)

hashes = st.binary(min_size=32, max_size=32)
heights = st.integers(1, (1 << 63) - 1)
views = st.integers(0, (1 << 31) - 1)
points = st.integers(0, 10_000)
tasks = st.integers(0, 1023)
salts = st.binary(min_size=16, max_size=64)
proofs = st.binary(min_size=80, max_size=80)
signatures = st.binary(min_size=64, max_size=64)
texts = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="".join(map(chr, range(0x7F, 0xA0)))),
    max_size=40,
)


def sorted_lists(items, key, most=5):
    return st.lists(items, max_size=most, unique_by=key).map(lambda values: tuple(sorted(values, key=key)))


ratings = st.builds(
    types.Rating,
    task=tasks,
    content=hashes,
    fact=st.sampled_from([CheckFact.PASSED, CheckFact.NOT_CHECKABLE]),
    scores=st.tuples(points, points, points, points),
) | st.builds(
    types.Rating,
    task=tasks,
    content=hashes,
    fact=st.sampled_from(CheckFact),
    scores=st.just((0, 0, 0, 0)),
)
openings = st.builds(
    types.SlotOpening,
    task=tasks,
    slot=st.integers(0, 1023),
    pseudonym=hashes,
    content=hashes,
    body=hashes,
    claim=hashes,
    salt=salts,
    probe=st.none() | st.builds(types.ProbeOpening, good=st.booleans(), evidence=st.binary(max_size=50)),
)
attested = st.builds(
    types.AttestedMessage,
    kind=st.sampled_from([kind for kind in Kind if kind is not Kind.EXPIRY]),
    sender=hashes.filter(any),
    digest=hashes,
) | st.builds(types.AttestedMessage, kind=st.just(Kind.EXPIRY), sender=st.just(bytes(32)), digest=hashes)
shard_heads = st.builds(types.ShardHead, job=hashes, root=hashes, rows=st.integers(0, 1 << 20))
headers = st.builds(
    types.Header,
    network=hashes,
    height=heights,
    epoch=st.integers(0, 1 << 40),
    previous=hashes,
    builder=hashes,
    builder_view=views,
    vrf_proof=proofs,
    attestation_root=hashes,
    input_root=hashes,
    outcome_root=hashes,
    pending_root=hashes,
    state_root=hashes,
    snapshot_root=hashes,
    ledger_head=hashes,
    shards=st.lists(shard_heads, max_size=3).map(tuple),
    admitted=st.lists(hashes, max_size=3, unique=True).map(tuple),
    counts=st.tuples(*[st.integers(0, 1 << 20)] * len(CandidateState)),
)
pins = st.builds(
    CratePin,
    name=st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,20}", fullmatch=True),
    version=st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(-rc\.1)?", fullmatch=True),
    checksum=hashes,
    source_digest=hashes,
    license=texts,
    edition=st.sampled_from(["2015", "2018", "2021", "2024"]),
)
jobs = st.builds(
    JobSpec,
    title=texts,
    crates=st.lists(pins, min_size=1, max_size=3, unique_by=lambda pin: pin.label).map(tuple),
    categories=st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True).map(tuple),
    quota=st.integers(1, 10_000),
    generators=st.integers(1, 64),
    candidates=st.integers(1, 64),
    raters=st.integers(1, 64),
    accept_bp=st.integers(5000, 10_000),
    review_bp=st.integers(0, 5000),
    budget=st.integers(1, 1 << 40),
    deadline_unix_s=st.integers(0, 1 << 40),
    preset_hash=hashes,
    sampling=st.builds(
        Sampling,
        temperature_milli=st.integers(0, 2000),
        top_p_milli=st.integers(1, 1000),
        max_tokens=st.integers(1, 1 << 17),
        seed=st.integers(0, (1 << 63) - 1),
    ),
    prompt_set_digest=hashes,
)
votes = st.builds(
    types.Vote, height=heights, view=views, phase=st.just(VotePhase.PREVOTE), header=st.none() | hashes
) | st.builds(
    types.Vote,
    height=heights,
    view=views,
    phase=st.just(VotePhase.PRECOMMIT),
    header=hashes,
    signature=signatures,
)
applications = st.builds(
    lambda until, owner: types.Application(until, owner.node, give_consent(owner, KEY.node, DOMAIN.network).signature),
    until=heights,
    owner=st.binary(min_size=32, max_size=32).map(NodeKey),
)
"""Of KEY's node alone: the owner signs for it."""
others = st.one_of(
    jobs,
    st.builds(JobCancel, job=hashes),
    st.builds(
        types.CandidateCommit,
        height=heights,
        slots_root=hashes,
        counts=sorted_lists(
            st.builds(types.SlotCount, task=tasks, count=st.integers(0, 1024)), lambda count: count.task
        ),
    ),
    st.builds(
        types.CandidateNotice,
        height=heights,
        task=tasks,
        content=hashes,
        size=st.integers(1, 1 << 20),
        place=st.integers(0, 1023),
        ticket=st.binary(min_size=96, max_size=2112),
    ),
    st.builds(types.RatingCommit, height=heights, digest=hashes),
    st.builds(
        types.RatingReveal,
        height=heights,
        salt=salts,
        ratings=sorted_lists(ratings, lambda rating: (rating.task, rating.content)),
    ),
    st.builds(
        types.GeneratorReveal,
        height=heights,
        vrf_proof=proofs,
        slots=sorted_lists(openings, lambda opening: (opening.task, opening.slot)),
        shortfalls=sorted_lists(st.builds(types.Shortfall, task=tasks, reason=texts), lambda shortfall: shortfall.task),
    ),
    st.builds(
        types.Attestation,
        height=heights,
        messages=sorted_lists(attested, lambda message: (message.kind, message.sender, message.digest)),
        probes=sorted_lists(
            st.builds(types.ProbeFinding, content=hashes, holds=st.booleans()), lambda finding: finding.content
        ),
    ),
    st.builds(
        types.Proposal,
        view=views,
        valid_view=st.integers(-1, 1 << 20),
        header=headers,
        attestations=sorted_lists(hashes, lambda digest: digest),
    ),
    votes,
    st.builds(
        types.Certificate,
        header=headers,
        view=views,
        signers=st.binary(min_size=1, max_size=40),
        signatures=st.lists(signatures, min_size=1, max_size=3).map(tuple),
    ),
)
bodies = others | applications


# What is sealed opens to itself


@given(bodies)
def test_a_sealed_message_opens_to_the_same_words(body):
    data = seal_message(DOMAIN, body, KEY)
    signed = decode_message(DOMAIN, data)
    assert signed.body == body
    assert (signed.sender, signed.kind) == (KEY.node, kind_of(body))
    assert seal_message(DOMAIN, body, KEY) == data


@given(others)
def test_two_senders_of_the_same_words_sent_two_messages(body):
    digests = {decode_message(DOMAIN, seal_message(DOMAIN, body, key)).digest for key in (KEY, OTHER)}
    assert len(digests) == 2


def sample_messages(count):
    """Kinds and payloads, the same on every run."""
    found = []

    @given(bodies)
    @settings(max_examples=count, database=None, derandomize=True)
    def collect(body):
        found.append((kind_of(body), encode_body(body)))

    collect()
    return found


def test_every_kind_that_is_sent_has_a_body():
    assert {kind for kind, _ in sample_messages(1000)} == set(Kind) - {Kind.EVIDENCE, Kind.EXPIRY}


# Nothing else opens


@given(bodies, st.data())
def test_a_message_with_any_byte_flipped_is_refused(body, data):
    sealed = bytearray(seal_message(DOMAIN, body, KEY))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PeerFaultError):
        decode_message(DOMAIN, bytes(sealed))


def mutated(chance, data):
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        act = chance.randrange(5)
        position = chance.randrange(len(data) + 1)
        if act == 0 and data:
            data[position % len(data)] ^= 1 << chance.randrange(8)
        elif act == 1:
            data[position:position] = chance.randbytes(chance.choice((1, 2, 33)))
        elif act == 2:
            del data[position : position + chance.choice((1, 2, 34))]
        elif act == 3:
            data = data[:position]
        else:
            data += data[position : position + 40]
    return bytes(data)


@pytest.mark.parametrize("seed", [1])
def test_ten_thousand_random_and_mutated_frames_raise_peer_faults_only(seed):
    chance = random.Random(seed)
    sealed = [seal(DOMAIN, kind, payload, KEY) for kind, payload in sample_messages(40)]
    for case in range(10_000):
        frame = chance.randbytes(chance.randrange(300)) if case % 2 else mutated(chance, chance.choice(sealed))
        if frame not in sealed:
            with pytest.raises(PeerFaultError):
                decode_message(DOMAIN, frame)


@pytest.mark.parametrize("seed", [2])
def test_a_signed_payload_opens_only_if_it_is_the_one_encoding_of_what_it_says(seed):
    chance = random.Random(seed)
    opened = 0
    samples = sample_messages(40)
    for case in range(5_000):
        kind, payload = chance.choice(samples)
        payload = chance.randbytes(chance.randrange(100)) if case % 4 == 0 else mutated(chance, payload)
        try:
            body = decode_message(DOMAIN, seal(DOMAIN, kind, payload, KEY)).body
        except PeerFaultError:
            continue
        opened += 1
        assert encode_body(body) == payload
    assert opened > 20  # flipped bits inside hashes and numbers: the test reaches past the parser


@given(bodies, st.integers(20, 5000), st.binary(max_size=20))
def test_an_unknown_field_is_refused_although_protobuf_would_keep_it(body, number, rest):
    tag = number << 3 | 2
    spelt = bytearray()
    while tag > 127:
        spelt.append(tag & 127 | 128)
        tag >>= 7
    payload = encode_body(body) + bytes([*spelt, tag, len(rest)]) + rest
    with pytest.raises(PeerFaultError) as caught:
        decode_message(DOMAIN, seal(DOMAIN, kind_of(body), payload, KEY))
    assert caught.value.rule == "non-canonical"
