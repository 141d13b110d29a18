import pytest

from node.tasks.costs import cost_of
from node.tasks.mutation import mutants, mutants_in, spread
from node.tasks.pessimisations import PESSIMISATIONS
from node.tasks.refactorings import REFACTORINGS
from node.tasks.rewriting import Place, Rule
from node.tasks.syntax import body_of, descend, functions, parse, tokens
from tests.support.wordwise import item_named, wordwise

RULES = {rule.name: rule for rule in (*REFACTORINGS, *PESSIMISATIONS)}


def function(code: str):
    return next(functions(parse(code.encode())))


def made(code: str) -> set[tuple[str, str]]:
    return {(mutant.was, mutant.now) for mutant in mutants_in(function(code))}


def applied(rule: Rule, code: str) -> str | None:
    """`code` with the first rewrite that a rule finds."""
    data = code.encode()
    node = function(code)
    for found in descend(body_of(node)):
        changes = rule.find(Place(found, node, data))
        if changes:
            for change in sorted(changes, reverse=True):
                data = data[: change.start] + change.text.encode() + data[change.end :]
            return data.decode()
    return None


def test_boundaries_logic_and_calls_are_mutated():
    found = made("fn f(a: u8, b: u8) -> bool { a < b && a.min(b) == 1 || !g(a) }")
    assert ("a < b", "a <= b") in found
    assert ("a.min(b)", "a.max(b)") in found
    assert ("!g(a)", "g(a)") in found
    assert any("||" in now and "&&" not in now for _, now in found)


def test_a_guard_is_removed_with_its_line():
    code = "fn f(a: u8) -> u8 {\n    if a == 0 {\n        return 1;\n    }\n    a\n}"
    (guard,) = [mutant for mutant in mutants_in(function(code)) if mutant.kind == "guard"]
    assert code[: guard.change.start] + code[guard.change.end :] == "fn f(a: u8) -> u8 {\n    a\n}"
    assert guard.consequence == "goes on where `a == 0` has to end in `return 1`"


@pytest.mark.parametrize(
    "code",
    [
        "fn f(a: u8) -> u8 { match a { 1 | 2 => g(), (3) => h(), _ => i() } }",  # patterns
        "fn f(a: (u8, u8)) -> u8 { a.0 }",  # a field's place
        "fn f() -> [u8; 4] { unsafe { g(1 + 2) } }",  # unsafe code
        "fn f() { #[allow(x = 1)] g::<{ 1 + 1 }>() }",  # types and attributes
        "fn f() -> u8 { const A: u8 = 1 + 1; A }",
    ],
)
def test_what_is_no_ordinary_code_is_left_alone(code):
    assert made(code) == set()


def test_what_shares_its_line_is_removed_alone():
    code = "fn f(a: u8) -> u8 { g(); if a == 0 { return 1; } a }"
    (guard,) = [mutant for mutant in mutants_in(function(code)) if mutant.kind == "guard"]
    assert code[: guard.change.start] + code[guard.change.end :] == "fn f(a: u8) -> u8 { g();  a }"


