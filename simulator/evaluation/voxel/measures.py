"""Everything an evaluation of the voxel world is made of."""

from __future__ import annotations

from simulator.engine import Engine
from simulator.evaluation.plan import Plan
from simulator.evaluation.scenes import Measures, Probe
from simulator.evaluation.voxel.crafting import CraftProbe
from simulator.evaluation.voxel.deeds import DeedProbe
from simulator.evaluation.voxel.edits import EditProbe
from simulator.evaluation.voxel.scene import VoxelScene, make_scene
from simulator.evaluation.voxel.story import stories


def _probes(engine: Engine, batch: list[VoxelScene], plan: Plan, pose_given: bool) -> list[Probe]:
    return [probe(engine, batch, plan, pose_given) for probe in (DeedProbe, EditProbe, CraftProbe)]


MEASURES = Measures(make_scene, _probes, stories)
