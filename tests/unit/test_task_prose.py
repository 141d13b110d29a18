from node.tasks.prose import code_spans, first_sentence, mentioned_names, plain, read_markdown, running_text

DOC = """\
Breaks a text, e.g. a [`Paragraph`](crate::Paragraph), into lines. See <https://example.org>.

Reasons to fail:

- too *wide*
- too narrow,

Equivalent to:

```
wrap(text, 72);
```

# Panics

Panics if `width` is zero.

```text
not run
```

[`Paragraph`]: crate::Paragraph
"""


def test_prose_lists_sections_and_code_are_told_apart():
    text = read_markdown(DOC)
    assert text.paragraphs[0] == "Breaks a text, e.g. a `Paragraph`, into lines. See https://example.org."
    assert text.body[2].items == ("too wide", "too narrow,")
    assert [(title, blocks[0].text) for title, blocks in text.sections] == [("Panics", "Panics if `width` is zero.")]
    assert [(block.code, block.is_doctest) for block in text.code] == [("wrap(text, 72);", True), ("not run", False)]


def test_running_text_joins_lists_to_what_leads_to_them_and_drops_what_leads_to_code():
    assert running_text(read_markdown(DOC).body).split("\n\n") == [
        "Breaks a text, e.g. a `Paragraph`, into lines. See https://example.org.",
        "Reasons to fail: too wide; too narrow.",
    ]


def test_the_first_sentence_does_not_end_at_an_abbreviation_a_number_or_inside_code():
    assert (
        first_sentence("Splits, e.g. at 1.5 or `a. B`, and stops. Then more.")
        == "Splits, e.g. at 1.5 or `a. B`, and stops."
    )
    assert first_sentence("Only one") == "Only one"


def test_markup_goes_and_code_stays():
    assert (
        plain("a **bold** and _kept_ `*raw_text*` <b>tag</b> &mdash; end") == "a bold and kept `*raw_text*` tag — end"
    )
    assert plain("snake_case_name and 2 * 3 * 4") == "snake_case_name and 2 * 3 * 4"


def test_names_are_what_code_marks_hold_if_it_is_a_path():
    text = "Calls `Histogram::record()`, `vec!`, not `a + b`, `0..n` or plain words; `record` twice: `record`."
    assert mentioned_names(text) == ("Histogram::record", "vec", "record")


def test_a_code_span_ends_at_the_next_run_of_as_many_backticks():
    def spans(text: str) -> list[str]:
        return [text[span.start : span.end] for span in code_spans(text)]

    assert spans("a `b` ``c`d`` e") == ["`b`", "``c`d``"]
    assert spans("`open and ``never`` closed") == ["``never``"]
    assert spans("`" * 99) == []


def test_hostile_texts_are_read_in_time_that_grows_with_their_length():
    # Any of these took minutes with a pattern that goes back; the whole test set has a time limit.
    for text in ("`" * 16_000, "` `` ``` " * 2_000, "**a" * 5_000, "[a](" * 4_000, "<a " * 5_000, "_a" * 8_000):
        read_markdown(text)
        first_sentence(text)
        mentioned_names(text)
