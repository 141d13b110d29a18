// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {EquivocationEvidence} from "./EquivocationEvidence.sol";
import {Ed25519Signature, INodeRegistry, Node, NodeStatus} from "./interfaces/INodeRegistry.sol";
import {IReputationAnchor} from "./interfaces/IReputationAnchor.sol";
import {IShardRegistry} from "./interfaces/IShardRegistry.sol";
import {Signature, WeightedQuorum} from "./libraries/WeightedQuorum.sol";

/// @title Who is who: node keys, the accounts that sign for them, and what they have at stake
/// @dev See `INodeRegistry` for what it promises. Ether enters by `register` and `deposit`, leaves by `withdraw` and
/// `_slash`, and these change exactly one node's stake by as much.
contract NodeRegistry is EquivocationEvidence, EIP712 {
    /// Laid out so that registering writes two slots: the third stays zero until something happens to the node.
    struct Record {
        bytes32 nodeKey;
        address owner;
        uint96 stake;
        address account; // zero while it is the id itself
        uint64 unlockAt;
        State state;
    }

    enum State {
        Active,
        Revoked,
        Slashed
    }

    bytes32 private constant REGISTRATION_TYPEHASH = keccak256("Registration(bytes32 nodeKey,address owner)");
    bytes32 private constant ROTATION_TYPEHASH = keccak256("Rotation(address id,bytes32 nodeKey)");

    /// Nobody has the key of this address: what is sent there is gone. A beneficiary would have an interest in faults.
    address payable private constant BURN_ADDRESS = payable(0x000000000000000000000000000000000000dEaD);

    /// Longer than anybody should wait for their own; keeps a slip in the units from locking stakes up for ever.
    uint64 private constant WITHDRAWAL_DELAY_MAX = 365 days;

    /// @inheritdoc INodeRegistry
    uint96 public immutable minimumStake;
    /// @inheritdoc INodeRegistry
    uint64 public immutable disputeWindow;
    /// @inheritdoc INodeRegistry
    uint64 public immutable withdrawalDelay;

    mapping(address id => Record) private _records;

    /// Of accounts that came by rotation; an account that registered a node is its id. Never deleted: an account that
    /// was replaced still answers for what it signed.
    mapping(address account => address id) private _idOfRotated;

    /// @param reputationAnchor Whose epoch votes are evidence.
    /// @param shardRegistry Whose shard votes are evidence.
    /// @param stake Least stake of a bonded node, wei; may be zero.
    /// @param window Dispute window, seconds.
    /// @param delay Withdrawal delay, seconds: longer than the window.
    constructor(IReputationAnchor reputationAnchor, IShardRegistry shardRegistry, uint96 stake, uint64 window, uint64 delay)
        EquivocationEvidence(reputationAnchor, shardRegistry)
        EIP712("swarm-node NodeRegistry", "1")
    {
        if (delay <= window || delay > WITHDRAWAL_DELAY_MAX) {
            revert WrongDelay(window, delay, WITHDRAWAL_DELAY_MAX);
        }
        minimumStake = stake;
        disputeWindow = window;
        withdrawalDelay = delay;
    }

    /// @inheritdoc INodeRegistry
    function register(
        bytes32 nodeKey,
        address account,
        Signature calldata accountSignature,
        Ed25519Signature calldata nodeSignature
    ) external payable {
        if (nodeKey == 0) revert ZeroNodeKey();
        if (msg.value < minimumStake) revert StakeTooLow(minimumStake, msg.value);
        if (idOf(account) != address(0)) revert AccountTaken(account);
        bytes32 statement = keccak256(abi.encode(REGISTRATION_TYPEHASH, nodeKey, msg.sender));
        _requireSigned(statement, account, accountSignature);

        Record storage record = _records[account];
        record.nodeKey = nodeKey;
        record.owner = msg.sender;
        record.stake = _toStake(msg.value);
        emit NodeRegistered(account, nodeKey, msg.sender, msg.value, nodeSignature);
    }

    /// @inheritdoc INodeRegistry
    function rotate(
        address id,
        bytes32 newNodeKey,
        address newAccount,
        Signature calldata accountSignature,
        Ed25519Signature calldata nodeSignature,
        Ed25519Signature calldata handoverSignature
    ) external {
        Record storage record = _requireActive(id);
        address account = _accountOf(id, record);
        if (msg.sender != account) revert NotAccount(account, msg.sender);
        if (newNodeKey == 0) revert ZeroNodeKey();
        if (newAccount != account) {
            if (idOf(newAccount) != address(0)) revert AccountTaken(newAccount);
            bytes32 statement = keccak256(abi.encode(ROTATION_TYPEHASH, id, newNodeKey));
            _requireSigned(statement, newAccount, accountSignature);
            _idOfRotated[newAccount] = id;
            record.account = newAccount;
        }
        record.nodeKey = newNodeKey;
        emit NodeRotated(id, newNodeKey, newAccount, nodeSignature, handoverSignature);
    }

    /// @inheritdoc INodeRegistry
    function deposit(address id) external payable {
        Record storage record = _requireActive(id);
        _requireOwner(record);
        if (msg.value == 0) revert NothingDeposited();
        // Else what is added late in the delay could leave almost at once.
        record.unlockAt = 0;
        record.stake = _toStake(record.stake + msg.value);
        emit StakeDeposited(id, msg.value);
    }

    /// @inheritdoc INodeRegistry
    function requestWithdrawal(address id) external {
        Record storage record = _records[id];
        _requireOwner(record);
        if (record.stake == 0) revert NothingStaked(id);
        if (record.unlockAt != 0) revert WithdrawalPending(record.unlockAt);
        _startWithdrawal(id, record);
    }

    /// @inheritdoc INodeRegistry
    function withdraw(address id, address payable to) external {
        Record storage record = _records[id];
        _requireOwner(record);
        uint64 unlockAt = record.unlockAt;
        if (unlockAt == 0) revert NoWithdrawal(id);
        if (block.timestamp < unlockAt) revert StillLocked(unlockAt, block.timestamp);
        if (to == address(0)) revert ZeroReceiver();
        uint256 amount = record.stake;
        // Before the transfer: whoever calls back from it finds nothing left to take.
        record.stake = 0;
        record.unlockAt = 0;
        emit StakeWithdrawn(id, to, amount);
        _send(to, amount);
    }

    /// @inheritdoc INodeRegistry
    function revoke(address id) external {
        Record storage record = _requireActive(id);
        address account = _accountOf(id, record);
        if (msg.sender != record.owner && msg.sender != account) revert NotAccount(account, msg.sender);
        record.state = State.Revoked;
        emit NodeRevoked(id);
        if (record.stake != 0 && record.unlockAt == 0) _startWithdrawal(id, record);
    }

    /// @inheritdoc INodeRegistry
    function nodeOf(address id) external view returns (Node memory) {
        Record storage record = _records[id];
        NodeStatus status = _statusOf(record);
        address account = status == NodeStatus.Unknown ? address(0) : _accountOf(id, record);
        return Node(record.nodeKey, record.owner, record.stake, account, record.unlockAt, status);
    }

    /// @inheritdoc INodeRegistry
    function isBonded(address id) external view returns (bool) {
        Record storage record = _records[id];
        return _statusOf(record) == NodeStatus.Active && record.unlockAt == 0 && record.stake >= minimumStake;
    }

    /// @inheritdoc INodeRegistry
    function bindingMessage(address account, address owner) external view returns (bytes memory) {
        return abi.encodePacked(
            "swarm-node/v1/evm-binding", hex"00", block.chainid, address(this), account, owner
        );
    }

    /// @inheritdoc INodeRegistry
    function handoverMessage(address id, bytes32 newNodeKey, address newAccount) external view returns (bytes memory) {
        return abi.encodePacked(
            "swarm-node/v1/evm-handover", hex"00", block.chainid, address(this), id, newNodeKey, newAccount
        );
    }

    /// @inheritdoc INodeRegistry
    function idOf(address account) public view returns (address) {
        return _records[account].nodeKey != 0 ? account : _idOfRotated[account];
    }

    /// @inheritdoc EquivocationEvidence
    function _slash(address account, bytes32 firstVote, bytes32 secondVote) internal override {
        address id = idOf(account);
        if (id == address(0)) revert NotRegistered(account);
        Record storage record = _records[id];
        if (record.state == State.Slashed) revert AlreadySlashed(id);
        uint256 amount = record.stake;
        record.stake = 0;
        record.unlockAt = 0;
        record.state = State.Slashed;
        emit NodeSlashed(id, account, amount, firstVote, secondVote);
        if (amount != 0) _send(BURN_ADDRESS, amount);
    }

    function _startWithdrawal(address id, Record storage record) private {
        uint64 unlockAt = uint64(block.timestamp) + withdrawalDelay;
        record.unlockAt = unlockAt;
        emit WithdrawalRequested(id, unlockAt);
    }

    function _send(address payable to, uint256 amount) private {
        (bool isSent,) = to.call{value: amount}("");
        if (!isSent) revert TransferFailed(to);
    }

    function _requireSigned(bytes32 statement, address account, Signature calldata signature) private view {
        address recovered = WeightedQuorum.recover(_hashTypedDataV4(statement), signature);
        if (recovered != account || recovered == address(0)) revert WrongAccountSignature(account, recovered);
    }

    function _requireActive(address id) private view returns (Record storage record) {
        record = _records[id];
        NodeStatus status = _statusOf(record);
        if (status != NodeStatus.Active) revert NotActive(id, status);
    }

    /// An unknown node has the zero address for its owner, which nobody can send from.
    function _requireOwner(Record storage record) private view {
        if (msg.sender != record.owner) revert NotOwner(record.owner, msg.sender);
    }

    function _statusOf(Record storage record) private view returns (NodeStatus) {
        if (record.nodeKey == 0) return NodeStatus.Unknown;
        return NodeStatus(uint8(record.state) + 1);
    }

    function _accountOf(address id, Record storage record) private view returns (address) {
        return record.account == address(0) ? id : record.account;
    }

    function _toStake(uint256 amount) private pure returns (uint96) {
        if (amount > type(uint96).max) revert StakeTooHigh(amount);
        return uint96(amount);
    }
}
