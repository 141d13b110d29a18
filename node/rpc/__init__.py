"""gRPC between nodes and from the command line to a node, both ends proving their node key.

Start at `server.RpcServer` and `client.NodeClient`; `methods` lists what can be called, and who may.
"""

import os

# gRPC prints a line per failed handshake at its default level: any port scanner would fill the log. It reads this once,
# when it is first imported, so it stands before every other import of this room.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
