"""What crosses the wire, with its generated code. Only `node.wire` and `node.rpc` look in here."""
