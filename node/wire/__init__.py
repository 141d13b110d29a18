"""Protobuf to frozen types and back; envelopes are signed and verified here and nowhere else."""
