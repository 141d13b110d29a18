"""Plans for examples without an anchor: their code in an integration test file, with the crate as dependency.

This is how examples are checked that a language model made up around a crate's API. The file holds the example's
context, its code and its own tests; nothing of the crate is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from node.tasks.anchors import Anchored
from node.tasks.callplans import COMPILES
from node.tasks.categories import PLACEHOLDER
from node.tasks.mutation import mutants_in, spread
from node.tasks.snippets import STUB
from node.tasks.syntax import body_of, functions, parse
from node.tasks.testcases import ROW_FILE, names_in, row_file
from node.values.verdict import AddedFile, Expect, Project, Step, TestName, TestTarget

MUTANTS_TRIED = 3
"""Each is a file, hence a build, of its own: fewer than for code inside the crate."""


def free_standing_steps(about: Anchored) -> tuple[Step, ...]:
    """The claim of a free-standing example."""
    rule = _RULES.get(about.form.category.name)
    return rule(about) if rule else ()


def _step(about: Anchored, name: str, code: str, tests: str, expect: Expect) -> Step:
    """Code and tests in one file: the tests' outcome, or that the file compiles when there are none."""
    names = names_in(tests) or (COMPILES,)
    alone = "" if names_in(tests) else f"#[test]\nfn {COMPILES}() {{}}"
    parts = (about.text("code_context"), _as_items(code), tests, alone)
    file = AddedFile(f"tests/{ROW_FILE}.rs", row_file(about.view, "\n\n".join(part for part in parts if part.strip())))
    listed = tuple(sorted(TestName(TestTarget.INTEGRATION.value, ROW_FILE, test) for test in names))
    return Step(name, Project(about.view.kb.pin, (), (file,)), expect, listed)


def _as_items(code: str) -> str:
    """`code` at the top level of a file: statements are put into a function."""
    return f"fn swarm_row() {{\n{code}\n}}" if parse(code.encode()).has_error or _has_statements(code) else code


def _has_statements(code: str) -> bool:
    loose = {"let_declaration", "expression_statement"}
    return any(child.type in loose for child in parse(code.encode()).children)


def stubbed(code: str) -> str:
    """`code` with every function's body replaced by a panic."""
    data = code.encode()
    outermost = -1
    pieces: list[bytes] = []
    at = 0
    for function in functions(parse(data)):
        body = body_of(function)
        if body.start_byte >= outermost:
            pieces += [data[at : body.start_byte], STUB.encode()]
            at = outermost = body.end_byte
    return b"".join([*pieces, data[at:]]).decode()


def _generated(about: Anchored) -> tuple[Step, ...]:
    code, tests = about.text("code"), about.form.example.test
    answer = _step(about, "answer", code, tests, Expect.TESTS_PASS)
    return (answer, _step(about, "stub", stubbed(code), tests, Expect.TESTS_FAIL)) if names_in(tests) else (answer,)


def _tested(about: Anchored) -> tuple[Step, ...]:
    code = about.text("code_to_test")
    tests = "\n\n".join((about.text("test_context"), *about.form.texts("test_cases"))).strip()
    steps = [
        _step(about, "answer", code, tests, Expect.TESTS_PASS),
        _step(about, "stub", stubbed(code), tests, Expect.TESTS_FAIL),
    ]
    for number, changed in enumerate(_mutated(code), start=1):
        steps.append(_step(about, f"mutant-{number}", changed, tests, Expect.TESTS_FAIL))
    return tuple(steps)


def _mutated(code: str) -> list[str]:
    data = code.encode()
    found = tuple(mutant for function in functions(parse(data)) for mutant in mutants_in(function))
    changes = [mutant.change for mutant in spread(found, MUTANTS_TRIED)]
    return [(data[: c.start] + c.text.encode() + data[c.end :]).decode() for c in changes]


def _fixed(about: Anchored) -> tuple[Step, ...]:
    tests = about.form.example.test
    answer = _step(about, "answer", about.text("fixed_code"), tests, Expect.TESTS_PASS)
    return (answer, _step(about, "before", about.text("buggy_code"), tests, Expect.TESTS_FAIL))


def _rewritten(about: Anchored) -> tuple[Step, ...]:
    tests = about.form.example.test
    both = (("answer", "code_after"), ("before", "code_before"))
    return tuple(_step(about, name, about.text(field), tests, Expect.TESTS_PASS) for name, field in both)


def _reviewed(about: Anchored) -> tuple[Step, ...]:
    answer = _step(about, "answer", about.text("code_after"), about.form.example.test, Expect.TESTS_PASS)
    return (answer, _step(about, "before", about.text("code_before"), "", Expect.TESTS_PASS))


def _compiled(code: Callable[[Anchored], str]) -> Callable[[Anchored], tuple[Step, ...]]:
    return lambda about: (_step(about, "answer", code(about), "", Expect.TESTS_PASS),)


def _named(field: str) -> Callable[[Anchored], str]:
    return lambda about: about.text("code").replace(PLACEHOLDER, about.text(field))


def _called(about: Anchored) -> str:
    """The shown part with the call, and every bracket that it opened closed again."""
    code = about.text("code") + about.text("next_api_call")
    waiting: list[str] = []
    for character in code:
        if character in "([{":
            waiting.append({"(": ")", "[": "]", "{": ";}"}[character])
        elif character in ")]}" and waiting:
            waiting.pop()
    closed = code + "".join(reversed(waiting))
    return closed if closed.endswith(";}") else closed + ";"


_RULES: Mapping[str, Callable[[Anchored], tuple[Step, ...]]] = {
    "code_generation": _generated,
    "code_completion": _compiled(lambda about: "".join(map(about.text, ("prefix", "completion", "suffix")))),
    "docstring_generation": _compiled(lambda about: f"{about.text('docstring')}\n{about.text('code')}"),
    "test_generation": _tested,
    "bug_detection": _fixed,
    "code_refactoring": _rewritten,
    "code_optimization": _rewritten,
    "code_review": _reviewed,
    "function_naming": _compiled(_named("function_name")),
    "variable_naming": _compiled(_named("variable_name")),
    "api_usage_prediction": _compiled(_called),
    "code_search": _compiled(lambda about: about.text("code_snippet")),
    "comment_generation": _compiled(lambda about: about.text("commented_code")),
}
