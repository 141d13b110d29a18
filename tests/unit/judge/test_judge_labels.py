"""The built-in labels are what they say: compiled and run, by a compiler."""

import subprocess

import pytest

from node.judge.probe import builtin_functions, builtin_labels

FUNCTIONS = builtin_functions()


def test_every_label_differs_from_the_right_answer_and_both_kinds_are_there():
    labels = builtin_labels()
    assert len(labels) >= 100
    for function in FUNCTIONS:
        assert len({function.code, function.wrong, function.broken, function.clumsy}) == 4
    for criterion in {label.criterion for label in labels}:
        kinds = [label.right for label in labels if label.criterion == criterion]
        assert kinds.count(True) == kinds.count(False) >= 7


def test_no_two_functions_have_the_same_documentation():
    assert len({function.doc for function in FUNCTIONS}) == len(FUNCTIONS)


def module(name: str, code: str, check: str) -> str:
    return f"mod {name} {{\n{code}\n#[test] fn check() {{ {check} }}\n}}\n"


@pytest.mark.cargo
def test_right_and_clumsy_ones_pass_their_check_and_wrong_ones_fail_it(tmp_path):
    text, wrong = "#![allow(dead_code)]\n", set()
    for number, function in enumerate(FUNCTIONS):
        text += module(f"right_{number}", function.code, function.check)
        text += module(f"wrong_{number}", function.wrong, function.check)
        wrong.add(f"wrong_{number}::check")
        if function.clumsy:
            text += module(f"clumsy_{number}", function.clumsy, function.check)
    (tmp_path / "labels.rs").write_text(text)
    build = ["rustc", "--edition=2021", "--test", "labels.rs", "-Awarnings", "-o", "labels"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    ran = subprocess.run([tmp_path / "labels"], capture_output=True, text=True, timeout=60, check=False)
    verdicts = {line.split()[1]: line.endswith("ok") for line in ran.stdout.splitlines() if line.startswith("test ")}
    assert {name for name, passed in verdicts.items() if name != "result:" and not passed} == wrong


@pytest.mark.cargo
@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_every_broken_one_is_refused_by_the_compiler(tmp_path, number):
    (tmp_path / "lib.rs").write_text(FUNCTIONS[number].broken)
    build = ["rustc", "--edition=2021", "--crate-type=lib", "--emit=metadata", "-Awarnings", "lib.rs"]
    assert subprocess.run(build, cwd=tmp_path, capture_output=True, check=False).returncode == 1
