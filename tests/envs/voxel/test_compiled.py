"""Machine code kept on disk: never that of sources which have changed since."""

import shutil
import subprocess
import sys
from pathlib import Path

import numba

from envs.voxel import compiled
from envs.voxel.raycast import march

PACKAGE = Path(compiled.__file__).parent


def test_a_change_in_what_is_melted_in_reaches_its_caller(tmp_path):
    package = tmp_path / "island"
    package.mkdir()
    shutil.copy(compiled.__file__, package)
    (package / "inner.py").write_text("from island.compiled import inlined\n@inlined\ndef inner(x):\n    return x + 1\n")
    (package / "outer.py").write_text(
        "from island.compiled import compiled\nfrom island.inner import inner\n@compiled\ndef outer(x):\n    return inner(x)\n"
    )
    script = "from island.outer import outer; print(outer(10), sum(outer.stats.cache_hits.values()))"

    def run():
        return subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert run() == "11 0\n"
    assert run() == "11 1\n", "kept on disk"
    (package / "inner.py").write_text((package / "inner.py").read_text().replace("x + 1", "x + 2"))
    assert run() == "12 0\n"


def test_the_islands_machine_code_lies_where_its_sources_say():
    assert Path(march.stats.cache_path).is_relative_to(compiled.cache_folder(PACKAGE))
    assert compiled.cache_folder(PACKAGE).parent == PACKAGE / "__pycache__"
    assert not str(numba.config.CACHE_DIR).startswith(str(PACKAGE)), "other users of numba keep their own folder"
