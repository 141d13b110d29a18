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
/// @dev The set comes as calldata and is compared with a stored hash: for 31 signers that is 12,000 gas per call, where
/// keeping the set in storage or as code costs more than 150,000 gas whenever it changes, which may be every epoch.
library WeightedQuorum {
    /// @notice One bit of a word per signer.
    uint256 internal constant SIGNERS_MAX = 256;

    /// @notice More entries than the bitmap has bits.
    error TooManySigners(uint256 count);

    /// @notice As many signatures as set bits are needed, and no bit beyond the last signer.
    error WrongSignatureCount(uint256 signers, uint256 bitmap, uint256 signatures);

    /// @notice Not by the signer at this place, or over something else: another vote, contract or chain.
    error WrongSigner(uint256 index, address expected, address recovered);

    /// @notice Strictly more than two thirds are needed: 3 · signed > 2 · total.
    /// Hint: collect more signatures; weight of members without an account can never sign.
    error TooLittleWeight(uint256 signed, uint256 total);

    /// @notice What a contract keeps of a signer set.
    function hashSigners(bytes32[] calldata signers) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(signers));
    }

    /// @notice Revert unless more than two thirds of the set's weight signed `digest`.
    /// @dev The caller has compared the set with its hash. An entry that stood there twice would count twice and be
    /// part of the total twice; order and uniqueness are the business of those who sign the set's hash.
    /// @param digest An EIP-712 digest, so bound to one chain, contract and type.
    function requireQuorum(Quorum calldata quorum, bytes32 digest) internal pure {
        bytes32[] calldata signers = quorum.signers;
        Signature[] calldata signatures = quorum.signatures;
        uint256 bitmap = quorum.bitmap;
        uint256 count = signers.length;
        if (count > SIGNERS_MAX) revert TooManySigners(count);
        uint256 total = 0;
        uint256 signed = 0;
        uint256 used = 0;
        // Nothing here can overflow: at most 256 weights of 96 bits, and counters up to 256.
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                bytes32 entry = signers[i];
                uint256 weight = uint96(uint256(entry));
                total += weight;
                if ((bitmap >> i) & 1 == 0) continue;
                if (used == signatures.length) _wrongCount(quorum);
                _requireSigner(i, address(bytes20(entry)), digest, signatures[used]);
                ++used;
                signed += weight;
            }
        }
        if (used != signatures.length) _wrongCount(quorum);
        // Shifting by 256 gives 0, as it should: a full set leaves no bits beyond it.
        if (bitmap >> count != 0) _wrongCount(quorum);
        if (3 * signed <= 2 * total) revert TooLittleWeight(signed, total);
    }

    function _requireSigner(uint256 index, address expected, bytes32 digest, Signature calldata signature) private pure {
        address recovered = recover(digest, signature);
        // Recovery gives zero for a bad signature, and zero stands in the set for members without an account.
        if (recovered != expected || recovered == address(0)) revert WrongSigner(index, expected, recovered);
    }

    /// @notice Who signed `digest`, or zero for a signature that nobody can have made (OpenZeppelin refuses high s).
    function recover(bytes32 digest, Signature calldata signature) internal pure returns (address recovered) {
        (recovered,,) = ECDSA.tryRecover(digest, signature.r, signature.vs);
    }

    function _wrongCount(Quorum calldata quorum) private pure {
        revert WrongSignatureCount(quorum.signers.length, quorum.bitmap, quorum.signatures.length);
    }
}
