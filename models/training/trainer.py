"""The training loop: windows in order on carried state, two optimisers, EMA, resumable to the step, a log one can plot."""

from __future__ import annotations

import json
import math
import time
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from models import checkpoint
from models.checkpoint import CheckpointError
from models.conditioning import Control
from models.config import ModelConfig
from models.pixels import to_float
from models.state import StreamState, where_rows
from models.training import saved
from models.training.context import Dreamer
from models.training.data import Batch, EpisodeWindows, ahead
from models.training.distributed import Ranks, whole
from models.training.draws import Draws
from models.training.memory import memory_bytes
from models.training.objective import Loss, Objective, diffusion_forcing
from models.training.optim import EMA, make_optimizers, set_progress
from models.training.validate import Validation
from models.world_model import DRAWERS, WorldModel


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of the curriculum: until this share of the run, windows of `n_frames` in `n_rows` rows.

    dreaming: whether the objective's `own_frames` are part of it; a young model's dreams teach nothing.
    """

    until: float
    n_frames: int
    n_rows: int
    dreaming: bool = True


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a run goes; what the model is lies in ModelConfig."""

    n_steps: int = 3000
    lr: float = 0.02
    quicker: float = 1.0
    """How many times as fast AdamW teaches the parts that few frames teach (`optim.QUICK`)."""
    stages: tuple[Stage, ...] = (Stage(until=1.0, n_frames=64, n_rows=8),)
    objective: Objective = field(default_factory=Objective)
    forget_share: float = 0.05
    """Share of windows that begin with an empty state in the middle of an episode."""
    retrace_share: float = 0.0
    """Share of episodes gone back over when they end: frames in reverse, on the same state. Not for worlds that are changed."""
    seed: int = 0
    bf16: bool = True
    compile: bool = False
    save_minutes: float = 5.0
    validate_every: int = 250
    device: str = "cpu"

    def __post_init__(self) -> None:
        ends = [stage.until for stage in self.stages]
        if not ends or ends[-1] != 1.0 or any(b <= a for a, b in pairwise([0.0, *ends])):
            raise ValueError(f"the stages end at {ends}; expected rising shares of the run, the last 1.0")
        for stage in self.stages:
            if stage.n_frames < 1 or stage.n_rows < 1:
                raise ValueError(f"a stage of {stage.n_rows} rows of {stage.n_frames} frames; expected 1 or more of each")


def psnr(mean_squared_error: float) -> float:
    """Decibels for an error in the network's units (-1..1)."""
    return 10 * math.log10(4 / max(mean_squared_error, 1e-12))


ALONE = Ranks()
LATER = ("acts_on_picture", "overwrite", "rests", "locates", *DRAWERS)
"""What a model of the same shape may have beyond the weights it begins with."""


