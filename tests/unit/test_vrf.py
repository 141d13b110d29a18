"""ECVRF: the RFC's vectors, and nothing else verifies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from consensus.errors import RefusedError
from consensus.vrf import OUTPUT_BYTES, PROOF_BYTES, proof_to_hash, prove, verify

# RFC 9381, appendix B.3, examples 16 to 18: secret key, alpha, pi, beta.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        (
            "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d9727d2d0f9b005a6e4"
            "56a35d4fb0daab1268a1b0db10836d9826a528ca76567805"
        ),
        (
            "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451af026798e8f81cd2e333de5"
            "cdf4f3e140fdd8ae"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "72",
        (
            "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92a465301b3bbf5e3e54dd"
            "f2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02"
        ),
        (
            "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc"
            "57663b56373a5031"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "af82",
        (
            "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f9ea3c0e52c7a5c691b6c18"
            "c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e"
        ),
        (
            "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c452118fec1219202a0edcf038bb6373241578be7217ba85a26"
            "87f7a0310b2df19f"
        ),
    ),
]

SEED = bytes(range(32))
PUBLIC = bytes(SigningKey(SEED).verify_key)
ALPHA = b"round 7"
PROOF = prove(SEED, ALPHA)

FIELD = (1 << 255) - 19
ORDER = (1 << 252) + 27742317777372353535851937790883648493

# The points of order 1, 2, 4 and 8 by their encodings, and second encodings of some that a lax decoder takes.
SMALL_ORDER = [
    (1).to_bytes(32, "little"),
    (FIELD - 1).to_bytes(32, "little"),
    (0).to_bytes(32, "little"),
    (1 << 255).to_bytes(32, "little"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
]
NOT_CANONICAL = [
    FIELD.to_bytes(32, "little"),
    (FIELD + 1).to_bytes(32, "little"),
    ((1 << 255) + 1).to_bytes(32, "little"),
    ((1 << 255) - 1).to_bytes(32, "little"),
    b"\xff" * 32,
]


@pytest.mark.parametrize(("secret", "alpha", "proof", "output"), VECTORS)
def test_the_vectors_of_the_rfc_hold(secret, alpha, proof, output):
    seed, text = bytes.fromhex(secret), bytes.fromhex(alpha)
    public = bytes(SigningKey(seed).verify_key)
    assert prove(seed, text).hex() == proof
    assert verify(public, text, bytes.fromhex(proof)).hex() == output
    assert proof_to_hash(bytes.fromhex(proof)).hex() == output


@settings(max_examples=25)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_what_is_proven_verifies_to_the_same_output(seed, alpha):
    proof = prove(seed, alpha)
    output = verify(bytes(SigningKey(seed).verify_key), alpha, proof)
    assert output == proof_to_hash(proof)
    assert len(proof) == PROOF_BYTES
    assert len(output) == OUTPUT_BYTES


def test_a_key_has_one_proof_per_input():
    assert prove(SEED, ALPHA) == PROOF != prove(SEED, ALPHA + b"x")


@settings(max_examples=60)
@given(st.integers(0, PROOF_BYTES * 8 - 1))
def test_no_changed_bit_verifies(bit):
    changed = bytearray(PROOF)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RefusedError):
        verify(PUBLIC, ALPHA, bytes(changed))


def test_a_proof_is_for_one_key_and_one_input():
    other = bytes(SigningKey(bytes(32)).verify_key)
    for public, alpha in ((other, ALPHA), (PUBLIC, b"round 8")):
        with pytest.raises(RefusedError, match="does not belong to this key and input"):
            verify(public, alpha, PROOF)


@pytest.mark.parametrize("length", [0, 32, 79, 81, 160])
def test_a_proof_of_another_length_is_refused(length):
    proof = (PROOF * 2)[:length]
    for check in (lambda: verify(PUBLIC, ALPHA, proof), lambda: proof_to_hash(proof)):
        with pytest.raises(RefusedError, match=f"{length} bytes where a proof has 80"):
            check()


@pytest.mark.parametrize("point", SMALL_ORDER + NOT_CANONICAL, ids=bytes.hex)
def test_hostile_points_are_refused_as_gamma_and_as_key(point):
    with pytest.raises(RefusedError, match="gamma is not a point"):
        verify(PUBLIC, ALPHA, point + PROOF[32:])
    with pytest.raises(RefusedError, match="gamma is not a point"):
        proof_to_hash(point + PROOF[32:])
    with pytest.raises(RefusedError, match="the key is not a point"):
        verify(point, ALPHA, PROOF)


@pytest.mark.parametrize("key", [b"", PUBLIC[:31], PUBLIC + b"\0"])
def test_a_key_of_another_length_is_refused(key):
    with pytest.raises(RefusedError, match="the key is not a point"):
        verify(key, ALPHA, PROOF)


def test_a_response_that_is_not_reduced_is_refused():
    response = int.from_bytes(PROOF[48:], "little") + ORDER
    with pytest.raises(RefusedError, match="not a reduced scalar"):
        verify(PUBLIC, ALPHA, PROOF[:48] + response.to_bytes(32, "little"))


def test_zero_scalars_are_refused():
    for proof in (PROOF[:48] + bytes(32), PROOF[:32] + bytes(16) + PROOF[48:]):
        with pytest.raises(RefusedError, match="zero"):
            verify(PUBLIC, ALPHA, proof)


def test_a_gamma_outside_the_group_is_refused():
    # Gamma plus a point of order 8: a verifier that only multiplies by the cofactor would see the same output.
    from nacl.bindings import crypto_core_ed25519_add

    shifted = crypto_core_ed25519_add(PROOF[:32], SMALL_ORDER[4])
    with pytest.raises(RefusedError, match="gamma is not a point"):
        verify(PUBLIC, ALPHA, shifted + PROOF[32:])
