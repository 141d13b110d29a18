"""NodeRegistry: who is bound to whom, and whose stake moves when. Each rule beside its refusal."""

import pytest
from nacl.signing import VerifyKey

from tests.support.contract_chain import (
    DISPUTE_WINDOW,
    ETHER,
    MINIMUM_STAKE,
    WITHDRAWAL_DELAY,
    Contract,
    RefusedError,
    deploy,
    node_key,
    refuses,
)

ACTIVE, REVOKED = 1, 2
NO_SIGNATURE = (bytes(32), bytes(32))


@pytest.fixture
def node(swarm):
    """The id of a node of the first owner, registered with the first node account."""
    swarm.register(swarm.owners[0], swarm.node_accounts[0], node_key(0))
    return swarm.node_accounts[0].address


def rotate(swarm, node, sender, new_account, new_key, signer=None):
    key = new_key.verify_key.encode()
    proof = swarm.nodes.sign(signer or new_account, "Rotation", (node, key))
    arguments = (node, key, new_account.address, proof, NO_SIGNATURE, NO_SIGNATURE)
    return swarm.nodes.send(sender, "rotate", *arguments)


def stake(swarm, node):
    return swarm.nodes.read("nodeOf", node)[2]


# Registering


def test_a_registered_node_is_known_by_its_account_with_key_owner_and_stake(swarm):
    owner, account = swarm.owners[0], swarm.node_accounts[0]
    swarm.register(owner, account, node_key(0), value=3 * ETHER)
    expected = (node_key(0).verify_key.encode(), owner.address.lower(), 3 * ETHER, account.address.lower(), 0, ACTIVE)
    assert swarm.nodes.read("nodeOf", account.address) == expected
    assert swarm.nodes.read("idOf", account.address) == account.address.lower()
    assert swarm.nodes.read("isBonded", account.address)
    assert swarm.evm.balance(swarm.nodes.address) == 3 * ETHER


def test_one_owner_may_have_several_nodes_with_stakes_of_their_own(swarm):
    owner, (first, second, *_) = swarm.owners[0], swarm.node_accounts
    swarm.register(owner, first, node_key(0))
    swarm.register(owner, second, node_key(1), value=2 * ETHER)
    assert (stake(swarm, first.address), stake(swarm, second.address)) == (ETHER, 2 * ETHER)


def test_the_event_carries_the_node_keys_signature_and_whoever_reads_it_can_verify_it(swarm):
    owner, account = swarm.owners[0], swarm.node_accounts[0]
    receipt = swarm.register(owner, account, node_key(0))
    (log,) = receipt.logs
    key, data = bytes.fromhex(log["topics"][2][2:]), bytes.fromhex(log["data"][2:])
    parts = (b"swarm-node/v1/evm-binding\0", swarm.evm.chain_id.to_bytes(32, "big"))
    parts += tuple(bytes.fromhex(one[2:]) for one in (swarm.nodes.address, account.address, owner.address))
    VerifyKey(key).verify(b"".join(parts), data[-64:])


def test_the_message_of_a_hand_over_names_chain_contract_node_key_and_account(swarm, node):
    new = swarm.node_accounts[1].address
    parts = [bytes.fromhex(one[2:]) for one in (swarm.nodes.address, node)] + [b"k" * 32, bytes.fromhex(new[2:])]
    expected = b"swarm-node/v1/evm-handover\0" + swarm.evm.chain_id.to_bytes(32, "big") + b"".join(parts)
    assert swarm.nodes.read("handoverMessage", node, b"k" * 32, new) == expected


def test_an_account_is_bound_once_and_a_repeated_registration_is_refused(swarm, node):
    for owner in swarm.owners:
        with refuses("AccountTaken", node.lower()):
            swarm.register(owner, swarm.node_accounts[0], node_key(0))


def test_an_account_has_to_agree_to_this_node_this_owner_this_contract_and_this_chain(swarm):
    owner, account = swarm.owners[0], swarm.node_accounts[0]
    key, other = (node_key(number).verify_key.encode() for number in (0, 1))
    elsewhere = Contract(swarm.evm, "NodeRegistry", swarm.shards.address)
    wrong = {
        "another node": swarm.nodes.sign(account, "Registration", (other, owner.address)),
        "another owner": swarm.nodes.sign(account, "Registration", (key, swarm.owners[1].address)),
        "another account": swarm.nodes.sign(swarm.node_accounts[1], "Registration", (key, owner.address)),
        "another chain": swarm.nodes.sign(account, "Registration", (key, owner.address), chain_id=1),
        "another contract": elsewhere.sign(account, "Registration", (key, owner.address)),
        "another function": swarm.nodes.sign(account, "Rotation", (owner.address, key)),
        "nothing": NO_SIGNATURE,
    }
    for signature in wrong.values():
        with refuses("WrongAccountSignature"):
            swarm.nodes.send(owner, "register", key, account.address, signature, NO_SIGNATURE, value=ETHER)


