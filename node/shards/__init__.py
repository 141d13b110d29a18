"""Certified Parquet shards: laid out, published, pulled, verified.

    verifier = ShardVerifier(network, founding_snapshots, preset)
    report = await ShardPuller(source, verifier, folder).pull(job)      # nothing unverified gets a name
    verify_dataset(folder, verifier).holds

Start reading in `layout.py` (what a file is) and `verify.py` (what is checked, in which order); `bundle.py` is the
proof that travels with the rows.
"""

from node.shards.bundle import Bundle, EpochHop, epoch_hop, hops_needed, parse_bundle
from node.shards.catalog import DatasetReport, ShardEntry, refresh_catalog, shard_names, verify_dataset
from node.shards.names import ShardName, data_path, parse_shard_name, shard_name
from node.shards.publish import DecidedShard, PublishError, ShardFiles, build_shard, publish_shard
from node.shards.pull import PullLimits, PullProgress, PullReport, ShardPuller
from node.shards.report import Finding, ShardReport, Step, StepError
from node.shards.row import ShardRow
from node.shards.source import FolderSource, ShardListing, ShardSource, UnknownShardError
from node.shards.splits import split_of
from node.shards.verify import ShardVerifier

__all__ = [
    "Bundle",
    "DatasetReport",
    "DecidedShard",
    "EpochHop",
    "Finding",
    "FolderSource",
    "PublishError",
    "PullLimits",
    "PullProgress",
    "PullReport",
    "ShardEntry",
    "ShardFiles",
    "ShardListing",
    "ShardName",
    "ShardPuller",
    "ShardReport",
    "ShardRow",
    "ShardSource",
    "ShardVerifier",
    "Step",
    "StepError",
    "UnknownShardError",
    "build_shard",
    "data_path",
    "epoch_hop",
    "hops_needed",
    "parse_bundle",
    "parse_shard_name",
    "publish_shard",
    "refresh_catalog",
    "shard_name",
    "shard_names",
    "split_of",
    "verify_dataset",
]
