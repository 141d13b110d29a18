"""The rules every node must compute alike, as pure machines: no clock, no I/O, no chance, no event loop.

`README.md` beside this file states the rules R1, R2, ... that code and tests cite. Start reading with
`types.py` (the nouns), then `round.py` (one round's phases) and `agreement.py` (how a round is decided).
"""
