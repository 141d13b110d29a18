"""Certified Parquet shards: laid out, published, pulled, verified."""
