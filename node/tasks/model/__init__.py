"""Examples that a language model has a part in: the crate gives the place, the model the words or code, checks the verdict.

    places.py    which items of a crate are asked about, in one order for all nodes, and what is given and asked
    prompts.py   what is shown to the model, within the tokens that it can read
    answers.py   the form of an answer, and how one is read
    states.py    how a request can end
    engine.py    the generator: asks, checks, asks once more, proposes
"""
