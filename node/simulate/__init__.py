"""The shipped machines against liars and bad networks, from a seed: `swarm-node simulate`.

Two levels, because a thousand nodes and every byte of the protocol do not fit into minutes together:

- ratings (`worlds`, `attacks`, `ratings`, `figures`): candidates with a planted truth, honest raters and adversaries,
  through the shipped aggregation and reputation. Committees are drawn by the world, everything said arrives, nothing
  is signed. Thousands of nodes, tens of thousands of rounds.
- protocol (`protocol`, `faults`, `clockwork`): whole members, each the shipped pipeline of rounds, agreement and
  reputation, over a network and disks that fail, some of them hostile. Tens of members.
"""