def test_a_signature_with_the_high_s_that_anybody_can_make_of_a_good_one_is_refused(swarm):
    owner, account, key = swarm.owners[0], swarm.node_accounts[0], node_key(0).verify_key.encode()
    r, vs = swarm.nodes.sign(account, "Registration", (key, owner.address))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    number = int.from_bytes(vs, "big")
    parity, s = number >> 255, number & (1 << 255) - 1
    flipped = order - s  # has its highest bit set: in 64 bytes it cannot even be told from a parity
    twisted = flipped & (1 << 255) - 1 | (1 - parity) << 255
    with refuses("WrongAccountSignature"):
        arguments = (key, account.address, (r, twisted.to_bytes(32, "big")), NO_SIGNATURE)
        swarm.nodes.send(owner, "register", *arguments, value=ETHER)


def test_registering_takes_a_key_and_the_minimum_stake(swarm):
    owner, account = swarm.owners[0], swarm.node_accounts[0]
    with refuses("StakeTooLow", MINIMUM_STAKE, MINIMUM_STAKE - 1):
        swarm.register(owner, account, node_key(0), value=MINIMUM_STAKE - 1)
    proof = swarm.nodes.sign(account, "Registration", (bytes(32), owner.address))
    with refuses("ZeroNodeKey"):
        swarm.nodes.send(owner, "register", bytes(32), account.address, proof, NO_SIGNATURE, value=ETHER)


def test_a_squatter_on_a_node_key_takes_nothing_from_its_holder(swarm):
    """The chain cannot check Ed25519, so it must not let a claim that may be false stand in the way of a true one."""
    squatter, holder = swarm.owners[1], swarm.owners[0]
    key = node_key(0).verify_key.encode()
    proof = swarm.nodes.sign(swarm.node_accounts[1], "Registration", (key, squatter.address))
    arguments = (key, swarm.node_accounts[1].address, proof, NO_SIGNATURE)
    swarm.nodes.send(squatter, "register", *arguments, value=ETHER)
    swarm.register(holder, swarm.node_accounts[0], node_key(0))
    assert swarm.nodes.read("nodeOf", swarm.node_accounts[0].address)[0] == key


# Rotating


def test_the_account_in_charge_hands_over_to_another_and_then_has_no_say(swarm, node):
    old, new, newer = swarm.node_accounts[:3]
    rotate(swarm, node, old, new, node_key(0))
    assert swarm.nodes.read("nodeOf", node)[3] == new.address.lower()
    assert swarm.nodes.read("idOf", new.address) == node.lower()
    assert swarm.nodes.read("idOf", old.address) == node.lower(), "it still answers for what it signed"
    with refuses("NotAccount", new.address.lower(), old.address.lower()):
        rotate(swarm, node, old, newer, node_key(0))
    rotate(swarm, node, new, newer, node_key(0))
    assert stake(swarm, node) == ETHER


def test_the_node_key_rotates_with_or_without_the_account(swarm, node):
    old, new = swarm.node_accounts[:2]
    rotate(swarm, node, old, old, node_key(1))
    assert swarm.nodes.read("nodeOf", node)[0] == node_key(1).verify_key.encode()
    rotate(swarm, node, old, new, node_key(2))
    known = swarm.nodes.read("nodeOf", node)
    assert (known[0], known[3]) == (node_key(2).verify_key.encode(), new.address.lower())


def test_nobody_but_the_old_account_rotates_and_the_new_one_must_agree(swarm, node):
    old, new = swarm.node_accounts[:2]
    for stranger in (swarm.owners[0], swarm.owners[1], new):
        with refuses("NotAccount"):
            rotate(swarm, node, stranger, new, node_key(1))
    with refuses("WrongAccountSignature"):
        rotate(swarm, node, old, new, node_key(1), signer=old)


def test_an_account_that_is_or_was_bound_is_not_rotated_to(swarm, node):
    old, new, other = swarm.node_accounts[:3]
    swarm.register(swarm.owners[1], other, node_key(1))
    with refuses("AccountTaken", other.address.lower()):
        rotate(swarm, node, old, other, node_key(0))
    rotate(swarm, node, old, new, node_key(0))
    with refuses("AccountTaken", old.address.lower()):
        rotate(swarm, node, new, old, node_key(0))
    with refuses("AccountTaken", new.address.lower()):
        swarm.register(swarm.owners[1], new, node_key(1))


