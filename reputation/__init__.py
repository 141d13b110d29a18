"""From certified outcomes to standing, weights and a hash-linked ledger. Pure, like `consensus`."""
