"""Conditions that hold whatever their parts are: `x || true`, `x < y || x >= y`, `v.len() >= 0`. Pure.

They are told by their text, as somebody would write them. What a method of the standard library gives is known by its
name only where the code has no method of that name, and what an operator gives only where the code has none of its own:
`p < p + 1` says much of a type that stops at a hundred.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from tree_sitter import Node

from node.checks.guards.conditions import literally
from node.checks.guards.reading import leaves, text_of

Words = tuple[str, ...]
_PARTS_MAX = 8
"""Of a chain of `||` or `&&` that are looked at; longer ones count for the test."""
_DEPTH_MAX = 8
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_RELATIONS = {"<": "<", ">": ">", "==": "=", "<=": "<=", ">=": ">=", "!=": "<>"}
"""Which of less, greater and equal make a comparison true."""
_COUNTS = frozenset({"len", "count", "capacity", "as_nanos", "as_micros", "as_millis", "as_secs", "unsigned_abs"})
"""Methods of the standard library that give numbers without a sign."""
_UNSIGNED = re.compile(r"u(?:8|16|32|64|128|size)")
_ORDERING = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "cmp", "partial_cmp"})
OPERATORS = _ORDERING | {"add", "sub", "mul", "rem", "bitxor", "bitand"}
"""Methods behind the operators that are read here."""
_PRIMITIVE = r"(?:[iu](?:8|16|32|64|128|size)|char)"
_BOUNDED = re.compile(_PRIMITIVE)
"""Types that have nothing beyond their bounds. Infinity is beyond `f64::MAX`, and `Percent::MAX` the code's to keep."""
_OPPOSITES = {"is_ok": "is_err", "is_some": "is_none"}
_WHOLE = re.compile(
    r"Some\((?:_|\.\.)\)\|None|None\|Some\((?:_|\.\.)\)"
    r"|Ok\((?:_|\.\.)\)\|Err\((?:_|\.\.)\)|Err\((?:_|\.\.)\)\|Ok\((?:_|\.\.)\)"
    rf"|true\|false|false\|true|({_PRIMITIVE})::MIN\.\.=\1::MAX"
)
"""Patterns that leave nothing out, as one would write them."""
_MADE = {"Some": "is_some", "Ok": "is_ok", "Err": "is_err"}


def holds_always(condition: Node, own: frozenset[str] | None, stands_for: Callable[[str], Words]) -> bool:
    """Whether an expression is true whatever its parts are.

    Args:
        condition: The expression.
        own: Methods of the code's own; None where nothing is known of it.
        stands_for: What a name is bound to for good; the name itself where it is not.
    """
    return _Reader(own, stands_for).holds(condition, 0)


