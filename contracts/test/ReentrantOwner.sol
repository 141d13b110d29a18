// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ed25519Signature, INodeRegistry} from "../src/interfaces/INodeRegistry.sol";
import {Signature} from "../src/libraries/WeightedQuorum.sol";

/// @title An owner that calls back when it is paid
/// @dev Only for tests. Told to, it tries to withdraw again, to deposit, or to refuse the money.
contract ReentrantOwner {
    enum Mode {
        Accept,
        WithdrawAgain,
        Refuse
    }

    INodeRegistry private immutable REGISTRY;
    address private _id;
    Mode private _mode;

    /// @notice How often money came in.
    uint256 public paid;
    /// @notice How many calls from inside the payment were let through.
    uint256 public succeeded;

    constructor(INodeRegistry registry) {
        REGISTRY = registry;
    }

    receive() external payable {
        if (_mode == Mode.Refuse) revert("refused");
        ++paid;
        if (_mode == Mode.WithdrawAgain) {
            try REGISTRY.withdraw(_id, payable(address(this))) {
                ++succeeded;
            } catch {}
            try REGISTRY.requestWithdrawal(_id) {
                ++succeeded;
            } catch {}
        }
    }

    function setMode(Mode mode) external {
        _mode = mode;
    }

    function register(bytes32 nodeKey, address account, Signature calldata accountSignature) external payable {
        _id = account;
        REGISTRY.register{value: msg.value}(nodeKey, account, accountSignature, Ed25519Signature(0, 0));
    }

    function requestWithdrawal() external {
        REGISTRY.requestWithdrawal(_id);
    }

    function withdraw() external {
        REGISTRY.withdraw(_id, payable(address(this)));
    }
}
