"""The demo: a whole swarm of separate processes on one machine, from a signed job to verified rows, with a liar in it.

`show.py` says what happens in which order; `ground.py` makes the folders, `processes.py` starts and ends the nodes,
`tables.py` tells how it went. Nothing here is a stand-in: the nodes are ordinary ones, started by `swarm-node start`.
"""
