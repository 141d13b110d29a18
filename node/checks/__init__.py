"""Rust verification: claims about cargo projects, settled by executing them in a sandbox."""