def test_raters_spread_over_the_whole_body():
    found = mutants(wordwise(), item_named("parse_roman"))
    few = spread(found, 5)
    assert len(few) == 5
    assert few[0] == found[0]
    assert few[-1] in found[-len(found) // 5 :]
    assert spread(found[:3], 5) == found[:3]


REWRITES = {
    "is_empty": ("fn f(a: &str) -> bool { if !a.is_empty() { g() } h() }", "if a.len() > 0 { g() }"),
    "assign_operator": ("fn f() { a.b += c - d; }", "a.b = a.b + (c - d);"),
    "if_let": ("fn f() {\n    if let Some(a) = b {\n        g(a);\n    }\n}", "match b {\n        Some(a) => {\n"),
    "question_mark": ("fn f() -> Option<u8> {\n    let a = g()?;\n    a\n}", "None => return None,"),
    "early_return": (
        "fn f(a: u8) -> u8 {\n    if a == 0 {\n        return 1;\n    }\n    let b = g(a);\n    b + 1\n}",
        "} else {\n        let b = g(a);\n        b + 1\n    }",
    ),
    "any_all": (
        "fn f(a: &[u8]) -> bool {\n    a.iter().all(|b| *b > 1)\n}",
        "for b in a.iter() {\n        if !(*b > 1) {\n            return false;",
    ),
    "for_loop": ("fn f() {\n    for a in b {\n        g(a);\n    }\n}", "while let Some(a) = iter.next() {"),
    "while_let": ("fn f() {\n    while let Some(a) = b.pop() {\n        g(a);\n    }\n}", "_ => break,"),
    "let_else": ("fn f() {\n    let Some(a) = b else {\n        return;\n    };\n}", "Some(a) => a,"),
    "matches": ("fn f() -> bool {\n    matches!(a, Some(1) | None)\n}", "Some(1) | None => true,"),
    "range_contains": ("fn f() -> bool {\n    (1..=9).contains(&a)\n}", "a >= 1 && a <= 9"),
    "method_chain": ("fn f() { a.iter().find(|b| **b > 1); }", ".filter(|b| **b > 1).next()"),
    "unwrap_or": ("fn f() -> u8 {\n    a.unwrap_or(0)\n}", "Some(value) => value,"),
    "state_test": ("fn f() { if a.is_none() { g() } }", "if let None = a"),
    "collapsed_if": ("fn f() {\n    if a && b {\n        g();\n    }\n}", "if a {\n        if b {"),
    "else_if": (
        "fn f() {\n    if a {\n        g();\n    } else if b {\n        h();\n    }\n}",
        "else {\n        if b {",
    ),
    "shorthand": ("fn f() -> A { A { b, c: 1 } }", "A { b: b, c: 1 }"),
    "bool_tail": ("fn f() -> bool {\n    a == b\n}", "if a == b {\n        true"),
    "let_and_return": ("fn f() -> u8 {\n    g(1)\n}", "let result = g(1);\n    result"),
    "final_return": ("fn f() -> u8 {\n    g(1)\n}", "return g(1);"),
    "full_count": (
        "fn f() -> bool { a.iter().any(|b| *b > 1) }",
        ".filter(|found| *found).count() > 0",
    ),
    "collected": ("fn f() -> u8 { a.iter().map(g).sum() }", ".collect::<Vec<_>>().into_iter().sum()"),
    "found_by_collecting": ("fn f() { a.iter().find(g); }", ".filter(g).collect::<Vec<_>>().into_iter().next()"),
    "owned_argument": ("fn f(a: &str) -> usize { a.chars().count() }", "a.to_string().chars()"),
    "copied_slice": ("fn f(a: &str) { let b = &a[1..]; }", "let b = &a[1..].to_owned();"),
    "no_capacity": ("fn f() { let a = Vec::<u8>::with_capacity(9); }", "Vec::<u8>::new()"),
    "eager": ("fn f() { a.unwrap_or_else(|| g()); }", "a.unwrap_or(g())"),
    "formatted_write": ('fn f() { write!(a, "{}", b); }', 'a.write_str(&format!("{}", b))'),
    "pushed_string": ("fn f() { a.push(b); }", "a.push_str(&b.to_string())"),
    "owned_cow": ("fn f() { Cow::Borrowed(a) }", "Cow::Owned(a.to_owned())"),
    "case_compared": (
        "fn f() -> bool { a.eq_ignore_ascii_case(&b) }",
        "== b.to_ascii_lowercase()",
    ),
    "stable_sort": ("fn f() { a.sort_unstable_by_key(g); }", "a.sort_by_key(g)"),
    "cloned_result": ("fn f() -> Vec<u8> { let a = Vec::new(); a }", "a.clone()"),
    "repeated": (
        "fn f(a: &str) {\n    let n = a.chars().count();\n    for b in c {\n        g(n);\n    }\n}",
        "{\n    for b in c {\n        g(a.chars().count());",
    ),
}


def test_every_rule_is_shown_below():
    assert set(REWRITES) == set(RULES)


@pytest.mark.parametrize("name", sorted(REWRITES))
def test_a_rule_writes_the_worse_form(name):
    code, worse = REWRITES[name]
    found = applied(RULES[name], code)
    assert found is not None
    assert worse in found
    assert not parse(found.encode()).has_error
    assert tokens(found) != tokens(code)


@pytest.mark.parametrize("rule", PESSIMISATIONS, ids=lambda rule: rule.name)
def test_what_a_pessimisation_adds_is_counted(rule):
    code, _ = REWRITES[rule.name]
    worse = applied(rule, code)
    assert worse is not None
    assert cost_of(code).cheaper_than(cost_of(worse))
    assert not cost_of(worse).cheaper_than(cost_of(code))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("question_mark", "fn f() -> Option<u8> { let a = |b| { let c = g(b)?; Some(c) }; a(1) }"),  # leaves a closure
        ("collected", "fn f() { std::iter::repeat(1).map(g).sum() }"),  # never ends
        ("repeated", "fn f(a: &mut String) { let n = a.chars().count(); for b in c { g(n); } }"),  # may change
        ("repeated", "fn f() { let mut a = b; let n = a.chars().count(); for b in c { g(n, a.pop()); } }"),
        ("cloned_result", "fn f(a: Vec<u8>) -> Vec<u8> { a }"),  # nothing is known of a
        ("early_return", "fn f() -> u8 {\n    if a {\n        return 1;\n    }\n    2\n}"),  # nothing to move
        ("if_let", "fn f() {\n    if a {\n    } else if let Some(b) = c {\n        g(b);\n    }\n}"),
    ],
)
def test_a_rule_keeps_off_where_it_would_change_what_is_done(name, code):
    assert applied(RULES[name], code) is None


def test_a_place_in_a_loop_costs_more():
    once, often = cost_of("fn f() { a.clone(); }"), cost_of("fn f() { for b in c { a.clone(); } }")
    assert once.allocations == 1
    assert often.allocations == 8
    assert cost_of("fn f() { for b in c.clone() { } }").allocations == 1