# Stakes


def test_a_stake_leaves_only_after_the_delay_which_is_longer_than_the_dispute_window(swarm, node):
    owner, receiver = swarm.owners[0], "0x" + "11" * 20
    swarm.nodes.send(owner, "requestWithdrawal", node)
    assert not swarm.nodes.read("isBonded", node)
    swarm.evm.travel(DISPUTE_WINDOW + 1)
    with refuses("StillLocked"):
        swarm.nodes.send(owner, "withdraw", node, receiver)
    swarm.evm.travel(WITHDRAWAL_DELAY - DISPUTE_WINDOW)
    swarm.nodes.send(owner, "withdraw", node, receiver)
    assert swarm.evm.balance(receiver) == ETHER
    assert stake(swarm, node) == swarm.evm.balance(swarm.nodes.address) == 0


def test_what_was_withdrawn_is_not_withdrawn_again(swarm, node):
    owner = swarm.owners[0]
    swarm.nodes.send(owner, "requestWithdrawal", node)
    with refuses("WithdrawalPending"):
        swarm.nodes.send(owner, "requestWithdrawal", node)
    swarm.evm.travel(WITHDRAWAL_DELAY + 1)
    swarm.nodes.send(owner, "withdraw", node, owner.address)
    with refuses("NoWithdrawal"):
        swarm.nodes.send(owner, "withdraw", node, owner.address)
    with refuses("NothingStaked"):
        swarm.nodes.send(owner, "requestWithdrawal", node)


def test_a_withdrawal_has_to_be_asked_for(swarm, node):
    with refuses("NoWithdrawal"):
        swarm.nodes.send(swarm.owners[0], "withdraw", node, swarm.owners[0].address)


def test_a_deposit_adds_to_the_stake_and_cancels_a_withdrawal_so_that_nothing_leaves_early(swarm, node):
    owner = swarm.owners[0]
    swarm.nodes.send(owner, "requestWithdrawal", node)
    swarm.evm.travel(WITHDRAWAL_DELAY + 1)
    swarm.nodes.send(owner, "deposit", node, value=2 * ETHER)
    assert stake(swarm, node) == 3 * ETHER
    with refuses("NoWithdrawal"):
        swarm.nodes.send(owner, "withdraw", node, owner.address)
    with refuses("NothingDeposited"):
        swarm.nodes.send(owner, "deposit", node)


def test_nobody_touches_another_owners_stake(swarm, node):
    swarm.nodes.send(swarm.owners[0], "requestWithdrawal", node)
    swarm.evm.travel(WITHDRAWAL_DELAY + 1)
    for stranger in (swarm.owners[1], swarm.node_accounts[0], swarm.node_accounts[1]):
        for call in (("withdraw", node, stranger.address), ("requestWithdrawal", node)):
            with refuses("NotOwner"):
                swarm.nodes.send(stranger, *call)
        with refuses("NotOwner"):
            swarm.nodes.send(stranger, "deposit", node, value=1)
    assert stake(swarm, node) == ETHER


def test_ether_enters_only_as_somebodys_stake(swarm, node):
    with pytest.raises(RefusedError):
        swarm.evm.send(swarm.owners[0], swarm.nodes.address, b"", 1)
    with refuses("NotActive"):
        swarm.nodes.send(swarm.owners[0], "deposit", swarm.node_accounts[5].address, value=1)


def test_a_stake_beyond_its_96_bits_is_refused_and_not_cut(swarm, node):
    with refuses("StakeTooHigh", 1 << 96):
        swarm.nodes.send(swarm.owners[0], "deposit", node, value=(1 << 96) - ETHER)
    swarm.nodes.send(swarm.owners[0], "deposit", node, value=(1 << 96) - ETHER - 1)
    assert stake(swarm, node) == (1 << 96) - 1


def test_a_forgotten_receiver_does_not_burn_the_stake(swarm, node):
    owner = swarm.owners[0]
    swarm.nodes.send(owner, "requestWithdrawal", node)
    swarm.evm.travel(WITHDRAWAL_DELAY + 1)
    with refuses("ZeroReceiver"):
        swarm.nodes.send(owner, "withdraw", node, "0x" + "00" * 20)
    assert stake(swarm, node) == ETHER


def test_a_receiver_that_refuses_leaves_the_stake_where_it_was(swarm, node):
    owner = swarm.owners[0]
    swarm.nodes.send(owner, "requestWithdrawal", node)
    swarm.evm.travel(WITHDRAWAL_DELAY + 1)
    with refuses("TransferFailed", swarm.anchor.address.lower()):
        swarm.nodes.send(owner, "withdraw", node, swarm.anchor.address)
    assert stake(swarm, node) == ETHER


