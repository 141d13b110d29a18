"""A bench's facts on disk, so that a restart, or another node of the machine, need not build it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from node.checks.bench import Bench, TestBinary
from node.checks.invocation import Invocation
from node.values.crate import PreparedCrate
from node.values.verdict import Baseline, TestName

_NAME = "bench.json"


def save_bench(bench: Bench) -> None:
    """Write the facts; their presence says that the folder is complete."""
    value = {
        "library": _call(bench.library),
        "template": _call(bench.template),
        "binaries": [
            {
                "target": item.target,
                "file": item.file,
                "call": _call(item.invocation),
                "executable": str(item.executable),
                "cpu_ms": item.cpu_ms,
            }
            for item in bench.binaries
        ],
        "sources": sorted(bench.sources),
        "build_cpu_ms": bench.build_cpu_ms,
        "baseline": {
            "builds": bench.baseline.builds,
            "tests": _named(bench.baseline.tests),
            "failing": _named(bench.baseline.failing),
            "ignored": _named(bench.baseline.ignored),
            "reason": bench.baseline.reason,
        },
    }
    temporary = bench.root / f"{_NAME}.new"
    temporary.write_text(json.dumps(value, ensure_ascii=True))
    temporary.replace(bench.root / _NAME)


def load_bench(root: Path, crate: PreparedCrate) -> Bench | None:
    """The bench that stands there; None when there is none, or not a whole one."""
    try:
        value = json.loads((root / _NAME).read_bytes())
        library, template = _load_call(value["library"]), _load_call(value["template"])
        baseline = value["baseline"]
        return Bench(
            root=root,
            crate=crate,
            library=library,
            binaries=tuple(_load_binary(row) for row in value["binaries"]),
            template=template,
            sources=frozenset(map(str, value["sources"])),
            build_cpu_ms=float(value["build_cpu_ms"]),
            baseline=Baseline(
                builds=bool(baseline["builds"]),
                tests=_load_named(baseline["tests"]),
                failing=_load_named(baseline["failing"]),
                ignored=_load_named(baseline["ignored"]),
                reason=str(baseline["reason"]),
            ),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _named(tests: Sequence[TestName]) -> list[list[str]]:
    return [[test.target, test.file, test.name] for test in tests]


def _load_named(rows: Sequence[Sequence[object]]) -> tuple[TestName, ...]:
    return tuple(TestName(*map(str, row)) for row in rows)


def _call(call: Invocation | None) -> object:
    if call is None:
        return None
    return {"directory": str(call.directory), "options": call.options, "environment": dict(call.environment)}


def _load_call(value: Mapping[str, object] | None) -> Invocation | None:
    if value is None:
        return None
    options, environment = value["options"], value["environment"]
    if not isinstance(options, list) or not isinstance(environment, dict):
        raise TypeError("not a stored compiler call")
    return Invocation(
        directory=Path(str(value["directory"])),
        options=tuple((str(name), str(text)) for name, text in options),
        environment={str(name): str(text) for name, text in environment.items()},
    )


def _load_binary(row: Mapping[str, object]) -> TestBinary:
    call = row["call"]
    invocation = _load_call(call if isinstance(call, dict) else None)
    if invocation is None:
        raise TypeError("a test binary without its compiler call")
    return TestBinary(
        target=str(row["target"]),
        file=str(row["file"]),
        invocation=invocation,
        executable=Path(str(row["executable"])),
        cpu_ms=float(str(row["cpu_ms"])),
    )
