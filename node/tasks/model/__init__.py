"""Examples that a language model has a part in: the crate gives the place, the model words or code, checks a verdict.

- `places`: which items of a crate are asked about, in one order for all nodes, and what is given of each
- `prompts`: what is shown to the model, within the tokens that it can read
- `answers`: the form of an answer, and how one is read
- `examination`: what holds of an answer, found out as a rater would
- `states`: how the request for a candidate can end
- `engine`: the generator: asks, examines, asks once more, proposes
"""
