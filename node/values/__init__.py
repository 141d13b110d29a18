"""Frozen values that the rooms of the node hand to each other. No room is imported here, and nothing here acts."""
