"""A crate of many small functions, and a model that writes about them in words and code that stand nowhere in it.

The crate's functions come from dice, so that there are enough of them to learn from; the model rewrites what it is
shown (other names, other forms, comments, now and then a mistake), as one that knows the language would.
"""

from __future__ import annotations

import functools
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

from node.engines.interface import TextRequest
from node.tasks.mutation import Mutant, mutants_in
from node.tasks.syntax import functions, parse
from node.tasks.view import SourceView
from node.values.crate import PreparedCrate
from tests.support.knowledge import knowledge_of
from tests.support.small_rust import compute

FUNCTIONS = 160
EACH_MODULE = 5
TESTS_EACH = 5
MANIFEST = """[package]
name = "tallies"
version = "0.4.2"
edition = "2021"
license = "MIT"
description = "Sums and counts for the books of small traders"
"""
NOUNS = [
    "barrel",
    "crate",
    "parcel",
    "voucher",
    "ledger",
    "tariff",
    "pallet",
    "invoice",
    "cargo",
    "deposit",
    "margin",
    "quota",
    "rebate",
    "freight",
    "harvest",
    "orchard",
    "vessel",
    "anchor",
    "lantern",
    "furnace",
    "chisel",
    "timber",
    "mortar",
    "gravel",
    "copper",
    "saddle",
    "bridle",
]
VERBS = [
    "tally",
    "weigh",
    "settle",
    "grade",
    "sort",
    "levy",
    "price",
    "ration",
    "split",
    "stack",
    "bundle",
    "measure",
    "charge",
    "credit",
]
LOCALS = ["total", "sum", "count", "amount", "level", "rest", "load", "score", "mark", "gain"]
OTHER_NAMES = ["acc", "running", "tmp", "result", "current", "value", "part", "left_over", "carried", "base"]
MISTAKES = 0.3
"""Share of the model's code answers that have a mistake of their own."""


@dataclass(frozen=True)
class Written:
    """One function of the crate."""

    name: str
    code: str
    doc: str
    subject: str


def written(number: int) -> Written:
    """A function by dice."""
    dice = random.Random(f"function {number}")
    subject, other = dice.sample(NOUNS, 2)
    verb = dice.choice(VERBS)
    name = f"{verb}_{subject}_{number}"
    first, second = dice.sample(LOCALS, 2)
    one, two, three = dice.randint(2, 9), dice.randint(3, 7), dice.randint(10, 40)
    op, compare = dice.choice("+-"), dice.choice(["<", ">", "<=", ">="])
    code = f"""pub fn {name}(left: i64, right: i64) -> i64 {{
    let {first} = left * {one} {op} right;
    let mut {second} = {two} + right;
    if {first} {compare} {three} {{
        {second} += {first} - {two};
    }}
    for step in 0..{two} {{
        if step % {dice.choice("23")} == 1 {{
            {second} += step * left;
        }} else {{
            {second} -= right;
        }}
    }}
    if {second} > {three + 30} {{
        return {second} - {one};
    }}
    {second} + {first}
}}"""
    doc = f"{verb.capitalize()}s each {subject} of a {other}, {dice.choice(NOUNS)} by {dice.choice(NOUNS)}."
    return Written(name, code, doc, subject)


@functools.cache
def library() -> tuple[Written, ...]:
    return tuple(map(written, range(FUNCTIONS)))


def cases_of(function: Written, dice: random.Random, count: int) -> list[str]:
    """Assertions that hold."""
    pairs = [(dice.randint(0, 12), dice.randint(0, 12)) for _ in range(count)]
    return [
        f"assert_eq!({function.name}({a}, {b}), {compute(function.code, function.name, (a, b))});" for a, b in pairs
    ]


@functools.cache
def sources() -> dict[str, bytes]:
    """The crate's files: modules of a few functions each, with their tests."""
    modules = [library()[start : start + EACH_MODULE] for start in range(0, FUNCTIONS, EACH_MODULE)]
    files = {f"src/book_{number}.rs": _module(found) for number, found in enumerate(modules)}
    root = "".join(f"pub mod book_{number};\n" for number in range(len(modules)))
    return {"Cargo.toml": MANIFEST.encode(), "src/lib.rs": root.encode(), **files}


def _module(some: tuple[Written, ...]) -> bytes:
    parts = [f"/// {found.doc}\n{found.code}\n" for found in some]
    tests = [
        f"    #[test]\n    fn {found.name}_case_{place}() {{\n        {case}\n    }}\n"
        for found in some
        for place, case in enumerate(cases_of(found, random.Random(found.name), TESTS_EACH))
    ]
    opening = "#[cfg(test)]\nmod tests {\n    use super::*;\n\n"
    return ("\n".join(parts) + "\n" + opening + "\n".join(tests) + "}\n").encode()


@functools.cache
def tallies() -> SourceView:
    return SourceView(knowledge_of(sources()), sources())


def tallies_crate() -> PreparedCrate:
    return PreparedCrate(tallies().kb.pin, Path("nowhere"), sources()["Cargo.toml"], b"", None, True, ())


# The model

SYNONYMS = (
    ("each", "every single"),
    (" of a ", " that belongs to some "),
    (" by ", " together with "),
    (".", ", given two amounts."),
)


