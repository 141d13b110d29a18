// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../libraries/WeightedQuorum.sol";
import {EpochVote, IReputationAnchor} from "./IReputationAnchor.sol";
import {IShardRegistry, ShardVote} from "./IShardRegistry.sol";

/// @notice Whether a node takes part.
enum NodeStatus {
    Unknown,
    Active,
    Revoked,
    Slashed
}

/// @notice Two halves of an Ed25519 signature (RFC 8032: R, then S). Carried and logged here, verified by the reader.
struct Ed25519Signature {
    bytes32 r;
    bytes32 s;
}

/// @notice What the registry knows of a node.
/// @param nodeKey Its Ed25519 public key, which is its id in the swarm.
/// @param owner Who staked for it and gets the stake back. One owner may have many nodes.
/// @param stake Wei at stake.
/// @param account The EVM account that signs for it now.
/// @param unlockAt Unix time from which the owner may withdraw; 0 while no withdrawal was asked for.
/// @param status See `NodeStatus`.
struct Node {
    bytes32 nodeKey;
    address owner;
    uint96 stake;
    address account;
    uint64 unlockAt;
    NodeStatus status;
}

/// @title Who is who: node keys, the accounts that sign for them, and what they have at stake
/// @notice A node is named here by its `id`: the account it was registered with, for ever, also after rotations.
/// @dev WARNING: the EVM has no affordable Ed25519. That the node key agrees is carried as a signature in the event and
/// verified by every reader; a registration whose Ed25519 signature does not verify means nothing, and for that reason
/// takes nothing away from the key's holder: node keys are not unique here, accounts are.
interface INodeRegistry {
    /// @notice `nodeSignature` must be the node key's over `bindingMessage(id, owner)`, else ignore this.
    event NodeRegistered(
        address indexed id,
        bytes32 indexed nodeKey,
        address indexed owner,
        uint256 stake,
        Ed25519Signature nodeSignature
    );

    /// @notice `nodeSignature` must be the new node key's over `bindingMessage(account, owner)`, and
    /// `handoverSignature` the old node key's over `handoverMessage(id, nodeKey, account)`, else the node has no
    /// valid key any more.
    event NodeRotated(
        address indexed id,
        bytes32 indexed nodeKey,
        address indexed account,
        Ed25519Signature nodeSignature,
        Ed25519Signature handoverSignature
    );

    /// @notice Stake was added; a withdrawal that was under way is cancelled by it.
    event StakeDeposited(address indexed id, uint256 amount);

    /// @notice The stake may be withdrawn from `unlockAt` on, unless it is slashed before.
    event WithdrawalRequested(address indexed id, uint64 unlockAt);

    /// @notice The whole stake was paid out.
    event StakeWithdrawn(address indexed id, address indexed to, uint256 amount);

    /// @notice The node has left for good.
    event NodeRevoked(address indexed id);

    /// @notice `account` signed two conflicting votes: the stake is burnt and the node barred for good.
    event NodeSlashed(address indexed id, address indexed account, uint256 amount, bytes32 firstVote, bytes32 secondVote);

    /// @notice A node key of zero bytes.
    error ZeroNodeKey();

    /// @notice The account is, or once was, bound to a node. Hint: use a fresh account.
    error AccountTaken(address account);

    /// @notice The account's signature is by somebody else, or not over these values, this chain and this contract.
    error WrongAccountSignature(address expected, address recovered);

    /// @notice Less than the stake required. Hint: send at least `required` wei.
    error StakeTooLow(uint256 required, uint256 given);

    /// @notice More than the 96 bits a stake is kept in.
    error StakeTooHigh(uint256 given);

    /// @notice Nothing was sent.
    error NothingDeposited();

    /// @notice Only the owner may do this.
    error NotOwner(address owner, address sender);

    /// @notice Only the node's current account may do this (for `revoke` also its owner).
    error NotAccount(address account, address sender);

    /// @notice The node is not active: unknown, revoked or slashed.
    error NotActive(address id, NodeStatus status);

    /// @notice There is no stake to withdraw.
    error NothingStaked(address id);

    /// @notice A withdrawal is already under way.
    error WithdrawalPending(uint64 unlockAt);

    /// @notice No withdrawal was asked for. Hint: `requestWithdrawal` first, then wait.
    error NoWithdrawal(address id);

    /// @notice Too early. Hint: wait until `unlockAt`.
    error StillLocked(uint64 unlockAt, uint256 time);

    /// @notice A receiver that nobody is.
    error ZeroReceiver();

    /// @notice The receiver refused the ether. Hint: name another receiver.
    error TransferFailed(address to);

