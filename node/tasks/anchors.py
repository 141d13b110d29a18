"""What an example is about: the published item, doc test or test that its span names."""

from __future__ import annotations

from dataclasses import dataclass

from node.tasks.doctests import unhidden
from node.tasks.forms import Form, read_form, read_report
from node.tasks.report import Report
from node.tasks.snippets import render
from node.tasks.view import SourceView
from node.values.crate import DocTest, Item
from node.values.example import Example
from node.values.verdict import TestName


@dataclass(frozen=True, slots=True)
class Anchored:
    """An example read together with the place it names."""

    form: Form
    report: Report
    view: SourceView
    item: Item | None
    """None for a free-standing example, and for a span at which no item stands."""
    doctest: DocTest | None
    """For a span that is a doc test's."""

    @property
    def tests(self) -> tuple[TestName, ...]:
        """The tests that the example names."""
        return self.report.tests

    def text(self, name: str) -> str:
        """A field of the input or output."""
        return self.form.text(name)

    def published(self) -> str:
        """The published text of the place, as examples show it; empty when there is none."""
        if self.doctest is not None:
            return unhidden(self.doctest.code)
        return render(self.view, self.item) if self.item else ""


def anchor(example: Example, view: SourceView) -> Anchored:
    """Read an example against its crate.

    Raises:
        FormError: The example is not of its category's form.
        ReportError: Nor is its check report.
    """
    form, report = read_form(example), read_report(example)
    span = form.span
    item = view.item_at(span.path, span.start, span.end) if span else None
    documented = view.doctest_at(span.path, span.start, span.end) if span and item is None else None
    return Anchored(form, report, view, documented[0] if documented else item, documented[1] if documented else None)
