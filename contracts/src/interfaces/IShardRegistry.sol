// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Quorum} from "../libraries/WeightedQuorum.sol";
import {IReputationAnchor} from "./IReputationAnchor.sol";

/// @notice How far a shard has come. `Final` and `Withdrawn` are for ever.
enum ShardStatus {
    None,
    Provisional,
    Final,
    Withdrawn
}

/// @notice What a committee member signs for a round's shard of a job (EIP-712, primary type `ShardVote`).
/// @param jobId The job.
/// @param round Height of the round that accepted the rows.
/// @param shardRoot The shard's root as the round's header has it.
/// @param rows How many rows it has, as the header has it.
/// @param certificateDigest Hash of the certified header (`consensus.certificate.header_hash`). Not of the
/// certificate's bytes: honest nodes hold different sets of signatures under the same header.
/// @param status Any but `None`.
struct ShardVote {
    bytes32 jobId;
    uint64 round;
    bytes32 shardRoot;
    uint32 rows;
    bytes32 certificateDigest;
    ShardStatus status;
}

/// @title Which shards the swarm stands by
/// @notice Nobody owns this contract. It believes the signer sets of its `ReputationAnchor`.
/// @dev One storage slot per shard: a hash over all it says, and the status. So a reader brings what it holds and asks
/// `statusOf`, or reads the event and asks then.
interface IShardRegistry {
    /// @notice A shard was committed, or its status moved on.
    event ShardCommitted(
        bytes32 indexed jobId,
        uint64 indexed round,
        bytes32 shardRoot,
        uint32 rows,
        bytes32 certificateDigest,
        ShardStatus status
    );

    /// @notice The shard has a status that never changes.
    /// Hint: a repeated commit of the same vote has been done before; anything else is a conflict to look into.
    error ShardIsClosed(bytes32 jobId, uint64 round, ShardStatus status);

    /// @notice The shard is committed with another root, row count or header.
    error ShardDiffers(bytes32 jobId, uint64 round);

    /// @notice The status would not change: nothing to do, the vote was committed before.
    error StatusUnchanged(bytes32 jobId, uint64 round, ShardStatus status);

    /// @notice `None` is not a status to commit.
    error NoStatus();

    /// @notice The signer set handed in is not the one committed to for `signerEpoch`.
    error WrongSigners(bytes32 expected, bytes32 given);

    /// @notice There is no code at this address. Hint: deploy the anchor first.
    error NotAContract(address given);

    /// @notice Commit a shard, or move a provisional one on. Anybody may send it: the signatures carry the authority.
    /// @param vote What was signed.
    /// @param signerEpoch Whose signer set signed: the anchor's `nextEpoch()` or the one before.
    /// @param quorum That set, who of it signed, and the signatures.
    function commit(ShardVote calldata vote, uint64 signerEpoch, Quorum calldata quorum) external;

    /// @notice Whose signer sets are believed.
    function anchor() external view returns (IReputationAnchor);

    /// @notice The status of exactly this shard, whatever `vote.status` says; `None` when this shard is unknown or
    /// another one stands in its place.
    function statusOf(ShardVote calldata vote) external view returns (ShardStatus);

    /// @notice The status of whatever shard stands for this job and round.
    function statusAt(bytes32 jobId, uint64 round) external view returns (ShardStatus);

    /// @notice The EIP-712 digest that is signed for `vote` on this chain and contract.
    function voteDigest(ShardVote calldata vote) external view returns (bytes32);
}