def restyled(code: str, dice: random.Random, *, heavily: bool = False) -> str:
    """The same program, or what is meant to be the same, in another form."""
    chance = 0.95 if heavily else 0.6
    for name in re.findall(r"let (?:mut )?(\w+)", code):
        if dice.random() < chance:
            code = re.sub(rf"\b{name}\b", f"{dice.choice(OTHER_NAMES)}_{name[:1]}", code)
    if dice.random() < chance:
        code = re.sub(r"(\w+) ([+-])= ([^;]+);", r"\1 = \1 \2 (\3);", code)
    if dice.random() < chance:
        code = re.sub(r"return ([^;]+);", r"return (\1);", code)
    if dice.random() < 0.4:
        code = re.sub(r"\n( +)(if|for) ", lambda found: f"\n{found[1]}// {remark(dice)}\n{found[1]}{found[2]} ", code)
    return code


def remark(dice: random.Random) -> str:
    return dice.choice(["now the usual case", "mind the bound here", "add it up", "one after the other", "the rest"])


def mistaken(code: str, name: str, dice: random.Random) -> str:
    """With a slip of the model's own."""
    found = mutants_of(code, name)
    if not found:
        return code
    data, change = code.encode(), dice.choice(found).change
    return (data[: change.start] + change.text.encode() + data[change.end :]).decode()


def mutants_of(code: str, name: str) -> tuple[Mutant, ...]:
    node = next((node for node in functions(parse(code.encode()))), None)
    return mutants_in(node) if node is not None and name else ()


def reworded(text: str, dice: random.Random) -> str:
    for was, now in SYNONYMS:
        if dice.random() < 0.7:
            text = text.replace(was, now)
    return text


def paraphrase(request: TextRequest) -> str:
    """The model's answer to a request of any category that this file knows, from the request's seed."""
    prompt = request.messages[-1].text
    item = prompt[prompt.index("Task: ") :]
    dice = random.Random(request.sampling.seed)
    name = re.search(r"fn (\w+)", item[item.index("====") :])
    found = next(entry for entry in library() if name is not None and entry.name == name[1])
    return json.dumps(_ANSWERS[request.label](found, item, dice))


def _code(found: Written, dice: random.Random, *, heavily: bool = False) -> str:
    made = restyled(found.code, dice, heavily=heavily)
    return mistaken(made, found.name, dice) if dice.random() < MISTAKES else made


def _completion(found: Written, item: str, dice: random.Random) -> dict[str, object]:
    given = item[item.index("====\n") + 5 : item.rindex("\n====")]
    prefix, _, suffix = given.partition("<GAP>")
    gap = found.code[len(prefix) : len(found.code) - len(suffix)]
    made = restyled(gap, dice)
    if dice.random() < MISTAKES:
        whole = mistaken(prefix + made + suffix, found.name, dice)
        if whole.startswith(prefix) and whole.endswith(suffix):
            made = whole[len(prefix) : len(whole) - len(suffix)]
    return {"completion": made}


def _before(found: Written, item: str, dice: random.Random) -> dict[str, object]:
    made = _code(found, dice, heavily=True)
    line = next(line for line in made.splitlines()[1:] if line not in found.code)
    return {"code_before": made, "rationale": f"`{line.strip()}` is more than it takes; {remark(dice)} is plainer."}


def _planted(field: str, reason: str):
    def answer(found: Written, item: str, dice: random.Random) -> dict[str, object]:
        mutant = dice.choice(mutants_of(found.code, found.name))
        data = found.code.encode()
        buggy = data[: mutant.change.start] + mutant.change.text.encode() + data[mutant.change.end :]
        was = next(line for line in found.code.splitlines() if line not in buggy.decode().splitlines())
        said = f"It should read `{was.strip()}`, or the {found.subject} is wrong: {remark(dice)}."
        return {field: buggy.decode(), reason: said}

    return answer


def _cases(found: Written, item: str, dice: random.Random) -> dict[str, object]:
    some = cases_of(found, dice, dice.randint(2, 4))
    word = dice.choice(["gives", "adds_up", "at_the_edge", "usual"])
    return {
        "test_cases": [
            f"#[test]\nfn {word}_{place}() {{\n    use super::*;\n    {case}\n}}" for place, case in enumerate(some)
        ]
    }


def _described(found: Written, item: str, dice: random.Random) -> dict[str, object]:
    told = reworded(found.doc, dice)
    return {"title": f"Write the {found.subject} function", "description": f"{told} The result is an amount."}


def _text(field: str, form: str = "{}"):
    def answer(found: Written, item: str, dice: random.Random) -> dict[str, object]:
        return {field: form.format(reworded(found.doc, dice))}

    return answer


_ANSWERS = {
    "code_completion": _completion,
    "code_refactoring": _before,
    "code_optimization": _before,
    "bug_detection": _planted("buggy_code", "bug_description"),
    "code_review": _planted("code_before", "review_comment"),
    "test_generation": _cases,
    "code_generation": _described,
    "docstring_generation": _text("docstring", "/// {}"),
    "code_summarization": _text("summary"),
}
