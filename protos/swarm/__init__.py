"""Namespace of the swarm's protocol buffers."""
