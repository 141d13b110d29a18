// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochVote, IReputationAnchor} from "./interfaces/IReputationAnchor.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {IShardRegistry, ShardStatus, ShardVote} from "./interfaces/IShardRegistry.sol";
import {Signature, WeightedQuorum} from "./libraries/WeightedQuorum.sol";

/// @title What proves that a key voted for two things where it had one vote
/// @dev The only way to anybody's stake. It looks at two signed votes and nothing else: not at whether the signer had
/// weight, not at whether the vote won, and not at time.
abstract contract EquivocationEvidence is INodeRegistry {
    /// @inheritdoc INodeRegistry
    IReputationAnchor public immutable anchor;
    /// @inheritdoc INodeRegistry
    IShardRegistry public immutable shards;

    constructor(IReputationAnchor reputationAnchor, IShardRegistry shardRegistry) {
        if (address(reputationAnchor).code.length == 0) revert NotAContract(address(reputationAnchor));
        if (address(shardRegistry).code.length == 0) revert NotAContract(address(shardRegistry));
        anchor = reputationAnchor;
        shards = shardRegistry;
    }

    /// @inheritdoc INodeRegistry
    function reportEpochVotes(
        EpochVote calldata first,
        Signature calldata firstSignature,
        EpochVote calldata second,
        Signature calldata secondSignature
    ) external {
        bytes32 firstVote = anchor.voteDigest(first);
        bytes32 secondVote = anchor.voteDigest(second);
        if (first.epoch != second.epoch || firstVote == secondVote) revert NoConflict();
        _slash(_commonSigner(firstVote, firstSignature, secondVote, secondSignature), firstVote, secondVote);
    }

    /// @inheritdoc INodeRegistry
    function reportShardVotes(
        ShardVote calldata first,
        Signature calldata firstSignature,
        ShardVote calldata second,
        Signature calldata secondSignature
    ) external {
        if (!_conflict(first, second)) revert NoConflict();
        bytes32 firstVote = shards.voteDigest(first);
        bytes32 secondVote = shards.voteDigest(second);
        _slash(_commonSigner(firstVote, firstSignature, secondVote, secondSignature), firstVote, secondVote);
    }

    /// Take the stake of the node that `account` signs or once signed for.
    function _slash(address account, bytes32 firstVote, bytes32 secondVote) internal virtual;

    /// A provisional vote may be followed by a final one: the same shard, further on. All else has to agree.
    function _conflict(ShardVote calldata first, ShardVote calldata second) private pure returns (bool) {
        if (first.jobId != second.jobId || first.round != second.round) return false;
        bool isSameShard = first.shardRoot == second.shardRoot && first.rows == second.rows
            && first.certificateDigest == second.certificateDigest;
        return !isSameShard || (_isLast(first.status) && _isLast(second.status) && first.status != second.status);
    }

    function _isLast(ShardStatus status) private pure returns (bool) {
        return status == ShardStatus.Final || status == ShardStatus.Withdrawn;
    }

    function _commonSigner(
        bytes32 firstVote,
        Signature calldata firstSignature,
        bytes32 secondVote,
        Signature calldata secondSignature
    ) private pure returns (address signer) {
        signer = WeightedQuorum.recover(firstVote, firstSignature);
        address other = WeightedQuorum.recover(secondVote, secondSignature);
        if (signer != other || signer == address(0)) revert DifferentSigners(signer, other);
    }
}
