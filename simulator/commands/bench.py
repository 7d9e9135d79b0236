"""Measure speed and memory on this machine: a frame and its parts, flatness over many frames; with --suite everything."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from simulator.benchmarks import figures, report, suite
from simulator.benchmarks.plan import Plan
from simulator.benchmarks.subject import load_subject


@dataclass(frozen=True, kw_only=True)
class Options(Plan):
    suite: bool = False
    """Run every benchmark (soak only where --soak says how long)."""
    only: tuple[str, ...] = ()
    """Run these alone: frame, flatness, soak, single, floor, growing_cache, recompute, batched, training, collection, startup."""
    world: str = "memory-maze"
    """Which shipped model, where no checkpoint is given."""
    checkpoint: Path | None = None
    """Folder of a trained model."""
    device: str = "auto"
    """cpu, cuda, mps, or auto."""
    json: Path | None = None
    """File for the figures, written after every benchmark."""
    figures: Path | None = None
    """Folder for pictures drawn from them (bench-NAME.png)."""
    report: Path | None = None
    """Markdown file whose sections `<!-- bench:NAME --> ... <!-- end -->` are made anew from them."""
    read: Path | None = None
    """Measure nothing: take the figures from this file, as --json left it."""


def run(options: Options) -> int:
    names = suite.chosen(options, options.only, options.suite)
    if options.report is not None and not options.report.is_file():
        raise ValueError(f"--report {options.report}: no such file; expected a document with sections for the figures")
    if options.json is not None and not options.json.parent.is_dir():
        raise ValueError(f"--json {options.json}: there is no folder {options.json.parent}; make it first")
    if options.read is not None:
        try:
            found = json.loads(options.read.read_text())
        except ValueError:
            found = None
        if not isinstance(found, dict) or not {"machine", "benchmarks", "headline"} <= set(found):
            raise ValueError(f"{options.read}: not figures of bench; expected a file that --json wrote")
        for name in found["benchmarks"]:
            print(report.screen(name, found))
    else:
        subject = load_subject(options.checkpoint, options.world, options.device, torch.get_num_threads())
        found = suite.run(subject, options, names, lambda known, name: _tell(known, name, options.json))
    pictures = {} if options.figures is None else figures.draw(found, options.figures)
    if options.report is not None:
        links = {name: os.path.relpath(path, options.report.parent) for name, path in pictures.items()}
        _write(options.report, report.fill(options.report.read_text(), found, links))
    print(json.dumps(found["headline"]))
    return 0


def _tell(known: dict[str, Any], name: str, path: Path | None) -> None:
    """Show the benchmark that has just ended, and keep all that is known on disk."""
    print(report.screen(name, known), flush=True)
    if path is not None:
        _write(path, json.dumps(known, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    """The whole file or none: under a temporary name first."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
