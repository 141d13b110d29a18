"""What rustfmt says of rows, asked about many at once and about each by itself."""

import asyncio
from dataclasses import replace

import pytest

from node.checking.packages import Packages
from node.checking.reading import PackageKey
from node.checks import CheckSettings, open_engine
from node.checks.rows import Example, RowOptions
from node.checks.rows.formatting import Formatting, look_at_formatting

pytestmark = [pytest.mark.cargo, pytest.mark.timeout(600)]

FORMATTED = "pub fn one() -> u8 {\n    1\n}"
LOOSE = "pub fn  one() -> u8 { 1 }"
WRONG = '\npub fn two() -> u8 {\n    "two"\n}'
UNCLOSED = "pub fn one( -> u8 {\n    1\n}"
ENDLESS = "pub fn one() -> &'static str {\n    \"one\n}"
"""Ends rustfmt, whatever other files it was asked about."""
SUFFIXED = "pub fn one() -> u8 {\n    1u9\n}"
"""Refused without a code, though it parses."""
NUMBERLESS = "pub fn one() -> u8 {\n    0x\n}"


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """Answers of one call about files by name, and verdicts on rows of one batch."""
    files = {"formatted": FORMATTED, "loose": LOOSE, "unclosed": UNCLOSED, "endless": ENDLESS}
    rows = [FORMATTED, FORMATTED + WRONG, LOOSE + WRONG, UNCLOSED, ENDLESS, NUMBERLESS, SUFFIXED]
    folder = tmp_path_factory.mktemp("formatting")

    async def run():
        engine = await open_engine(CheckSettings(folder / "checks"))
        package = await Packages(folder).prepare(PackageKey("2021"))
        async with engine._workshop(await engine._bench(package, None)) as workshop:
            texts = {name: text.encode() + b"\n" for name, text in files.items()}
            told = await look_at_formatting(workshop, texts, "2021")
        verdicts = await engine.settle_rows(package, [Example(code) for code in rows], RowOptions(mutants=0))
        await engine.close()
        return told, verdicts

    return asyncio.run(run())


def test_a_file_that_cannot_be_read_keeps_nothing_from_the_others(settled):
    told = replace(settled[0], cpu_ms=0.0)
    assert told == Formatting(differing=frozenset({"loose"}), broken=frozenset({"unclosed", "endless"}))


def test_rows_are_told_whether_they_parse_and_are_formatted_though_they_do_not_compile(settled):
    assert [(verdict.compiled, verdict.parsed, verdict.formatted) for verdict in settled[1]] == [
        (True, True, True),
        (False, True, True),
        (False, True, False),
        (False, False, None),
        (False, False, None),
        (False, False, None),
        (False, True, True),
    ]
