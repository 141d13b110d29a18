"""Guards against examples that only look verified: empty tests, copies, duplicates, overlap with what is held out.

Nothing here executes anything, and nothing found is a verdict on a crate's code: `vacuity` reads tests (what their
`bodies` assert, under which `conditions`, and whether the code has `influence` on it), `mutants` makes the programs on
which good tests must fail, `copied` and `likeness` compare texts. All of it is pure and the same on every node.
"""
