"""A very small Rust, executed in Python: integer functions and their tests, enough to play the compiler for a crate.

For tests that need thousands of executions, where only what a test notices matters, not how rustc says so. What this
does not know it refuses as if it did not compile.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

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

STEPS_MAX = 3_000


class NoRust(Exception):
    """Does not compile."""


class Panic(Exception):
    """A panic, or time that has run out."""


class _Return(Exception):
    def __init__(self, value: int) -> None:
        self.value = value


BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: int(a / b),
    "%": lambda a, b: a - b * int(a / b),
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "&&": lambda a, b: a and b,
    "||": lambda a, b: a or b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
}


class Machine:
    """Runs functions of a crate by name."""

    def __init__(self, bodies: Mapping[str, tuple[tuple[str, ...], Node]]) -> None:
        self._bodies = bodies
        self._steps = 0

    def call(self, name: str, values: Sequence[int]) -> int:
        if name not in self._bodies:
            raise NoRust(name)
        names, body = self._bodies[name]
        try:
            return self._block(body, dict(zip(names, values, strict=True)))
        except _Return as done:
            return done.value

    def run(self, body: Node) -> None:
        """A test: whatever its assertions say."""
        self._block(body, {})

    def _block(self, node: Node, outer: dict[str, int]) -> int:
        scope = dict(outer)
        value = 0
        for child in node.named_children:
            value = self._statement(child, scope)
        for name in outer:
            outer[name] = scope[name] if name not in self._declared(node) else outer[name]
        return value

    def _declared(self, node: Node) -> set[str]:
        lets = (child for child in node.named_children if child.type == "let_declaration")
        return {text_of(child.child_by_field_name("pattern")) for child in lets}

    def _statement(self, node: Node, scope: dict[str, int]) -> int:
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise Panic("out of time")
        if node.type == "let_declaration":
            scope[text_of(node.child_by_field_name("pattern"))] = self._value(node.child_by_field_name("value"), scope)
            return 0
        if node.type == "expression_statement":
            return self._value(node.children[0], scope)
        return 0 if node.type in {"line_comment", "use_declaration", "empty_statement"} else self._value(node, scope)

    def _value(self, node: Node | None, scope: dict[str, int]) -> int:
        rule = getattr(self, f"_{node.type}", None) if node is not None else None
        if rule is None:
            raise NoRust(node.type if node is not None else "nothing")
        return rule(node, scope)

    def _integer_literal(self, node: Node, scope: dict[str, int]) -> int:
        return int(text_of(node))

    def _boolean_literal(self, node: Node, scope: dict[str, int]) -> int:
        return text_of(node) == "true"

    def _identifier(self, node: Node, scope: dict[str, int]) -> int:
        if text_of(node) not in scope:
            raise NoRust(text_of(node))
        return scope[text_of(node)]

    def _parenthesized_expression(self, node: Node, scope: dict[str, int]) -> int:
        return self._value(node.named_children[0], scope)

    def _unary_expression(self, node: Node, scope: dict[str, int]) -> int:
        value = self._value(node.named_children[0], scope)
        return -value if text_of(node.children[0]) == "-" else not value

    def _binary_expression(self, node: Node, scope: dict[str, int]) -> int:
        sides = [self._value(node.child_by_field_name(side), scope) for side in ("left", "right")]
        operator = text_of(node.child_by_field_name("operator"))
        if operator not in BINARY:
            raise NoRust(operator)
        if operator in {"/", "%"} and not sides[1]:
            raise Panic("division by zero")
        return BINARY[operator](*sides)

    def _assignment_expression(self, node: Node, scope: dict[str, int]) -> int:
        scope[text_of(node.child_by_field_name("left"))] = self._value(node.child_by_field_name("right"), scope)
        return 0

    def _compound_assignment_expr(self, node: Node, scope: dict[str, int]) -> int:
        name = text_of(node.child_by_field_name("left"))
        operator = text_of(node.child_by_field_name("operator")).removesuffix("=")
        scope[name] = BINARY[operator](scope[name], self._value(node.child_by_field_name("right"), scope))
        return 0

    def _if_expression(self, node: Node, scope: dict[str, int]) -> int:
        if self._value(node.child_by_field_name("condition"), scope):
            return self._block(node.child_by_field_name("consequence"), scope)
        other = node.child_by_field_name("alternative")
        if other is None:
            return 0
        inner = other.named_children[0]
        return self._block(inner, scope) if inner.type == "block" else self._value(inner, scope)

    def _for_expression(self, node: Node, scope: dict[str, int]) -> int:
        span = node.child_by_field_name("value")
        operator = next(text_of(child) for child in span.children if child.type in {"..", "..="})
        low, high = (self._value(child, scope) for child in span.named_children)
        name = text_of(node.child_by_field_name("pattern"))
        for number in range(low, high + (operator == "..=")):
            inner = scope | {name: number}
            self._block(node.child_by_field_name("body"), inner)
            scope.update({key: inner[key] for key in scope if key != name})
        return 0

    def _block_expression(self, node: Node, scope: dict[str, int]) -> int:
        return self._block(node, scope)

    def _return_expression(self, node: Node, scope: dict[str, int]) -> int:
        raise _Return(self._value(node.named_children[0], scope))

    def _call_expression(self, node: Node, scope: dict[str, int]) -> int:
        values = [self._value(child, scope) for child in node.child_by_field_name("arguments").named_children]
        return self.call(text_of(node.child_by_field_name("function")), values)

    def _macro_invocation(self, node: Node, scope: dict[str, int]) -> int:
        name, inside = text_of(node.children[0]), text_of(node.children[-1])[1:-1]
        if name != "assert_eq":
            raise Panic(name)
        wrapped = parse(f"fn w() {{ w({inside}); }}".encode())
        call = next(found for found in descend(wrapped) if found.type == "call_expression")
        left, right = call.child_by_field_name("arguments").named_children
        if self._value(left, scope) != self._value(right, scope):
            raise Panic("assertion failed")
        return 0


def bodies_of(code: str) -> dict[str, tuple[tuple[str, ...], Node]]:
    """The functions of a piece of code: parameters and block."""
    return {
        name_of(node): (_parameters(node), node.child_by_field_name("body")) for node in functions(parse(code.encode()))
    }


def _parameters(node: Node) -> tuple[str, ...]:
    listed = node.child_by_field_name("parameters").named_children
    return tuple(text_of(child.child_by_field_name("pattern")) for child in listed)


class SmallRustChecker:
    """Implements `node.tasks.interface.Checker` for a crate of one file of such functions.

    Every test is about the functions it names, and these call no others: so a change of one function can only alter
    what the tests that name it say.
    """

    def __init__(self, view: SourceView) -> None:
        self._view = view
        self._tests = {
            name: bodies_of(view.text(item.code_span))[item.name][1] for name, item in view.test_items.items()
        }
        self._bodies = {item.name: bodies_of(view.text(item.code_span))[item.name] for item in view.functions}
        texts = {name: text_of(body) for name, body in self._tests.items()}
        self._calling = {
            word: tuple(name for name, text in texts.items() if f"{word}(" in text) for word in self._bodies
        }
        self._places = {item.body: item for item in view.functions}
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
        wanted = step.tests or tuple(sorted(self._tests))
        runs = step.expect in {Expect.TESTS_FAIL, Expect.TESTS_PASS}
        failed = tuple(name for name in wanted if runs and not said.get(name, name in self._tests))
        holds = {
            Expect.COMPILES: compiles,
            Expect.DOES_NOT_COMPILE: not compiles,
            Expect.TESTS_PASS: compiles and not failed,
            Expect.TESTS_FAIL: compiles and bool(failed),
        }[step.expect]
        count = len(wanted) if runs and compiles else 0
        outcome = Outcome.HOLDS if holds else Outcome.FAILS
        return StepResult(step.name, outcome, compiles, count, count - len(failed), failed, (), (), outcome.value)

    def _observe(self, project: Project) -> tuple[bool, dict[TestName, bool]]:
        """Whether it compiles, and what each test that could have changed says."""
        if project not in self._known:
            self.runs += 1
            self._known[project] = self._execute(project.edits)
        return self._known[project]

    def _execute(self, edits: Iterable[Edit]) -> tuple[bool, dict[TestName, bool]]:
        changed, added = dict(self._bodies), {}
        names: set[str] = set()
        for edit in edits:
            item = self._places.get(edit.span)
            if item is None:  # a module of tests beside the functions
                module = edit.span.path.removeprefix("src/").removesuffix(".rs")
                made = bodies_of(edit.text)
                names_of = {name: TestName("library", "", f"{module}::swarm_row::{name}") for name in made}
                added |= {names_of[name]: node for name, (_, node) in made.items()}
                continue
            signature = self._view.text(item.code_span).partition("{")[0]
            changed |= bodies_of(signature + edit.text)
            names.add(item.name)
        tests = {name: self._tests[name] for word in names for name in self._calling[word]}
        try:
            return True, {name: self._passes(changed, body) for name, body in (tests | added).items()}
        except (NoRust, KeyError, AttributeError):
            return False, {}

    def _passes(self, bodies: Mapping[str, tuple[tuple[str, ...], Node]], body: Node) -> bool:
        try:
            Machine(bodies).run(body)
        except (Panic, RecursionError):
            return False
        return True


@functools.cache
def compute(code: str, name: str, values: tuple[int, ...]) -> int:
    """What a function of a piece of code gives."""
    return Machine(bodies_of(code)).call(name, values)
