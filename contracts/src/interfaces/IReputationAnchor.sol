// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Quorum} from "../libraries/WeightedQuorum.sol";

/// @notice What a committee member signs for an epoch (EIP-712, primary type `EpochVote`).
/// @param epoch The epoch whose end is anchored, counted as the swarm counts (from 0).
/// @param previousLedgerRoot The ledger root anchored for the epoch before, or the genesis one.
/// @param ledgerRoot The ledger after the last round of `epoch`; opaque here.
/// @param scoreRoot Merkle root over (node, category, score); see `verifyScore`.
/// @param nextSigners Hash of the signer set that anchors `epoch + 1`; see `signersOf`.
struct EpochVote {
    uint64 epoch;
    bytes32 previousLedgerRoot;
    bytes32 ledgerRoot;
    bytes32 scoreRoot;
    bytes32 nextSigners;
}

/// @title The swarm's ledger and scores, one root of each per epoch, signed by more than two thirds of the weight
/// @notice Nobody owns this contract. It believes exactly one thing: the signer set that the epoch before committed
/// to (the first one stands in the constructor). An epoch once anchored never changes.
/// @dev The contract cannot know whether a root is right. More than two thirds of the weight vouch for that, and
/// anybody recomputes it from the certificates.
interface IReputationAnchor {
    /// @notice An epoch has been anchored and `nextSigners` is in force from now on.
    event EpochAnchored(
        uint64 indexed epoch, bytes32 ledgerRoot, bytes32 scoreRoot, bytes32 nextSigners, uint256 bitmap
    );

    /// @notice The epoch is not the next one: already anchored (a replay or a fork), or one was left out (a gap).
    /// Hint: anchor `expected` first; if `expected > given`, compare your ledger with `anchorOf(given)`.
    error WrongEpoch(uint64 expected, uint64 given);

    /// @notice The vote continues another history than the one anchored here.
    /// Hint: your ledger and this contract disagree about the epoch before; do not sign until you know why.
    error WrongPreviousRoot(bytes32 expected, bytes32 given);

    /// @notice The signer set handed in is not the one committed to.
    /// Hint: it must be in the order, and with the weights, of the vote that named it.
    error WrongSigners(bytes32 expected, bytes32 given);

    /// @notice A root is zero, which would later read as "not anchored".
    error ZeroRoot();

    /// @notice No signer set is kept for this epoch: only those of `nextEpoch()` and the epoch before it are.
    /// Hint: collect the signatures again from the set in force.
    error SignersNotKept(uint64 epoch, uint64 nextEpoch);

    /// @notice The epoch has not been anchored here.
    error NotAnchored(uint64 epoch);

    /// @notice Anchor one epoch. Anybody may send it: the signatures carry the authority.
    /// @param vote What was signed.
    /// @param quorum The signer set in force, who of it signed, and the signatures.
    function anchor(EpochVote calldata vote, Quorum calldata quorum) external;

    /// @notice The epoch that `anchor` takes next.
    function nextEpoch() external view returns (uint64);

    /// @notice The first epoch of this contract.
    function firstEpoch() external view returns (uint64);

    /// @notice The ledger root that the first epoch continues.
    function genesisLedgerRoot() external view returns (bytes32);

    /// @notice The roots of an anchored epoch.
    function anchorOf(uint64 epoch) external view returns (bytes32 ledgerRoot, bytes32 scoreRoot);

    /// @notice Hash of the signer set of `nextEpoch()` (in force) or of the epoch before it:
    /// `keccak256` over the concatenated 32-byte entries, each an account (20 bytes) and its weight (12 bytes).
    function signersOf(uint64 epoch) external view returns (bytes32);

    /// @notice Whether `node` had `score` in `category` at the end of an anchored `epoch`.
    /// @dev Leaf data: "swarm-node/v1/score" ‖ 0x00 ‖ node (32) ‖ category (2, big-endian) ‖ score (4, big-endian).
    /// Tree: SHA-256, leaf prefix 0x00, node prefix 0x01, odd last node carried up (RFC 6962; `consensus.merkle`).
    /// @param path Siblings, lowest first, levels without a sibling left out.
    /// @param lefts Bit i is set where `path[i]` stands on the left.
    function verifyScore(
        uint64 epoch,
        bytes32 node,
        uint16 category,
        uint32 score,
        bytes32[] calldata path,
        uint256 lefts
    ) external view returns (bool);

    /// @notice The EIP-712 digest that is signed for `vote` on this chain and contract.
    function voteDigest(EpochVote calldata vote) external view returns (bytes32);
}
