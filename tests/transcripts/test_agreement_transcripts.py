"""The machine answers as its transcripts say. `agreement_transcript` tells how to read and rewrite them."""

import pytest

from tests.transcripts.agreement_transcript import FOLDER, replay

TRANSCRIPTS = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_machine_answers_as_the_transcript_says(path):
    text = path.read_text(encoding="utf-8")
    assert replay(text) == text


def test_a_transcript_with_another_answer_is_noticed():
    text = TRANSCRIPTS[0].read_text(encoding="utf-8")
    assert replay(text.replace("sign prevote", "sign precommit", 1)) != text.replace(
        "sign prevote", "sign precommit", 1
    )


def test_a_line_that_means_nothing_is_an_error():
    with pytest.raises(ValueError, match="not a line of a transcript"):
        replay("members a 10\nme a\nstrat\n")
