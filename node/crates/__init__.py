"""Crates: acquired through cargo, unpacked within bounds, analysed into a content-addressed knowledge base.

Start at `store.py`, which ties the rest together:

    request -> acquire (cargo) -> unpack -> sources -> knowledge          what every node has
                                              sources -> prepare, vendor  what a node that compiles has

`knowledge.py` is the analysis from the top: `manifest` names the targets, `modules` follows them through files,
`reader` takes each file apart (`docs`, `attributes`, `uses`, `bodies`, `idioms`), `surface` finds the public paths.
"""
