"""Mistakes that no arm can hold: each is a copy of its row with another text, a module or a build of its own.

What macros expand to, constants, discriminants, `const` functions that the compiler runs, functions whose result has
no name. Only rows come here whose functions have too few mutants to tell, none of which was noticed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from node.checks.diagnostics import Diagnostic
from node.checks.guards.arm_changes import changes_of_arm
from node.checks.guards.arms import MARK, STUB_KIND, Arm, arms_of, stub_of_arms, used_marks
from node.checks.guards.constants import changes_of_constants, changes_of_discriminants
from node.checks.guards.derives import changes_of_derives
from node.checks.guards.mutants import mutants_of_lone, targets_of
from node.checks.guards.rewriting import Rewrite, by_turns
from node.checks.guards.tested import names_from_tests, steps_from_tests
from node.checks.rows.building import Linked, RowBuilder, root_of
from node.checks.rows.example import LIBRARY
from node.checks.rows.runs import Runner
from node.checks.rows.survey import HALVINGS, Subject, Survey
from node.checks.rows.verdict import Mutants
from node.checks.schemata import CONST_FN
from node.checks.syntax import parse_rust
from node.checks.workshop import Workshop

MORE = 4
"""So many times as many as at first, before it is said that none is noticed; the same ones for a row by itself,
because a second look must see the same."""
_TOGETHER_MAX = 200
"""Copies in one build."""
_REFUSED_BY_VALUE = "E0080"
"""What the compiler says of an assertion in a constant that does not hold: a mistake that was noticed."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """A row with a change."""

    index: int
    """Of the row among the subjects."""
    name: str
    """Its module; empty for the row's own package."""
    path: str
    text: bytes
    is_stub: bool


async def try_copies(workshop: Workshop, builder: RowBuilder, subjects: Sequence[Subject], limit: int) -> list[Survey]:
    """What the tests of rows notice of changes that no arm can hold.

    Args:
        workshop: Of the batch.
        builder: Over the rows' package.
        subjects: Rows, as they stand in a build.
        limit: Changes per row at first; `MORE` times as many where none of those is noticed.

    Returns:
        For each row, in order. What holds `unsafe` is left as it is: what it relies on may stand anywhere.
    """
    trial = _Trial(workshop, builder, subjects)
    surveys = [Survey() for _ in subjects]
    if not subjects or builder.edition == "2015":  # In which the core library has another name.
        return surveys
    used, cpu_ms = await trial.used_rules()
    changes = [_changes(subject, arms, (1 + MORE) * limit) for subject, arms in zip(subjects, used, strict=True)]
    surveys = [Survey(cpu_ms=spent) for spent in cpu_ms]
    for first, last in ((0, limit), (limit, (1 + MORE) * limit)):
        copies = [
            _copy(index, subject, change)
            for index, subject in enumerate(subjects)
            if surveys[index].is_unmoved
            for change in changes[index][first:last]
        ]
        for index, survey in await trial.settle(copies):
            surveys[index] = surveys[index] + survey
    return surveys


def _changes(subject: Subject, used: Sequence[Arm], count: int) -> list[Rewrite]:
    """The stub of its macros, where it has no other, and then one of each family after the other."""
    if b"unsafe" in subject.text:
        return []
    start, end = subject.code
    code, text = subject.text[start:end].decode(), subject.text.decode(errors="replace")
    root = parse_rust(subject.text)
    steps = {body - start: count for body, count in steps_from_tests(root, end).items()}
    groups = [changes_of_arm(arm, code.encode()) for arm in used]
    if not any(target.body in steps and target.lone_reason != CONST_FN for target in targets_of(code)):
        # Beside functions under test a constant may be a size or a message that both sides name: no test need notice.
        groups.append(changes_of_constants(code, names_from_tests(root, end)))
        groups += [changes_of_discriminants(code, text), changes_of_derives(code, text)]
    for mutants in mutants_of_lone(code, steps):
        groups.append([Rewrite(((one.start, one.end, one.text),), one.kind) for one in mutants])
    stub = None if subject.has_stub else stub_of_arms(used)
    changes = [*([stub] if stub is not None else []), *by_turns(groups)]
    texts: dict[bytes, Rewrite] = {}
    for change in changes:
        texts.setdefault(change.applied(code.encode()), change)  # Two that come to the same are one.
        if len(texts) == count:
            break
    return list(texts.values())


def _copy(index: int, subject: Subject, change: Rewrite) -> _Copy:
    text = change.applied(subject.text, subject.code[0])
    if not subject.module:
        return _Copy(index, "", subject.path, text, change.kind == STUB_KIND)
    # As long as the row's own, so that nothing moves; and as hard to guess.
    name = f"row_{hashlib.sha256(text).hexdigest()[:16]}_{subject.module.rpartition('_')[2]}"
    text = text.replace(subject.module.encode(), name.encode())
    return _Copy(index, name, f"src/{name}.rs", text, change.kind == STUB_KIND)


