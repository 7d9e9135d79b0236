"""docs/memory.md says what the commands found: its tables and numbers are those of the reports beside it, word for word.

`python -m tests.test_memory_doc` copies them in anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from simulator.evaluation import compare_report, report

DOCS = Path(__file__).parents[1] / "docs"
MARKED = re.compile(r"(<!-- ([\w-]+): (.+?) -->)(.*?)(<!-- end -->)", re.S)
"""`<!-- report: ## Heading -->` marks a section of report.md, `<!-- report: key.key format -->` one value of report.json."""


def section(name: str, heading: str) -> str:
    """What a report has under `heading`, rendered from its JSON."""
    results = json.loads((DOCS / "figures" / f"{name}.json").read_text())
    text = (report if name == "report" else compare_report).text(results, [])
    found = re.search(rf"^{re.escape(heading)}\n\n(.*?)(?=\n^## |\Z)", text, re.S | re.M)
    assert found, f"{name}.md has no section {heading!r}"
    return found[1].strip()


def value(name: str, keys: str, form: str) -> str:
    """The value under dotted `keys` of a JSON file, in the format `form`."""
    found = json.loads((DOCS / "figures" / f"{name}.json").read_text())
    for key in keys.split("."):
        found = found[int(key) if isinstance(found, list) else key]
    return format(found, form)


def refreshed(text: str) -> str:
    def told(mark: re.Match[str]) -> str:
        name, what = mark[2], mark[3]
        if what.startswith("## "):
            return f"{mark[1]}\n\n{section(name, what)}\n\n{mark[5]}"
        return mark[1] + value(name, *what.rsplit(" ", 1)) + mark[5]

    return MARKED.sub(told, text)


def test_the_tables_and_numbers_are_those_of_the_reports():
    text = (DOCS / "memory.md").read_text()
    kinds = [mark[3].startswith("## ") for mark in MARKED.finditer(text)]
    assert kinds.count(True) >= 2
    assert kinds.count(False) >= 20
    assert refreshed(text) == text, "run `python -m tests.test_memory_doc`"


def test_no_measured_number_is_typed_by_hand():
    """What is left without the marked parts: no decibels, no shares."""
    typed = MARKED.sub("", (DOCS / "memory.md").read_text())
    assert not re.findall(r"[^\n]*\d+(?:\.\d+)? ?(?:dB|%(?! bootstrap))[^\n]*", typed)


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (DOCS / "memory.md").read_text()):
        assert (DOCS / target).exists(), target


if __name__ == "__main__":
    path = DOCS / "memory.md"
    path.write_text(refreshed(path.read_text()))
