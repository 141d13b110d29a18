// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IReputationAnchor} from "./interfaces/IReputationAnchor.sol";
import {IShardRegistry, ShardStatus, ShardVote} from "./interfaces/IShardRegistry.sol";
import {Quorum, WeightedQuorum} from "./libraries/WeightedQuorum.sol";

/// @title Which shards the swarm stands by
/// @dev See `IShardRegistry` for what it promises.
contract ShardRegistry is IShardRegistry, EIP712 {
    using WeightedQuorum for Quorum;

    bytes32 private constant SHARD_VOTE_TYPEHASH = keccak256(
        "ShardVote(bytes32 jobId,uint64 round,bytes32 shardRoot,uint32 rows,bytes32 certificateDigest,uint8 status)"
    );

    /// @inheritdoc IShardRegistry
    IReputationAnchor public immutable anchor;

    /// One slot per shard: a hash over all that the vote says but the status, its lowest byte replaced by the status.
    /// 248 bits are left of the hash: two shards that share them take 2^124 tries. A second slot would cost 22,100 gas.
    mapping(bytes32 jobId => mapping(uint64 round => bytes32)) private _shards;

    /// @param reputationAnchor Whose signer sets are believed.
    constructor(IReputationAnchor reputationAnchor) EIP712("swarm-node ShardRegistry", "1") {
        if (address(reputationAnchor).code.length == 0) revert NotAContract(address(reputationAnchor));
        anchor = reputationAnchor;
    }

    /// @inheritdoc IShardRegistry
    function commit(ShardVote calldata vote, uint64 signerEpoch, Quorum calldata quorum) external {
        if (vote.status == ShardStatus.None) revert NoStatus();
        bytes32 contents = _contents(vote);
        _requireStep(vote, contents);
        bytes32 expected = anchor.signersOf(signerEpoch);
        bytes32 given = WeightedQuorum.hashSigners(quorum.signers);
        if (given != expected) revert WrongSigners(expected, given);
        quorum.requireQuorum(voteDigest(vote));

        _shards[vote.jobId][vote.round] = contents | bytes32(uint256(vote.status));
        emit ShardCommitted(
            vote.jobId, vote.round, vote.shardRoot, vote.rows, vote.certificateDigest, vote.status
        );
    }

    /// @inheritdoc IShardRegistry
    function statusOf(ShardVote calldata vote) external view returns (ShardStatus) {
        bytes32 kept = _shards[vote.jobId][vote.round];
        return _withoutStatus(kept) == _contents(vote) ? _status(kept) : ShardStatus.None;
    }

    /// @inheritdoc IShardRegistry
    function statusAt(bytes32 jobId, uint64 round) external view returns (ShardStatus) {
        return _status(_shards[jobId][round]);
    }

    /// @inheritdoc IShardRegistry
    function voteDigest(ShardVote calldata vote) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(SHARD_VOTE_TYPEHASH, vote)));
    }

    /// From nothing to any status; from provisional to final or withdrawn; never to other contents.
    function _requireStep(ShardVote calldata vote, bytes32 contents) private view {
        bytes32 kept = _shards[vote.jobId][vote.round];
        ShardStatus status = _status(kept);
        if (status == ShardStatus.None) return;
        if (status != ShardStatus.Provisional) revert ShardIsClosed(vote.jobId, vote.round, status);
        if (_withoutStatus(kept) != contents) revert ShardDiffers(vote.jobId, vote.round);
        if (vote.status == ShardStatus.Provisional) revert StatusUnchanged(vote.jobId, vote.round, status);
    }

    function _contents(ShardVote calldata vote) private pure returns (bytes32) {
        return _withoutStatus(
            keccak256(abi.encode(vote.jobId, vote.round, vote.shardRoot, vote.rows, vote.certificateDigest))
        );
    }

    function _withoutStatus(bytes32 kept) private pure returns (bytes32) {
        return kept & ~bytes32(uint256(0xff));
    }

    function _status(bytes32 kept) private pure returns (ShardStatus) {
        return ShardStatus(uint8(uint256(kept)));
    }
}