class _Reader:
    def __init__(self, own: frozenset[str] | None, stands_for: Callable[[str], Words]) -> None:
        self._own = own
        self._stands_for = stands_for

    def holds(self, node: Node, depth: int) -> bool:
        node = _bare(node)
        words = _words(node)
        if literally(list(words)) or _matches_all(words):
            return True
        if depth > _DEPTH_MAX:
            return False
        if node.type == "binary_expression":
            return self._binary_holds(node, depth)
        if node.type == "unary_expression" and words[0] == "!":
            return self._never_holds(node.named_children[0])
        if node.type in _CHOICES:
            results = list(_results(node))
            return bool(results) and all(self.holds(result, depth + 1) for result in results)
        return node.type == "call_expression" and self._own is not None and self._call_holds(words)

    def _binary_holds(self, node: Node, depth: int) -> bool:
        sign = text_of(node.child_by_field_name("operator"))
        if sign in {"||", "|"}:
            # Not recursive: a chain of a thousand is read from its end, and a last part is where such a trick stands.
            parts = list(_chain(node, sign))
            return any(literally(list(_words(part))) for part in parts) or self._leaves_nothing_out(parts)
        if sign == "&&":
            parts = list(_chain(node, sign))
            return len(parts) <= _PARTS_MAX and all(self.holds(part, depth + 1) for part in parts)
        if sign in {"^", "!="} and self._differ(*map(_bare, (node.named_children[0], node.named_children[-1]))):
            return True
        sides = _sides(node)
        return sides is not None and (self._is_bound(*sides) or self._is_bound(*_turned(*sides)))

    def _differ(self, left: Node, right: Node) -> bool:
        """`x.is_ok()` and `x.is_err()`, `x` and `!x`."""
        one, other = _words(left), _words(right)
        if self._has_own(_ORDERING) or not one or not other:
            return False
        return other in {self._opposite(one), ("!", *one)} or one in {self._opposite(other), ("!", *other)}

    def _is_bound(self, left: Words, sign: str, right: Words) -> bool:
        """`x >= i32::MIN`, `v.len() >= 0`, `x < x + 1`, `x - x < 0.1`."""
        if self._has_own(_ORDERING):
            return False
        if (sign, right[-2:]) in {(">=", ("::", "MIN")), ("<=", ("::", "MAX"))}:
            return len(right) > 2 and _BOUNDED.fullmatch(right[-3]) is not None
        if self._own is None:
            return False
        if sign == ">=" and right == ("0",):
            return self._is_unsigned(left)
        if sign in {"<", "<=", "!="} and right[-2:-1] == ("+",) and right[:-2] == left:
            return right[-1].isdecimal() and right[-1] != "0" and not self._has_own({"add"})
        if sign == "==" and right != ("0",):
            return False  # Of numbers with a point, some are not even equal to themselves.
        return sign in {"<", "<=", "=="} and _is_nothing(left) and not self._has_own(_CALCULATING)

    def _has_own(self, methods: AbstractSet[str]) -> bool:
        return not methods.isdisjoint(self._own or ())

    def _is_unsigned(self, words: Words) -> bool:
        if len(words) == 1:
            words = self._stands_for(words[0])
        if words[-2:-1] == ("as",):
            return _UNSIGNED.fullmatch(words[-1]) is not None
        return words[-2:] == ("(", ")") and words[-3] in _COUNTS and words[-3] not in (self._own or ())

    def _leaves_nothing_out(self, parts: list[Node]) -> bool:
        """Whether one of several holds in any case: `x == y` or `x != y`, `x.is_ok()` or `x.is_err()`, `x` or `!x`."""
        if not 1 < len(parts) <= _PARTS_MAX:
            return False
        told = [_words(_bare(part)) for part in parts]
        if any(("!", *words) in told or (words and self._opposite(words) in told) for words in told):
            return True
        if len(told) == 2 and all(words[:3] == ("matches", "!", "(") for words in told):
            (first, one), (second, other) = map(_split_match, told)
            return first == second and _WHOLE.fullmatch(f"{one}|{other}") is not None
        if self._has_own(_ORDERING):
            return False
        relations: dict[tuple[Words, Words], str] = {}
        for left, sign, right in filter(None, map(_sides, map(_bare, parts))):
            turned = (right, left) in relations
            key = (right, left) if turned else (left, right)
            relations[key] = relations.get(key, "") + _RELATIONS[_MIRRORED[sign] if turned else sign]
        return any(self._is_whole(*sides, found) for sides, found in relations.items())

    def _is_whole(self, left: Words, right: Words, found: str) -> bool:
        unsigned = self._own is not None and right == ("0",) and self._is_unsigned(left)
        return {">", "="} | (set() if unsigned else {"<"}) <= set(found)

    def _never_holds(self, node: Node) -> bool:
        node = _bare(node)
        sides = _sides(node)
        if self._has_own(_ORDERING):
            return False
        if sides is not None and sides[1] == "!=" and sides[0] == sides[2]:
            return True
        if node.type != "binary_expression" or text_of(node.child_by_field_name("operator")) != "&&":
            return False
        told = [_sides(_bare(part)) for part in _chain(node, "&&")]
        return len(told) == 2 and None not in told and _contradict(told[0], told[1])

    def _opposite(self, words: Words) -> Words:
        """`x.is_err()` of `x.is_ok()`; empty for others."""
        other = _OPPOSITES.get(words[-3], "") if words[-2:] == ("(", ")") else ""
        return (*words[:-3], other, "(", ")") if other and not self._has_own({other, words[-3]}) else ()

    def _call_holds(self, words: Words) -> bool:
        """`Some(x).is_some()`, `s.contains("")`, `v.iter().all(|_| true)`."""
        own = self._own or frozenset()
        if words[-4:-3] == (".",) and words[-2:] == ("(", ")") and _MADE.get(words[0]) == words[-3]:
            return words[1:2] == ("(",) and _closes(words, 1) == len(words) - 5
        name = words[-4] if len(words) > _CALLED and words[-3] == "(" and words[-5] == "." else ""
        if name in {"contains", "starts_with", "ends_with"} - own and words[-2] == '""':
            return True
        if self._compares_itself(words):
            return True
        return "all" not in own and words[-8:-5] == (".", "all", "(") and words[-5:] == ("|", "_", "|", "true", ")")

    def _compares_itself(self, words: Words) -> bool:
        """`x.eq(&x)`."""
        middle = (len(words) - _BETWEEN) // 2
        one, sign, other = words[:middle], words[middle:-1][:4], words[middle + 4 : -1]
        return one == other != () and sign in _BY_METHOD and words[-1] == ")" and not self._has_own(_ORDERING)


