"""Acts on what the pipeline wishes: sends, stores, fetches, generates, rates, keeps time.

`member.py` turns facts into pipeline inputs and effects into deeds, one at a time; `courier.py` moves signed messages,
`contents.py` candidates' contents, `sync.py` what was missed; `workshop.py` does the work that takes long.
"""
