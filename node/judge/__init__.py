"""A language model's opinion of candidates: a number that means something, or one that says that it does not yet.

- `scale`: from the probabilities of score tokens to an expected score
- `wording`: what a judge is shown
- `judge`: asks, four criteria per candidate, pairs in both orders
- `isotonic`: monotone curves from scores to probabilities; how good a score is at telling right from wrong
- `calibration`: curves per model, prompt and criterion, fitted on labels that execution gave, kept in a file
- `ranking`: from comparisons of pairs to an order among near-equals
- `probe`: a small built-in set of labels, by which an operator sees whether an engine can judge at all

Executed checks outrank everything in here (`node.rating.rate`): a candidate that fails them is not even shown.
"""