_BY_METHOD = frozenset((".", method, "(", "&") for method in ("eq", "le", "ge"))
_BETWEEN = 5
_CALLED = 5
_CHOICES = frozenset({"block", "match_expression", "if_expression"})


def _closes(words: Words, opening: int) -> int:
    depth = 0
    for place in range(opening, len(words)):
        depth += (words[place] == "(") - (words[place] == ")")
        if depth == 0:
            return place
    return -1


def _results(node: Node) -> Iterator[Node]:
    """What an expression that ends in one of several can give; nothing where that is not plain."""
    if node.type == "block":
        last = node.named_children[-1] if node.named_children else None
        if last is not None and last.type == "expression_statement" and not text_of(last).endswith(";"):
            last = last.children[0]
        if last is not None and not last.type.endswith(("_statement", "_declaration", "_item", "comment")):
            yield last
    elif node.type == "match_expression":
        body = node.child_by_field_name("body")
        for arm in body.named_children if body is not None else ():
            value = arm.child_by_field_name("value")
            yield value if value is not None else node
    else:
        first, second = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
        if first is not None and second is not None:
            yield from (first, second.named_children[0])


def _chain(node: Node, sign: str) -> Iterator[Node]:
    """The parts of `a || b || c`, from its end, one more than are looked at."""
    for _ in range(_PARTS_MAX):
        if node.type != "binary_expression" or text_of(node.child_by_field_name("operator")) != sign:
            break
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            break
        yield _bare(right)
        node = _bare(left)
    yield node


def _sides(node: Node) -> tuple[Words, str, Words] | None:
    """Both sides of a comparison, and what stands between them."""
    if node.type != "binary_expression":
        return None
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    sign = text_of(node.child_by_field_name("operator"))
    if left is None or right is None or sign not in _MIRRORED:
        return None
    return _words(_bare(left)), sign, _words(_bare(right))


def _turned(left: Words, sign: str, right: Words) -> tuple[Words, str, Words]:
    return right, _MIRRORED[sign], left


def _contradict(one: tuple[Words, str, Words] | None, other: tuple[Words, str, Words] | None) -> bool:
    if one is None or other is None or (one[0], one[2]) != (other[0], other[2]):
        return False
    return set(_RELATIONS[one[1]]).isdisjoint(_RELATIONS[other[1]])


def _is_nothing(words: Words) -> bool:
    """`x - x` or its size, `x ^ x`, `x * 0`, `x % 1`."""
    if words[-2:] in {("*", "0"), ("%", "1"), ("&", "0")} and not _LOOSER & set(words):
        return True
    if words[-4:] == (".", "abs", "(", ")"):
        words = words[:-4]
    if words[:1] == ("(",) and _closes(words, 0) == len(words) - 1:
        words = words[1:-1]
    middle = len(words) // 2
    is_taken_away = len(words) % 2 == 1 and words[middle] in {"-", "^"}
    return is_taken_away and words[:middle] == words[middle + 1 :] != ()


_LOOSER = frozenset({"+", "-", "|", "^", "<<", ">>", ","})
"""What binds less than what is taken for the last step of a calculation."""
_CALCULATING = frozenset({"sub", "mul", "rem", "bitxor", "bitand"})


def _bare(node: Node) -> Node:
    while node.type == "parenthesized_expression" and node.named_children:
        node = node.named_children[0]
    return node


def _words(node: Node) -> Words:
    return tuple(map(text_of, leaves(node)))


def _split_match(words: Words) -> tuple[Words, str]:
    """What `matches!` looks at, and its pattern."""
    comma = len(words) - 1 - words[::-1].index(",") if "," in words else len(words)
    return words[3:comma], "".join(words[comma + 1 : -1])


def _matches_all(words: Words) -> bool:
    """`matches!` with a pattern that takes everything."""
    if words[:3] != ("matches", "!", "(") or "," not in words:
        return False
    pattern = _split_match(words)[1].removesuffix("iftrue")
    return (pattern.isidentifier() and not pattern[0].isupper()) or _WHOLE.fullmatch(pattern) is not None
