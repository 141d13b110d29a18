"""Gossip and direct requests between nodes, over libp2p or in memory, behind one interface.

`interface` is what the rest of the node sees. Three networks implement it: `libp2p_network` between machines, `memory`
for tests and simulation (under `virtual_time` a seed repeats to the last message), and `fallback`, which joins
one of them with another carrier such as gRPC.

Behind `libp2p_network`, in a thread of its own: `libp2p_core` joins `libp2p_transport` (sockets to multiplexed
connections), `libp2p_door` and `libp2p_dialler` (who is let in, who is looked for), `libp2p_links` (who is a peer),
`libp2p_gossip` and `libp2p_requests`. What decides without any I/O stands apart: `peer_book`, `limits`,
`link_messages`, `request_frames`, `addresses`.
"""
