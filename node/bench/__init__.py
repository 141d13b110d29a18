"""Measurements that anybody can repeat: `swarm-node bench`."""
