"""Where the figure of a MiniGrid world stands and looks, as `envs.pose` has it: cells, and radians counter-clockwise."""

from __future__ import annotations

import math
from typing import Any


def pose(env: Any, info: dict[str, Any]) -> tuple[float, ...]:
    """x, y, z, heading, pitch. MiniGrid counts rows downwards and turns clockwise from 0, rightwards."""
    x, y = env.agent_pos
    return float(x), -float(y), 0.0, -env.agent_dir * math.pi / 2, 0.0
