// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A secp256k1 signature in 64 bytes (EIP-2098): `vs` is s with the parity of y in its highest bit.
struct Signature {
    bytes32 r;
    bytes32 vs;
}

/// @notice Who may sign, who did, and the signatures.
/// @param signers The whole set: per entry an account (20 bytes) and its weight (12 bytes). A member of the swarm's
/// committee without an account stands there with the zero account, so that its weight counts in the total.
/// @param bitmap Bit i is set where `signers[i]` signed.
/// @param signatures One per set bit, in the order of the bits.
struct Quorum {
    bytes32[] signers;
    uint256 bitmap;
    Signature[] signatures;
}

/// @title More than two thirds of a weighted signer set
library WeightedQuorum {
    /// @notice More entries than the bitmap has bits.
    error TooManySigners(uint256 count);

    /// @notice As many signatures as set bits are needed, and no bit beyond the last signer.
    error WrongSignatureCount(uint256 expected, uint256 given);

    /// @notice Not by the signer at this place, or over something else: another vote, contract or chain.
    error WrongSigner(uint256 index, address expected, address recovered);

    /// @notice Strictly more than two thirds are needed: 3 · signed > 2 · total.
    error TooLittleWeight(uint256 signed, uint256 total);
}