@pytest.mark.parametrize(("mode", "paid"), [(1, 1), (2, 0)], ids=["calls back", "refuses"])
def test_an_owner_that_calls_back_from_its_payment_finds_nothing_more_to_take(swarm, node, mode, paid):
    """The registry holds another node's stake, which is what a second payment would come from."""
    account, sender = swarm.node_accounts[1], swarm.owners[1]
    attacker = deploy(swarm.evm, "test/ReentrantOwner", swarm.nodes.address)
    key = node_key(1).verify_key.encode()
    proof = swarm.nodes.sign(account, "Registration", (key, attacker.address))
    attacker.send(sender, "register", key, account.address, proof, value=ETHER)
    attacker.send(sender, "setMode", mode)
    attacker.send(sender, "requestWithdrawal")
    swarm.evm.travel(WITHDRAWAL_DELAY + 1)
    if paid:
        attacker.send(sender, "withdraw")
    else:
        with refuses("TransferFailed"):
            attacker.send(sender, "withdraw")
    assert (attacker.read("paid"), attacker.read("succeeded")) == (paid, 0)
    assert swarm.evm.balance(attacker.address) == paid * ETHER
    assert swarm.evm.balance(swarm.nodes.address) == (2 - paid) * ETHER


# Leaving


@pytest.mark.parametrize("who", ["owner", "account"])
def test_a_revoked_node_stays_revoked_and_its_stake_waits_like_any_other(swarm, node, who):
    owner, account = swarm.owners[0], swarm.node_accounts[0]
    swarm.nodes.send({"owner": owner, "account": account}[who], "revoke", node)
    assert swarm.nodes.read("nodeOf", node)[5] == REVOKED
    with refuses("NotActive", node.lower(), REVOKED):
        swarm.nodes.send(owner, "revoke", node)
    with refuses("NotActive"):
        swarm.nodes.send(owner, "deposit", node, value=1)
    with refuses("NotActive"):
        rotate(swarm, node, account, swarm.node_accounts[1], node_key(1))
    with refuses("StillLocked"):
        swarm.nodes.send(owner, "withdraw", node, owner.address)
    swarm.evm.travel(WITHDRAWAL_DELAY + 1)
    swarm.nodes.send(owner, "withdraw", node, owner.address)
    with refuses("AccountTaken"):
        swarm.register(owner, account, node_key(0))


def test_revoking_does_not_start_the_clock_again(swarm, node):
    swarm.nodes.send(swarm.owners[0], "requestWithdrawal", node)
    before = swarm.nodes.read("nodeOf", node)[4]
    swarm.evm.travel(1000)
    swarm.nodes.send(swarm.owners[0], "revoke", node)
    assert swarm.nodes.read("nodeOf", node)[4] == before


def test_nobody_else_revokes(swarm, node):
    for stranger in (swarm.owners[1], swarm.node_accounts[1]):
        with refuses("NotAccount"):
            swarm.nodes.send(stranger, "revoke", node)
    with refuses("NotActive"):
        swarm.nodes.send(swarm.owners[0], "revoke", swarm.node_accounts[5].address)


def test_nothing_is_known_of_an_unknown_node(swarm):
    stranger = swarm.node_accounts[5].address
    zero = "0x" + "00" * 20
    assert swarm.nodes.read("nodeOf", stranger) == (bytes(32), zero, 0, zero, 0, 0)
    assert swarm.nodes.read("idOf", stranger) == zero
    assert not swarm.nodes.read("isBonded", stranger)
    with refuses("NotOwner"):
        swarm.nodes.send(swarm.owners[0], "requestWithdrawal", stranger)


# Deploying


def test_a_delay_not_longer_than_the_window_or_longer_than_a_year_is_refused(swarm):
    year = 365 * 24 * 3600
    for window, delay in ((100, 100), (100, 99), (100, year + 1)):
        with refuses("WrongDelay", window, delay, year):
            deploy(swarm.evm, "NodeRegistry", swarm.anchor.address, swarm.shards.address, 0, window, delay)


def test_a_registry_without_its_neighbours_is_refused(swarm):
    nobody = "0x" + "00" * 19 + "77"
    for addresses in ((nobody, swarm.shards.address), (swarm.anchor.address, nobody)):
        with refuses("NotAContract", nobody):
            deploy(swarm.evm, "NodeRegistry", *addresses, 0, 100, 101)
    with refuses("NotAContract", nobody):
        deploy(swarm.evm, "ShardRegistry", nobody)
