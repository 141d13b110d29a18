"""A test counts as passed only when everything the harness says agrees."""

import pytest

from node.checks.harness import TestEnd, TestRun, arguments, read_run
from node.checks.sandbox.limits import Ending, Ran

SUMMARY = "test result: {}. {} passed; {} failed; {} ignored; 0 measured; 3 filtered out; finished in 0.00s"


NONCE = "00112233445566778899aabbccddeeff"


def ran(text, *, code=0, ending=Ending.EXITED, truncated=False, out_of_time=False, proven=("a", "a::b"), nonce=NONCE):
    proof = "".join(f"{nonce} {name}\n" for name in proven).encode()
    return Ran(ending, code, text.encode(), b"", truncated, 1.0, 1.0, 100, out_of_time, proof)


def read(said: Ran) -> TestRun:
    return read_run(said, NONCE)


def output(*lines, result="ok", passed=0, failed=0, ignored=0):
    return "\n".join(("", "running 1 test", *lines, "", SUMMARY.format(result, passed, failed, ignored), ""))


def test_lines_summary_and_status_that_agree_are_believed():
    run = read(ran(output("test a::b ... ok", "test c ... ignored, slow", passed=1, ignored=1)))
    assert run.ends == {"a::b": TestEnd.PASSED, "c": TestEnd.IGNORED}
    assert run.finished


def test_a_failure_is_told_with_its_status():
    text = output(
        "test a ... ok", "test b - should panic ... FAILED", "failures:", "b", result="FAILED", passed=1, failed=1
    )
    run = read(ran(text, code=101))
    assert run.ends == {"a": TestEnd.PASSED, "b": TestEnd.FAILED}
    assert run.finished


def test_what_a_test_prints_before_its_result_does_not_hide_it():
    run = read(ran(output("test a ... noise", "more noise ok", passed=1)))
    assert run.ends == {"a": TestEnd.PASSED}


def test_what_a_failed_test_printed_is_no_result_of_another():
    text = output(
        "test a ... FAILED",
        "failures:",
        "---- a stdout ----",
        "test b ... ok",
        SUMMARY.format("ok", 2, 0, 0),
        result="FAILED",
        failed=1,
    )
    run = read(ran(text, code=101))
    assert run.ends == {"a": TestEnd.FAILED}
    assert run.finished


@pytest.mark.parametrize(
    "said",
    [
        ran("running 1 test\n"),
        ran("running 1 test\ntest a ... "),
        ran("running 1 test\ntest a ... ok\n"),
        ran(output("test a ... ok", passed=2)),
        ran(output("test a ... ok", passed=1), code=1),
        ran(output("test a ... ok", passed=1), code=101),
        ran(output("test a ... FAILED", failed=1, result="FAILED")),
        ran(output("test a ... ok", passed=1, failed=1)),
    ],
    ids=["nothing", "half", "no summary", "more counted", "status 1", "status 101", "status 0", "contradiction"],
)
def test_a_process_that_left_without_a_proper_end_proves_nothing(said):
    run = read(said)
    assert not run.finished
    assert TestEnd.PASSED not in run.ends.values()


def test_after_a_crash_the_tests_before_the_last_one_keep_their_results():
    run = read(ran("running 3 tests\ntest a ... ok\ntest b ... FAILED\ntest c ... ", code=6, ending=Ending.SIGNALLED))
    assert run.ends == {"a": TestEnd.PASSED, "b": TestEnd.FAILED, "c": TestEnd.NO_RESULT}
    assert (run.finished, run.crashed) == (False, True)


def test_a_crash_after_a_result_takes_that_result_back():
    run = read(ran("running 1 test\ntest a ... ok\n", code=11, ending=Ending.SIGNALLED))
    assert run.ends == {"a": TestEnd.NO_RESULT}


def test_running_out_of_time_is_no_crash():
    run = read(ran("running 1 test\ntest a ... ", code=27, ending=Ending.SIGNALLED, out_of_time=True))
    assert (run.crashed, run.out_of_time, run.ends) == (False, True, {"a": TestEnd.NO_RESULT})


def test_truncated_output_proves_nothing():
    assert not read(ran(output("test a ... ok", passed=1), truncated=True)).finished


@pytest.mark.parametrize(
    "said",
    [
        ran(output("test a ... ok", passed=1), proven=()),
        ran(output("test a ... ok", passed=1), proven=("b",)),
        ran(output("test a ... ok", passed=1), nonce="ff" * 16),
        ran(output("test a ... ok", passed=1), nonce=""),
        ran(output("test a ... ok", passed=1), proven=("",)),
    ],
    ids=["nothing", "another test", "another nonce", "no nonce", "no name"],
)
def test_a_line_that_the_witness_does_not_bear_out_is_forged(said):
    assert read(said).ends == {"a": TestEnd.UNPROVEN}


@pytest.mark.parametrize(("code", "undefined"), [(4, True), (7, True), (11, True), (6, False), (9, False)])
def test_only_crashes_that_safe_code_cannot_have_are_undefined_behaviour(code, undefined):
    run = read(ran("running 1 test\ntest a ... ", code=code, ending=Ending.SIGNALLED))
    assert (run.crashed, run.undefined) == (True, undefined)


def test_arguments_name_exactly_the_tests_wanted():
    assert arguments(["a", "b"]) == ("a", "b", "--exact", "--test-threads=1", "--color=never")
    assert arguments([]) == ("--test-threads=1", "--color=never")


def test_a_run_that_the_witness_saw_end_needs_no_status_any_more():
    text = output("test a ... ok", passed=1)
    run = read(ran(text, ending=Ending.SIGNALLED, code=6, proven=("a", "!ended", "!noticed")))
    assert run.finished
    assert run.noticed
    assert run.ends == {"a": TestEnd.PASSED}


def test_an_end_of_the_witness_does_not_make_up_for_lines_that_disagree():
    text = output("test a ... ok", passed=2)
    assert not read(ran(text, ending=Ending.SIGNALLED, code=6, proven=("a", "!ended"))).finished
    text = output("test a ... FAILED", result="FAILED", failed=1)
    assert not read(ran(text, code=101, proven=("!ended",))).finished


def test_a_stub_that_was_noticed_is_proven_with_the_nonce():
    text = output("test a ... ok", passed=1)
    assert not read(ran(text, proven=("a", "!ended", "!noticed"), nonce="f" * 32)).noticed
