"""What a row's README says, and what `tests.acceptance.rebuild` takes for its refutation."""

from node.tasks.export import commands_for
from node.values.verdict import Expect, TestName, TestTarget
from tests.acceptance.rebuild import Ran, Told, parse_readme, refutation

UNIT = TestName(TestTarget.LIBRARY.value, "", "tests::one")
FIRST, SECOND = (TestName(TestTarget.INTEGRATION.value, "api", name) for name in ("first", "second"))


def told(expect, *tests, folder="answer"):
    """What a reader of the README is told."""
    commands = commands_for(folder, expect, tests)
    return parse_readme("".join(f"    {command.line}\n\n{command.shows}.\n\n" for command in commands))


def ran(command: Told, code=0, passed=0, failed=0, *, crashed=False):
    return Ran(command, code, passed, failed, crashed)


def test_a_readme_is_read_as_it_was_written():
    one, two = told(Expect.TESTS_PASS, FIRST, SECOND, UNIT)
    assert one.line == "cargo test --test api --manifest-path answer/Cargo.toml -- --exact first second"
    assert (one.runs, two.runs) == (2, 1)
    assert {one.shows, two.shows} == {"every test passes"}
    assert told(Expect.COMPILES)[0].shows == "it compiles"
    assert told(Expect.TESTS_PASS)[0].runs is None


def test_tests_that_pass_refute_nothing_and_a_missing_or_failing_one_does():
    (command,) = told(Expect.TESTS_PASS, FIRST, SECOND)
    assert not refutation([ran(command, 0, passed=2)])
    assert "1 tests ran where there should be 2" in refutation([ran(command, 0, passed=1)])
    assert refutation([ran(command, 101, passed=1, failed=1)])
    assert refutation([ran(command, 101, crashed=True)])


def test_what_does_not_build_refutes_every_claim():
    for expect in (Expect.COMPILES, Expect.TESTS_PASS, Expect.TESTS_FAIL):
        assert refutation([ran(command, 101) for command in told(expect, FIRST)])


def test_of_several_targets_one_with_a_failing_test_is_enough_for_a_bug():
    api, unit = told(Expect.TESTS_FAIL, FIRST, SECOND, UNIT, folder="before")
    assert not refutation([ran(api, 0, passed=2), ran(unit, 101, failed=1)])
    assert "no test fails where one should" in refutation([ran(api, 0, passed=2), ran(unit, 0, passed=1)])
    assert refutation([ran(api, 101), ran(unit, 101, failed=1)]), "one of them did not even build"


def test_a_bug_that_takes_the_run_down_is_a_failure():
    (command,) = told(Expect.TESTS_FAIL, FIRST, SECOND)
    assert not refutation([ran(command, 101, crashed=True)])


def test_words_that_nobody_understands_are_refused():
    assert parse_readme("    cargo test\n") == ()
    assert "not understood" in refutation([ran(Told("cargo test", "all is well", None))])