class Learner(nn.Module):
    """A model and what it is to learn as one call, so that gradients can be averaged over processes while they come about."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__()
        self.model, self._dreamer = model, Dreamer(model)

    def forward(self, clean: Tensor, control: Control, state: StreamState, objective: Objective, draws: Draws) -> Loss:
        return diffusion_forcing(self.model, clean, control, state, objective, draws, self._dreamer)


class Trainer:
    """One run: `Trainer(...).run()` trains to the end and leaves the EMA weights in `out/model`.

    ranks: the processes that share this run. Each makes its own Trainer; together they do what one alone would do.
    """

    def __init__(
        self, config: ModelConfig, train: TrainConfig, data: Path, validation: Path | None, out: Path, ranks: Ranks = ALONE
    ) -> None:
        self.config, self.train, self.data, self.out, self.ranks = config, train, data, out, ranks
        for stage in train.stages:
            ranks.rows(stage.n_rows)
        self.device = torch.device(train.device)
        torch.manual_seed(train.seed)
        self.model = WorldModel(config).to(self.device)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(not name.startswith(DRAWERS))
        if train.compile:
            torch._dynamo.config.recompile_limit = 64  # a block is met in some ten shapes, and blocks share one count
            for block in self.model.blocks:
                block.compile(dynamic=False)
        self.learner = ranks.wrap(Learner(self.model))
        self.optimizers = make_optimizers(self.model, train.lr, train.quicker)
        self.ema = EMA(self.model)
        self.step, self.objective = 0, train.objective
        self.validation = Validation(validation, config, self.device) if validation and ranks.first else None
        out.mkdir(parents=True, exist_ok=True)

    stopping = False
    """Set it to have the run saved when the step in progress is done, and left as by Ctrl-C."""

    def run(self) -> None:
        """Train from the current step to the last, stage by stage."""
        for number, stage in enumerate(self.train.stages):
            last = round(stage.until * self.train.n_steps)
            if self.step < last:
                self._run_stage(stage, last, seed=self.train.seed + 1000 * number + self.step)
        self.save()
        self.validate()

    def _run_stage(self, stage: Stage, last: int, seed: int) -> None:
        rows, wanted = self.ranks.rows(stage.n_rows), self.train.objective
        self.objective = wanted if stage.dreaming else replace(wanted, own_frames=0)
        state, saved = self.model.init_state(len(rows)), time.monotonic()
        with closing(ahead(iter(self._windows(rows, stage.n_frames, seed)))) as windows:
            while self.step < last:
                started = time.monotonic()
                batch = next(windows)
                waited = time.monotonic() - started
                state, row = self._one_step(batch, state)
                self.step += 1
                n_frames, took = stage.n_rows * stage.n_frames, time.monotonic() - started
                row |= {"frames": n_frames, "frames_per_second": round(n_frames / took, 1), "waiting": round(waited / took, 4)}
                self._log(row)
                late = time.monotonic() - saved > 60 * self.train.save_minutes
                late, stop = map(bool, self.ranks.total([late, self.stopping], self.device))  # all together: their clocks differ
                if late or stop:
                    self.save()
                    saved = time.monotonic()
                if stop:
                    raise KeyboardInterrupt
                if self.step % self.train.validate_every == 0:
                    self.validate()

    def _windows(self, rows: range, n_frames: int, seed: int) -> EpisodeWindows:
        """What this process reads. A GPU is faster than files are unpacked: for one, they are kept once they have been read."""
        kept = 0 if self.device.type == "cpu" else memory_bytes() // (4 * self.ranks.n)
        return EpisodeWindows(
            self.data, self.config, rows, n_frames, seed, retrace_share=self.train.retrace_share, kept_bytes=kept,
            n_threads=8 if kept else 2,
        )  # fmt: skip

    def _one_step(self, batch: Batch, state: StreamState) -> tuple[StreamState, dict]:
        draws = Draws(self.train.seed, self.step, self.ranks.rows(len(batch.fresh) * self.ranks.n), self.device)
        drop = batch.fresh | (draws.rand(len(batch.fresh)) < self.train.forget_share)
        state = where_rows(~drop.to(self.device), state, self.model.init_state(len(drop)))
        control = Control(*(part.to(self.device) for part in batch.control))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.train.bf16):
            clean = to_float(batch.frames, self.device)
            result = self.learner(clean, control, state, self.objective, draws)
        told = (result.loss * result.n, result.n, torch.nan_to_num(result.pure) * result.n_pure, result.n_pure)
        loss, n, pure, n_pure = self.ranks.total(told, self.device)
        if not math.isfinite(loss):
            raise RuntimeError(f"the loss became {loss / n} at step {self.step}; lower the learning rate and resume")
        (result.loss * (result.n * self.ranks.n / n)).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        set_progress(self.optimizers, self.step, self.step / self.train.n_steps)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.model, self.step)
        return result.state, {
            "step": self.step,
            "loss": round(loss / n, 5),
            "psnr": round(psnr(pure / max(n_pure, 1)), 2),
            "norm": round(whole(norm).item(), 3),
        }

    def _log(self, row: dict) -> None:
        if not self.ranks.first:
            return
        with open(self.out / "log.jsonl", "a") as file:
            file.write(json.dumps(row) + "\n")
        if self.step % 20 == 0 or "validation" in row:
            print(json.dumps(row), flush=True)

    def averaged(self) -> WorldModel:
        """A fresh model with the EMA weights; every process must ask for it."""
        model = WorldModel(self.config).to(self.device)
        self.ema.copy_to(model)
        return model.eval()

    def validate(self) -> None:
        """Score the EMA weights on held-out episodes and leave a strip: truth above, prediction below. Every process must."""
        model = self.averaged()
        if self.validation is not None:
            scores = self.validation.score(model, self.out / f"strip-{self.step:06d}.png")
            self._log({"step": self.step, "validation": scores})

    def save(self) -> None:
        """EMA weights as a checkpoint folder; all else needed to resume beside it, written atomically. Every process must."""
        model = self.averaged()
        tensors = saved.pack(self.model, self.ema, self.optimizers)
        if self.ranks.first:
            checkpoint.save(model, self.out / "model")
            saved.write(tensors, self.out, self.step)

    def start_from(self, folder: Path) -> list[str]:
        """Begin with the weights of a checkpoint; parts that can be put beside (`LATER`) and it lacks begin anew, and are named.

        Raises CheckpointError where it differs in anything else.
        """
        found = checkpoint.read_config(folder)
        differ = [f.name for f in fields(found) if getattr(found, f.name) != getattr(self.config, f.name)]
        if any(name not in LATER or getattr(found, name) != getattr(ModelConfig(), name) for name in differ):
            raise CheckpointError(f"{folder}: another model ({', '.join(differ)} differ); give the preset it was trained with")
        weights = checkpoint.load(folder, self.device, contexts=False).model.state_dict()
        self.put(weights)
        missing = self.model.state_dict().keys() - weights.keys()
        parts = {name.removesuffix(".weight").removesuffix(".bias") for name in missing}
        return sorted({name.split(".")[0] if name.startswith(DRAWERS) else name for name in parts})

    def put(self, weights: dict[str, Tensor]) -> None:
        """Begin with `weights`, whole; parts that are not among them stay as they are. Every process must."""
        own = self.model.state_dict()
        saved.put(self.model, {name: weights[name] if name in weights else whole(part) for name, part in own.items()})
        self.ema = EMA(self.model)

    def resume(self) -> None:
        """Go on from what `save` left in `out`. Raises CheckpointError where that is nothing, or another model's."""
        self.step = saved.unpack(self.out, self.model, self.ema, self.optimizers)
