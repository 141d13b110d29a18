"""Guards against examples that only look verified: empty tests, copies, duplicates, overlap with what is held out.

Nothing here executes anything, and nothing found is a verdict on a crate's code: `vacuity` reads tests (what their
`bodies` assert, under which `conditions`, whether their outcomes stand in the text or are tautologies, and whether the
code has `influence` on them), `reach` says what of them only a run can tell, `mutants` makes the programs on which good
tests must fail, `copied` and `likeness` compare texts. All of it is pure and the same on every node.
"""