def _parts(copies: Sequence[_Copy]) -> Iterator[list[_Copy]]:
    """What can be built at once; what is the same text only once."""
    together = list({copy.name: copy for copy in copies if copy.name}.values())
    for start in range(0, len(together), _TOGETHER_MAX):
        yield together[start : start + _TOGETHER_MAX]
    yield from ([copy] for copy in copies if not copy.name)


def _files(copies: Sequence[_Copy]) -> dict[str, bytes]:
    names = [copy.name for copy in copies if copy.name]
    return {copy.path: copy.text for copy in copies} | ({LIBRARY: root_of(names)} if names else {})


def _refused(diagnostics: Iterable[Diagnostic]) -> dict[str, set[str]]:
    """Codes of the errors that point at a file, by its path."""
    found: dict[str, set[str]] = {}
    for item in diagnostics:
        for place in item.primary if item.error else ():
            found.setdefault(place.file, set()).add(item.code)
    return found


class _Trial:
    """Builds copies and runs their tests."""

    def __init__(self, workshop: Workshop, builder: RowBuilder, subjects: Sequence[Subject]) -> None:
        self._workshop = workshop
        self._builder = builder
        self._subjects = subjects

    async def used_rules(self) -> tuple[list[list[Arm]], list[float]]:
        """The rules of each row's macros that something uses, and the CPU milliseconds that it took to know.

        It is told by a build in which each says so by an error.
        """
        arms = [_arms(subject) for subject in self._subjects]
        marked = [_copy(index, self._subjects[index], used_marks(found)) for index, found in enumerate(arms) if found]
        said: dict[int, set[int]] = {}
        cpu_ms = [0.0] * len(arms)
        for copies in _parts(marked):
            linked = await self._builder.link(_files(copies), instrumented=False)
            by_path = {copy.path: copy.index for copy in copies}
            for copy in copies:
                cpu_ms[copy.index] = linked.built.cpu_ms / len(copies)
            for item in linked.built.diagnostics:
                found = _SAID.fullmatch(item.message)
                for place in item.primary if found is not None else ():
                    if found is not None and place.file in by_path:
                        said.setdefault(by_path[place.file], set()).add(int(found[1]))
        used = [[arm for number, arm in enumerate(own) if number in said.get(row, ())] for row, own in enumerate(arms)]
        return used, cpu_ms

    async def settle(self, copies: Sequence[_Copy]) -> list[tuple[int, Survey]]:
        """What came of copies, by their rows' indices."""
        found: list[tuple[int, Survey]] = []
        noticed: set[int] = set()
        for part in _parts(copies):
            if not part[0].name and part[0].index in noticed:
                continue  # A build of its own would say nothing new.
            settled = await self._settle_part(part, HALVINGS)
            found += settled
            noticed |= {index for index, survey in settled if not survey.is_unmoved}
        return found

    async def _settle_part(self, copies: Sequence[_Copy], halvings: int) -> list[tuple[int, Survey]]:
        found: list[tuple[int, Survey]] = []
        left = list(copies)
        while left:
            linked = await self._builder.link(_files(left), instrumented=False)
            found += [(copy.index, Survey(cpu_ms=linked.built.cpu_ms / len(left))) for copy in left]
            if linked.built.ok:
                return found + await self._run(linked, left)
            refused = _refused(linked.built.diagnostics)
            guilty = [copy for copy in left if copy.path in refused]
            found += [(copy.index, _NOTICED) for copy in guilty if _is_noticed(copy, refused[copy.path])]
            if not guilty:
                return found + await self._settle_halves(left, halvings)
            left = [copy for copy in left if copy.path not in refused]
        return found

    async def _settle_halves(self, copies: Sequence[_Copy], halvings: int) -> list[tuple[int, Survey]]:
        """Copies that do not build together, and none of which can be blamed."""
        if not halvings or len(copies) < 2:
            return []
        middle = len(copies) // 2
        first = await self._settle_part(copies[:middle], halvings - 1)
        return first + await self._settle_part(copies[middle:], halvings - 1)

    async def _run(self, linked: Linked, copies: Sequence[_Copy]) -> list[tuple[int, Survey]]:
        found = []
        async with self._workshop.workers.session() as session:
            runner = Runner(self._workshop, session, linked, rows=len(copies))
            for copy in copies:
                run = await runner.run(module=copy.name, bound_ms=self._subjects[copy.index].cpu_ms)
                if copy.is_stub:
                    survey = Survey(cpu_ms=run.cpu_ms, stub_killed=not run.all_passed)
                else:
                    survey = Survey(Mutants(1, int(not run.all_passed)), run.cpu_ms)
                found.append((copy.index, survey))
        return found


def _is_noticed(copy: _Copy, codes: set[str]) -> bool:
    return codes == {_REFUSED_BY_VALUE} and not copy.is_stub


_NOTICED = Survey(Mutants(1, 1))
_SAID = re.compile(rf"{MARK} (\d+)")


def _arms(subject: Subject) -> list[Arm]:
    start, end = subject.code
    return [] if b"unsafe" in subject.text else arms_of(subject.text[start:end])
