// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Inclusion in the trees that `consensus.merkle` builds: RFC 6962, section 2.1, SHA-256
/// @dev Leaves and nodes are hashed behind different bytes, so that no node passes for a leaf: what is proved to be a
/// leaf is one. Which number it has is not proved, for that the count of leaves would have to be known; so a leaf has to
/// say all that it means. SHA-256 and not Keccak, so that one tree serves certificates, shards and this chain; the
/// price is some 250 gas per level.
library MerkleSha256 {
    /// @notice Whether `path` leads from a leaf with this data to `root`.
    /// @param path Siblings, lowest first, levels without a sibling left out.
    /// @param lefts Bit i is set where `path[i]` stands on the left.
    function isIncluded(bytes32 root, bytes memory data, bytes32[] calldata path, uint256 lefts)
        internal
        pure
        returns (bool)
    {
        bytes32 node = sha256(abi.encodePacked(hex"00", data));
        for (uint256 i = 0; i < path.length; ++i) {
            bool isLeft = (lefts >> i) & 1 == 1;
            node = isLeft
                ? sha256(abi.encodePacked(hex"01", path[i], node))
                : sha256(abi.encodePacked(hex"01", node, path[i]));
        }
        return node == root;
    }
}
