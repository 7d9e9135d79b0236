"""docs/memory.md, docs/voxel.md and the README say what the commands found: their tables and numbers are those of the reports.

`python -m tests.test_memory_doc` copies them in anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from simulator.evaluation import compare_report, report

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {"memory": DOCS / "memory.md", "readme": ROOT / "README.md", "voxel": DOCS / "voxel.md"}
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


@pytest.mark.parametrize(("page", "n_sections", "n_values"), [("memory", 2, 20), ("readme", 0, 7), ("voxel", 0, 30)])
def test_the_tables_and_numbers_are_those_of_the_reports(page, n_sections, n_values):
    text = PAGES[page].read_text()
    kinds = [mark[3].startswith("## ") for mark in MARKED.finditer(text)]
    assert kinds.count(True) >= n_sections
    assert kinds.count(False) >= n_values
    assert refreshed(text) == text, "run `python -m tests.test_memory_doc`"


@pytest.mark.parametrize("page", PAGES)
def test_no_measured_number_is_typed_by_hand(page):
    """What is left without the marked parts: no decibels, no shares."""
    typed = MARKED.sub("", PAGES[page].read_text())
    assert not re.findall(r"[^\n]*\d+(?:\.\d+)? ?(?:dB|%(?! bootstrap))[^\n]*", typed)


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGES["memory"].read_text()):
        assert (DOCS / target).exists(), target


if __name__ == "__main__":
    for path in PAGES.values():
        path.write_text(refreshed(path.read_text()))
