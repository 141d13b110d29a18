"""A workshop whose candidates are whole examples, so that shards can be made of them."""

import json

from node.values.example import CATEGORIES, Example
from node.values.form import FORMS, LISTS
from tests.support.swarm import PlantedWorkshop


def fields(names, text):
    return json.dumps({name: [text] if name in LISTS else text for name in names})


def make_row(crate: int, category: int, number: int, text: str) -> Example:
    """An example of the job that `make_job` makes, of its category's form and about nothing."""
    form = FORMS[CATEGORIES[category]]
    report = {"parsed": True, "compiled": True, "tests_run": 2, "tests_passed": 2, "mutants_killed": number % 2}
    return Example(
        crate_name=f"crate-{crate}",
        input_data=fields(form.inputs, f"question {number}"),
        output_data=fields(form.outputs, f"answer {text}"),
        task_category=CATEGORIES[category],
        test="",
        crate_version="1.0.0",
        crate_checksum=(bytes([crate + 1]) * 32).hex(),
        license="MIT",
        edition="2021",
        rustc_version="1.95.0",
        source_path="src/lib.rs",
        source_span=f"{number}..{number + 9}",
        engine="source",
        model=None,
        prompt_digest=None,
        check_report=json.dumps(report),
        prompt_tokens=0,
        completion_tokens=0,
    )


class RowWorkshop(PlantedWorkshop):
    """As its parent, with examples for contents."""

    def content_of(self, spec, number, text):
        return make_row(spec.crate, spec.category, number, text).content()
