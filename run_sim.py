"""Revisit from the command line: `python run_sim.py [command] [flags]`; without a command it plays."""

from __future__ import annotations

import importlib
import os
import signal
import sys

COMMANDS = {
    "play": "walk through a learned (or real) world in a window",
    "record": "make a video and an action log without a window",
    "replay": "make the frames of an action log or a session again",
    "demo": "show what the memory does: look-away, loop, around, amnesia, follow, story",
    "collect": "let a scripted explorer fill a folder with episodes",
    "train": "train a world model on a folder of episodes",
    "probe": "teach the map of what a checkpoint believes, and score it",
    "evaluate": "measure what a checkpoint remembers on a folder of episodes",
    "compare": "train baselines and ablations alike and tell them apart",
    "tour": "make the short videos of every feature that docs/app.md shows",
    "bench": "measure speed and memory on this machine",
}


def usage() -> str:
    rows = "\n".join(f"  {name:<10}{purpose}" for name, purpose in COMMANDS.items())
    return f"usage: run_sim.py [command] [flags]\n\n{rows}\n\n`run_sim.py command --help` lists the flags; no command means play."


def main(argv: list[str]) -> int:
    """Run one command; errors a user can cause are one line on stderr and exit code 2."""
    if argv and argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    command, flags = (argv[0], argv[1:]) if argv and not argv[0].startswith("-") else ("play", argv)
    if command not in COMMANDS:
        print(f"error: unknown command {command!r}; known: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        import tyro

        module = importlib.import_module(f"simulator.commands.{command}")
        options = tyro.cli(module.Options, args=flags, prog=f"run_sim.py {command}", description=module.__doc__)
        return int(module.run(options) or 0)
    except KeyboardInterrupt:
        print("stopped; what was written so far is on disk", file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        if os.environ.get("REVISIT_TRACEBACK"):
            raise
        print(f"error: {_told(error)}", file=sys.stderr)
        return 2


def _told(error: Exception) -> str:
    """What is wrong, in one line, and what to do where the error itself does not say so."""
    said = " ".join(str(error).split())
    if isinstance(error, FileExistsError):
        return f"{error.filename}: a file is there, expected a folder; choose another path"
    if isinstance(error, ModuleNotFoundError):
        return f"{said}; activate the environment that has Revisit, or install it there: pip install -e ."
    return said


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being told to end is like Ctrl-C: helpers end too
    sys.exit(main(sys.argv[1:]))
