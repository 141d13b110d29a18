"""A very small Rust, turned into Python and run: integer functions and their tests, enough to play the compiler.

For tests that need thousands of executions, where only what a test notices matters, not how rustc says so. What this
does not know it refuses as if it did not compile. Loops are over ranges: everything ends.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

from tree_sitter import Node

from node.tasks.syntax import descend, functions, name_of, parse, text_of
from node.tasks.view import SourceView
from node.values.crate import PreparedCrate
from node.values.verdict import (
    Baseline,
    CheckPlan,
    Edit,
    Expect,
    Outcome,
    PlanResult,
    Project,
    Step,
    StepResult,
    TestName,
)


class NoRustError(Exception):
    """Does not compile."""


Function = Callable[..., int]

PLAIN = frozenset(["+", "-", "*", "<", "<=", ">", ">=", "==", "!=", "&", "|"])
WORDS = {"&&": "and", "||": "or"}
CALLED = {"/": "divide", "%": "remainder"}


def divide(left: int, right: int) -> int:
    """Rust's division, which rounds towards zero; panics at zero as Python does."""
    return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)


def remainder(left: int, right: int) -> int:
    return left - right * divide(left, right)


def assert_eq(left: int, right: int) -> None:
    if left != right:
        raise ArithmeticError("assertion failed")


def panic() -> int:
    raise ArithmeticError("panicked")


RUNTIME = {"panic": panic, "divide": divide, "remainder": remainder, "assert_eq": assert_eq}


def translated(code: str) -> dict[str, str]:
    """The functions of a piece of code as Python, by name."""
    found = {}
    for node in functions(parse(code.encode())):
        parameters = [text_of(child).partition(":")[0] for child in _field(node, "parameters").named_children]
        lines = "\n".join(_block(_field(node, "body"), 1, tail=True)) or "    pass"
        found[name_of(node)] = f"def {name_of(node)}({', '.join(parameters)}):\n{lines}\n"
    return found


@functools.lru_cache(4096)
def runnable(python: str) -> object:
    return compile(python, "small rust", "exec")


def _field(node: Node, name: str) -> Node:
    found = node.child_by_field_name(name)
    if found is None:
        raise NoRustError(f"{node.type} without {name}")
    return found


def _block(node: Node, depth: int, *, tail: bool) -> list[str]:
    lines = []
    children = [child for child in node.named_children if child.type not in {"line_comment", "use_declaration"}]
    for child in children:
        lines += _statement(child, depth, tail=tail and child == children[-1])
    return lines or ["    " * depth + "pass"]


def _statement(node: Node, depth: int, *, tail: bool) -> list[str]:
    margin = "    " * depth
    if node.type == "expression_statement":
        return _statement(node.children[0], depth, tail=False)
    if node.type == "let_declaration" and depth == 1:  # an inner one would need a scope of its own
        return [f"{margin}{text_of(_field(node, 'pattern'))} = {_value(_field(node, 'value'))}"]
    if node.type in {"assignment_expression", "compound_assignment_expr"}:
        operator = "=" if node.type == "assignment_expression" else text_of(_field(node, "operator"))
        if operator.removesuffix("=") not in PLAIN | {""}:
            raise NoRustError(operator)
        return [f"{margin}{text_of(_field(node, 'left'))} {operator} {_value(_field(node, 'right'))}"]
    if node.type == "return_expression":
        return [f"{margin}return {_value(node.named_children[0])}"]
    if node.type == "if_expression":
        return _if(node, depth, tail=tail)
    if node.type == "for_expression":
        span = _field(node, "value")
        low, high = map(_value, span.named_children)
        more = " + 1" if any(child.type == "..=" for child in span.children) else ""
        name = text_of(_field(node, "pattern"))
        return [
            f"{margin}for {name} in range({low}, {high}{more}):",
            *_block(_field(node, "body"), depth + 1, tail=False),
        ]
    return [f"{margin}{'return ' if tail else ''}{_value(node)}"]


def _if(node: Node, depth: int, *, tail: bool) -> list[str]:
    margin = "    " * depth
    lines = [f"{margin}if {_value(_field(node, 'condition'))}:"]
    lines += _block(_field(node, "consequence"), depth + 1, tail=tail)
    other = node.child_by_field_name("alternative")
    if other is not None:
        inner = other.named_children[0]
        nested = _block(inner, depth + 1, tail=tail) if inner.type == "block" else _if(inner, depth + 1, tail=tail)
        lines += [f"{margin}else:", *nested]
    return lines


def _value(node: Node) -> str:
    if node.type in {"integer_literal", "identifier"}:
        return text_of(node)
    if node.type == "boolean_literal":
        return text_of(node).capitalize()
    if node.type == "parenthesized_expression":
        return f"({_value(node.named_children[0])})"
    if node.type == "unary_expression":
        return f"({'not' if text_of(node.children[0]) == '!' else '-'} {_value(node.named_children[0])})"
    if node.type == "binary_expression":
        return _binary(text_of(_field(node, "operator")), _value(_field(node, "left")), _value(_field(node, "right")))
    if node.type == "call_expression":
        values = map(_value, _field(node, "arguments").named_children)
        return f"{text_of(_field(node, 'function'))}({', '.join(values)})"
    if node.type == "macro_invocation":
        return _macro(node)
    raise NoRustError(node.type)


