// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {EpochVote, IReputationAnchor} from "./interfaces/IReputationAnchor.sol";
import {MerkleSha256} from "./libraries/MerkleSha256.sol";
import {Quorum, WeightedQuorum} from "./libraries/WeightedQuorum.sol";

/// @title The swarm's ledger and scores, one root of each per epoch
/// @dev See `IReputationAnchor` for what it promises and what it cannot know.
contract ReputationAnchor is IReputationAnchor, EIP712 {
    using WeightedQuorum for Quorum;

    struct Roots {
        bytes32 ledger;
        bytes32 score;
    }

    bytes32 private constant EPOCH_VOTE_TYPEHASH = keccak256(
        "EpochVote(uint64 epoch,bytes32 previousLedgerRoot,bytes32 ledgerRoot,bytes32 scoreRoot,bytes32 nextSigners)"
    );

    /// @inheritdoc IReputationAnchor
    uint64 public immutable firstEpoch;
    /// @inheritdoc IReputationAnchor
    bytes32 public immutable genesisLedgerRoot;

    /// One more than `nextEpoch()`, so that it is never zero: writing it costs 5,000 gas also after epoch 0, not 22,100.
    uint64 private _afterNext;

    mapping(uint64 epoch => Roots) private _roots;

    /// Of the set in force and of the one before it, so that shards signed just before an anchor can still be committed.
    mapping(uint256 parity => bytes32) private _signers;

    /// @param first Anchoring may begin at any epoch.
    /// @param ledgerRoot What the first anchored epoch continues; zero for an empty ledger.
    /// @param signers The set that anchors the first epoch; whoever trusts this contract trusts these.
    constructor(uint64 first, bytes32 ledgerRoot, bytes32[] memory signers) EIP712("swarm-node ReputationAnchor", "1") {
        bytes32 hash = _checkedHash(signers);
        firstEpoch = first;
        genesisLedgerRoot = ledgerRoot;
        _afterNext = first + 1;
        // Both places, for the price of the first anchor. Before that nobody is given the second (`signersOf`).
        (_signers[0], _signers[1]) = (hash, hash);
    }

    /// @inheritdoc IReputationAnchor
    function anchor(EpochVote calldata vote, Quorum calldata quorum) external {
        uint64 epoch = nextEpoch();
        if (vote.epoch != epoch) revert WrongEpoch(epoch, vote.epoch);
        bytes32 previous = epoch == firstEpoch ? genesisLedgerRoot : _roots[epoch - 1].ledger;
        if (vote.previousLedgerRoot != previous) revert WrongPreviousRoot(previous, vote.previousLedgerRoot);
        if (vote.ledgerRoot == 0 || vote.scoreRoot == 0 || vote.nextSigners == 0) revert ZeroRoot();
        bytes32 expected = _signers[epoch & 1];
        bytes32 given = WeightedQuorum.hashSigners(quorum.signers);
        if (given != expected) revert WrongSigners(expected, given);
        quorum.requireQuorum(voteDigest(vote));

        _roots[epoch] = Roots(vote.ledgerRoot, vote.scoreRoot);
        _afterNext = epoch + 2;
        _signers[(epoch + 1) & 1] = vote.nextSigners;
        emit EpochAnchored(epoch, vote.ledgerRoot, vote.scoreRoot, vote.nextSigners, quorum.bitmap);
    }

    /// @inheritdoc IReputationAnchor
    function nextEpoch() public view returns (uint64) {
        return _afterNext - 1;
    }

    /// @inheritdoc IReputationAnchor
    function anchorOf(uint64 epoch) public view returns (bytes32 ledgerRoot, bytes32 scoreRoot) {
        Roots storage roots = _roots[epoch];
        (ledgerRoot, scoreRoot) = (roots.ledger, roots.score);
        if (ledgerRoot == 0) revert NotAnchored(epoch);
    }

    /// @inheritdoc IReputationAnchor
    function signersOf(uint64 epoch) external view returns (bytes32) {
        uint64 next = nextEpoch();
        bool isKept = epoch == next || (next > firstEpoch && epoch == next - 1);
        if (!isKept) revert SignersNotKept(epoch, next);
        return _signers[epoch & 1];
    }

    /// @inheritdoc IReputationAnchor
    function verifyScore(
        uint64 epoch,
        bytes32 node,
        uint16 category,
        uint32 score,
        bytes32[] calldata path,
        uint256 lefts
    ) external view returns (bool) {
        bytes32 root = _roots[epoch].score;
        if (root == 0) revert NotAnchored(epoch);
        bytes memory leaf = abi.encodePacked("swarm-node/v1/score", hex"00", node, category, score);
        return MerkleSha256.isIncluded(root, leaf, path, lefts);
    }

    /// @inheritdoc IReputationAnchor
    function voteDigest(EpochVote calldata vote) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(EPOCH_VOTE_TYPEHASH, vote)));
    }

    /// A set that can never reach a quorum would make a contract that can never be used.
    function _checkedHash(bytes32[] memory signers) private pure returns (bytes32) {
        if (signers.length > WeightedQuorum.SIGNERS_MAX) revert WeightedQuorum.TooManySigners(signers.length);
        uint256 able = 0;
        uint256 total = 0;
        for (uint256 i = 0; i < signers.length; ++i) {
            uint256 weight = uint96(uint256(signers[i]));
            total += weight;
            if (address(bytes20(signers[i])) != address(0)) able += weight;
        }
        if (3 * able <= 2 * total) revert WeightedQuorum.TooLittleWeight(able, total);
        return keccak256(abi.encodePacked(signers));
    }
}
