"""docs/memory.md says what the commands found: its tables are those of the reports beside it, word for word.

`python -m tests.test_memory_doc` copies them in anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from simulator.evaluation import compare_report, report

DOCS = Path(__file__).parents[1] / "docs"
MARKED = re.compile(r"(<!-- (report|compare): (## .+?) -->\n)(.*?)(<!-- end -->)", re.S)


def section(name: str, heading: str) -> str:
    """What a report has under `heading`, rendered from its JSON."""
    results = json.loads((DOCS / "figures" / f"{name}.json").read_text())
    text = (report if name == "report" else compare_report).text(results, [])
    found = re.search(rf"^{re.escape(heading)}\n\n(.*?)(?=\n^## |\Z)", text, re.S | re.M)
    assert found, f"{name}.md has no section {heading!r}"
    return found[1].strip() + "\n"


def refreshed(text: str) -> str:
    return MARKED.sub(lambda mark: mark[1] + "\n" + section(mark[2], mark[3]) + "\n" + mark[5], text)


def test_the_tables_are_those_of_the_reports():
    text = (DOCS / "memory.md").read_text()
    assert len(MARKED.findall(text)) >= 2
    assert refreshed(text) == text, "run `python -m tests.test_memory_doc`"


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (DOCS / "memory.md").read_text()):
        assert (DOCS / target).exists(), target


if __name__ == "__main__":
    path = DOCS / "memory.md"
    path.write_text(refreshed(path.read_text()))