def _binary(operator: str, left: str, right: str) -> str:
    if operator in CALLED:
        return f"{CALLED[operator]}({left}, {right})"
    if operator not in PLAIN | WORDS.keys():
        raise NoRustError(operator)
    return f"({left} {WORDS.get(operator, operator)} {right})"


def _macro(node: Node) -> str:
    """`assert_eq!(a, b)` as a call; its arguments are no tree before they are parsed once more."""
    name, inside = text_of(node.children[0]), text_of(node.children[-1])[1:-1]
    if name == "panic":
        return "panic()"
    wrapped = parse(f"fn w() {{ {name}({inside}); }}".encode())
    return _value(next(found for found in descend(wrapped) if found.type == "call_expression"))


class SmallRustChecker:
    """Implements `node.tasks.interface.Checker` for a crate of such functions.

    Every test is about the functions it names, and these call no others: so a change of one function can only alter
    what the tests that name it say.
    """

    def __init__(self, view: SourceView) -> None:
        self._tests = {name: _one(view.text(item.code_span)) for name, item in view.test_items.items()}
        self._crate: dict[str, object] = dict(RUNTIME)
        for item in view.functions:
            exec(runnable(_one(view.text(item.code_span))), self._crate)
        self._calling = {
            item.name: tuple(name for name, text in self._tests.items() if f"{item.name}(" in text)
            for item in view.functions
        }
        self._places = {item.body: item for item in view.functions}
        self._heads = {item.body: view.text(item.code_span).partition("{")[0] for item in view.functions}
        self._known: dict[Project, tuple[bool, dict[TestName, bool]]] = {}
        self.runs = 0

    async def baseline(self, crate: PreparedCrate) -> Baseline:
        return Baseline(True, tuple(sorted(self._tests)), (), "")

    async def run(self, crate: PreparedCrate, plans: Sequence[CheckPlan]) -> tuple[PlanResult, ...]:
        return tuple(self._result(plan) for plan in plans)

    def _result(self, plan: CheckPlan) -> PlanResult:
        steps = tuple(map(self._step, plan.steps))
        good = [step.outcome is Outcome.HOLDS for step in steps]
        mutants = [ok for ok, step in zip(good, steps, strict=True) if step.name.startswith("mutant-")]
        others = [ok for ok, step in zip(good, steps, strict=True) if not step.name.startswith("mutant-")]
        needed = len(mutants) if plan.required < 0 else plan.required
        return PlanResult(steps, all(others) and sum(mutants) >= needed, True, "1.95.0", "none")

    def _step(self, step: Step) -> StepResult:
        compiles, said = self._observe(step.project)
        runs = step.expect in {Expect.TESTS_FAIL, Expect.TESTS_PASS}
        wanted = (step.tests or tuple(self._tests)) if runs and compiles else ()
        failed = tuple(sorted(name for name in wanted if not said.get(name, name in self._tests)))
        holds = {
            Expect.COMPILES: compiles,
            Expect.DOES_NOT_COMPILE: not compiles,
            Expect.TESTS_PASS: compiles and not failed,
            Expect.TESTS_FAIL: compiles and bool(failed),
        }[step.expect]
        outcome = Outcome.HOLDS if holds else Outcome.FAILS
        ran = len(wanted)
        return StepResult(step.name, outcome, compiles, ran, ran - len(failed), failed, (), (), outcome.value)

    def _observe(self, project: Project) -> tuple[bool, dict[TestName, bool]]:
        """Whether it compiles, and what each test that could have changed says."""
        if project not in self._known:
            self.runs += 1
            try:
                self._known[project] = True, self._execute(project.edits)
            except (NoRustError, NameError, SyntaxError):
                self._known[project] = False, {}
        return self._known[project]

    def _execute(self, edits: Iterable[Edit]) -> dict[TestName, bool]:
        changed = dict(self._crate)
        tests: dict[TestName, str] = {}
        for edit in edits:
            item = self._places.get(edit.span)
            if item is None:  # a module of tests beside the functions
                module = edit.span.path.removeprefix("src/").removesuffix(".rs")
                made = translated(edit.text).items()
                tests |= {TestName("library", "", f"{module}::swarm_row::{name}"): text for name, text in made}
            else:
                exec(runnable(_one(self._heads[item.body] + edit.text)), changed)
                tests |= {name: self._tests[name] for name in self._calling[item.name]}
        return {name: self._passes(changed, text) for name, text in tests.items()}

    def _passes(self, crate: Mapping[str, object], test: str) -> bool:
        scope = dict(crate)
        exec(runnable(test), scope)
        try:
            call(scope, test.partition("(")[0].removeprefix("def "), ())
        except (ArithmeticError, RuntimeError):
            return False
        return True


@functools.lru_cache(8192)
def _one(code: str) -> str:
    (python,) = translated(code).values()
    return python


def call(scope: Mapping[str, object], name: str, values: Sequence[int]) -> int:
    """Call a function that was made of `translated`."""
    found = scope[name]
    assert callable(found)
    return found(*values)


@functools.lru_cache(4096)
def compute(code: str, name: str, values: tuple[int, ...]) -> int:
    """What a function of a piece of code gives."""
    scope: dict[str, object] = dict(RUNTIME)
    exec(runnable(_one(code)), scope)
    return call(scope, name, values)
