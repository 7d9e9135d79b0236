"""Random keys that get somewhere: a hand that mostly walks, often turns, and tries everything else now and then."""

from __future__ import annotations

from typing import Any

import numpy as np

SHARES = {"wait": 0.05, "left": 0.13, "right": 0.13, "forward": 0.42, "pick_up": 0.12, "drop": 0.02, "open": 0.13}
"""Of the actions of doorkey.toml, in its order."""


class Restless:
    """An explorer as a world file may name one."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        return int(self._rng.choice(len(SHARES), p=list(SHARES.values())))
