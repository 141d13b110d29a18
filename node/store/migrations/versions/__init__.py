"""One file per schema change, in order. A released one is never edited."""