    /// @notice The delay has to be longer than the dispute window, or the guilty leave before they are reported, and
    /// not longer than `most`. All in seconds.
    error WrongDelay(uint64 disputeWindow, uint64 withdrawalDelay, uint64 most);

    /// @notice There is no code at this address. Hint: deploy the anchor first, then the shards, then the nodes.
    error NotAContract(address given);

    /// @notice The two votes are by different keys, or a signature does not fit its vote.
    error DifferentSigners(address first, address second);

    /// @notice The votes do not contradict each other.
    error NoConflict();

    /// @notice The signer of the votes is no node's account and never was.
    error NotRegistered(address account);

    /// @notice The node was slashed before; an offence is punished once.
    error AlreadySlashed(address id);

    /// @notice Register a node with the sender as its owner, and stake what is sent.
    /// @param nodeKey The node's Ed25519 public key.
    /// @param account The account that will sign for it; becomes the node's id.
    /// @param accountSignature `account`'s EIP-712 signature of `Registration(nodeKey, owner)`, owner being the sender.
    /// @param nodeSignature The node key's signature over `bindingMessage(account, sender)`. Not verified here.
    function register(
        bytes32 nodeKey,
        address account,
        Signature calldata accountSignature,
        Ed25519Signature calldata nodeSignature
    ) external payable;

    /// @notice Replace the account, the node key or both. Sent by the current account. Stake and owner stay.
    /// @param newNodeKey The new (or the same) node key.
    /// @param newAccount The new (or the same) account.
    /// @param accountSignature `newAccount`'s EIP-712 signature of `Rotation(id, nodeKey)`. Not looked at where the
    /// account stays: it is the sender.
    /// @param nodeSignature The new node key's over `bindingMessage(newAccount, owner)`. Not verified here.
    /// @param handoverSignature The old node key's over `handoverMessage(id, newNodeKey, newAccount)`. Not verified here.
    function rotate(
        address id,
        bytes32 newNodeKey,
        address newAccount,
        Signature calldata accountSignature,
        Ed25519Signature calldata nodeSignature,
        Ed25519Signature calldata handoverSignature
    ) external;

    /// @notice Add to the stake. By the owner of an active node. Cancels a withdrawal that is under way.
    function deposit(address id) external payable;

    /// @notice Start the clock for taking out the whole stake. By the owner.
    function requestWithdrawal(address id) external;

    /// @notice Pay out the whole stake after the delay. By the owner, to any receiver.
    function withdraw(address id, address payable to) external;

    /// @notice Leave for good, by the owner or the current account. Starts the clock where there is a stake and none runs.
    function revoke(address id) external;

    /// @notice Slash whoever signed two different votes for one epoch. By anybody; there is no reward.
    function reportEpochVotes(
        EpochVote calldata first,
        Signature calldata firstSignature,
        EpochVote calldata second,
        Signature calldata secondSignature
    ) external;

    /// @notice Slash whoever signed two shard votes for one job and round that differ in root, rows or header, or that
    /// call the shard final and withdrawn. By anybody; there is no reward.
    function reportShardVotes(
        ShardVote calldata first,
        Signature calldata firstSignature,
        ShardVote calldata second,
        Signature calldata secondSignature
    ) external;

    /// @notice The id of the node that `account` signs for or once signed for; zero for none.
    function idOf(address account) external view returns (address);

    /// @notice What is known of the node with this id; all zero for none.
    function nodeOf(address id) external view returns (Node memory);

    /// @notice Whether the node is active, has the minimum at stake, and its stake is not on its way out.
    function isBonded(address id) external view returns (bool);

    /// @notice What the node key signs so that `account` may sign for it: "swarm-node/v1/evm-binding" ‖ 0x00 ‖
    /// chain id (32) ‖ this contract (20) ‖ account (20) ‖ owner (20).
    function bindingMessage(address account, address owner) external view returns (bytes memory);

    /// @notice What the old node key signs to hand over: "swarm-node/v1/evm-handover" ‖ 0x00 ‖ chain id (32) ‖
    /// this contract (20) ‖ id (20) ‖ new node key (32) ‖ new account (20).
    function handoverMessage(address id, bytes32 newNodeKey, address newAccount) external view returns (bytes memory);

    /// @notice Whose epoch votes count as evidence here.
    function anchor() external view returns (IReputationAnchor);

    /// @notice Whose shard votes count as evidence here.
    function shards() external view returns (IShardRegistry);

    /// @notice The least stake with which a node is bonded, wei.
    function minimumStake() external view returns (uint96);

    /// @notice How long after an offence the guilty can still be slashed, whatever they do, seconds.
    function disputeWindow() external view returns (uint64);

    /// @notice How long a stake stays slashable after a withdrawal was asked for, seconds.
    function withdrawalDelay() external view returns (uint64);
}
