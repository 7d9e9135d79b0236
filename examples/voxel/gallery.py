"""Pictures of the voxel island for its page: `python examples/voxel/gallery.py docs/figures` makes all of them again."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from envs.voxel import sky
from envs.voxel.blocks import AIR, block_id, item_id
from envs.voxel.env import VoxelEnv
from envs.voxel.guide import Guide
from envs.voxel.navigate import walkable
from envs.voxel.physics import spawn_body
from envs.voxel.state import State
from envs.voxel.story import ORE_STEP, RETURN_STEP, TOOL_STEP, tell
from envs.voxel.walker import A, Cell, Routine
from models.checkpoint import load
from simulator.load import load_engine
from simulator.moment import Moment

SIDE, CAPTION, COLUMNS = 256, 22, 4
Picture = tuple[str, np.ndarray]

DAWN, NOON, DUSK, NIGHT = 0.03, 0.22, 0.48, 0.70
PLACES: tuple[tuple[str, int, tuple[float, float, float], int, int, float, Cell | None], ...] = (
    ("meadow: the hut where one starts", 2, (21.5, 21.5, 13.0), 6, 0, NOON, None),
    ("forest: the tower", 0, (18.5, 25.5, 13.0), 7, 0, NOON, None),
    ("desert: the well", 2, (11.5, 34.5, 10.0), 18, 0, NOON, None),
    ("snow: the beacon", 2, (31.5, 23.5, 17.0), 0, 0, NOON, None),
    ("dawn in the desert", 0, (36.5, 31.5, 11.0), 16, 0, DAWN, None),
    ("dusk, the arch by the lake", 0, (34.5, 21.5, 13.0), 19, 0, DUSK, None),
    ("night, light in the hut", 0, (29.5, 28.5, 13.0), 19, 0, NIGHT, None),
    ("night, the beacon", 0, (23.5, 28.5, 20.0), 16, 1, NIGHT, None),
    ("a cave in the dark", 0, (16.5, 12.5, 3.0), 8, -1, NOON, None),
    ("and with a torch", 0, (16.5, 12.5, 3.0), 8, -1, NOON, (14, 14, 3)),
    ("swimming", 2, (26.5, 37.5, 7.0), 7, 0, NOON, None),
    ("under water", 2, (26.5, 37.5, 5.0), 7, 0, NOON, None),
)
"""What is shown, seed, feet, heading and pitch in steps, share of the day, and where a torch is put."""
HANDS_SEED, STORY_SEED = 23, 27


def draw(state: State, resolution: int = SIDE) -> np.ndarray:
    """uint8 (SIDE, SIDE, 3): `state` drawn with `resolution` pixels a side."""
    env = VoxelEnv(resolution=resolution)
    env.restore(state)
    times = SIDE // resolution
    return env.render().repeat(times, 0).repeat(times, 1)


def places() -> Iterable[Picture]:
    """Every region by day and night, looked at from places chosen by eye."""
    env = VoxelEnv()
    for caption, seed, feet, heading, pitch, share, torch in PLACES:
        _, info = env.reset(seed=seed)
        t = round((share - float(info["time_of_day"])) % 1.0 * sky.DAY_STEPS)
        blocks = env.state.blocks.copy()
        if torch is not None:
            blocks[torch] = block_id("torch")
        yield caption, draw(replace(env.state, t=t, blocks=blocks, body=spawn_body(*feet), heading=heading, pitch=pitch))


class Player:
    """Plays routines in a real world from its first step on."""

    def __init__(self, seed: int) -> None:
        self.env, self.guide = VoxelEnv(), Guide(seed)
        self.guide.see(self.env.reset(seed=seed)[1])

    def do(self, routine: Iterable[int]) -> None:
        for action in routine:
            self.guide.see(self.env.step(action)[-1])

    def picture(self, caption: str, resolution: int = SIDE) -> Picture:
        return f"{self.env.state.t}: {caption}", draw(self.env.state, resolution)


def _wall(guide: Guide) -> Routine:
    """Put up a wall of dirt, three wide and three high, on open ground; step back and look at it."""
    cells = set(guide.open_ground(1, 5))
    rows = [row for x, y, z in sorted(cells) if cells.issuperset(row := [(x, y - 1, z), (x, y, z), (x, y + 1, z)])]
    spots = [(row, ahead) for row in rows if len(ahead := _before(guide, row[1]))]
    row, ahead = spots[len(spots) // 2]
    for up in (0, 0, 1, 1, 2, 2):  # what cannot be reached at first can be once its neighbours stand
        for x, y, z in row:
            if guide.blocks[x, y, z + up] == AIR:
                yield from guide.place((x, y, z + up), item_id("dirt"))
    yield from guide.walk(ahead)
    x, y, z = row[1]
    return (yield from guide.face(x + 0.5, y + 0.5, z + 1.5))


def _before(guide: Guide, cell: Cell) -> np.ndarray:
    """int16 (n, 3): where one can stand about four blocks to the east or west of `cell`, on its level."""
    stands = walkable(guide.blocks)
    off = np.abs(stands - np.array(cell))
    return stands[(off[:, 0] >= 3) & (off[:, 0] <= 5) & (off[:, 1] <= 1) & (off[:, 2] == 0)]


def hands() -> Iterable[Picture]:
    """What hands do in the first minutes, every picture reached by actions alone; the number is the step."""
    player = Player(HANDS_SEED)
    guide = player.guide
    player.do(guide.aim(np.argwhere(guide.blocks == block_id("log"))))
    player.do([A["mine"]] * 6)
    yield player.picture("mining a log by hand")
    player.do(guide.obtain(item_id("log"), 4))
    yield player.picture("four logs")
    player.do([A["craft_planks"], A["craft_planks"], A["craft_stick"]])
    yield player.picture("planks and sticks crafted")
    player.do(guide.obtain(item_id("wooden_pickaxe")))
    yield player.picture("a table, and a pickaxe made at it")
    player.do(guide.obtain(item_id("dirt"), 9))
    yield player.picture("a hole dug")
    player.do(_wall(guide))
    yield player.picture("a wall built of it")
    yield player.picture("the same at 64 pixels", 64)
    player.do(guide.obtain(item_id("torch")))
    yield player.picture("coal mined, torches made")


def story() -> Iterable[Picture]:
    """The appointments of the story, on an island where all of it is by day."""
    told = tell(STORY_SEED)
    player = Player(told.seed)
    captions = {
        told.seen_step: "the hut seen",
        ORE_STEP: "coal mined",
        TOOL_STEP: "a stone pickaxe crafted",
        RETURN_STEP: "back at the hut",
    }
    for step, action in enumerate([None, *told.actions]):
        player.do([] if action is None else [int(action)])
        if step in captions:
            yield player.picture(captions[step])


def built(checkpoint: Path) -> Iterable[Picture]:
    """A block placed in a dream on keys alone, out of view for a while, and seen again; beside it by one who has forgotten."""
    engine = load_engine(checkpoint, "voxel")

    def play(moment: Moment, *names: str) -> Moment:
        for name in names:
            moment = engine.step(moment, np.array([A[name]]))
        return moment

    for clip in engine.contexts.values():
        if clip.extras["hotbar"][-1, 0, 1] == 0:
            continue  # nothing in the first slot to place
        placed = play(engine.begin([clip], 0), "look_down", "look_down", "slot_1", "place", "noop")
        away = play(placed, *["left"] * 6)
        back = [play(moment, *["noop"] * 4, *["right"] * 6) for moment in (away, engine.forget(away))]
        captions = ("placed", "turned away by 90 degrees", "turned back", "turned back, memory emptied")
        for caption, moment in zip(captions, (placed, away, *back), strict=True):
            times = SIDE // moment.frame.shape[1]
            yield f"dreamt: {caption}", moment.frame[0].repeat(times, 0).repeat(times, 1)


def textures(checkpoint: Path) -> np.ndarray:
    """uint8: what the learned hands take the sides of blocks to wear, in no order, as far as they learned it from changes."""
    found = load(checkpoint, contexts=False).model.hands
    if found is None:
        raise ValueError(f"{checkpoint}: a model without hands has no textures")
    learned = found.textures.learned().detach().float().numpy()
    n, _, side, _ = learned.shape
    across = 10
    rows = np.pad(learned, ((0, -n % across), (0, 0), (1, 1), (1, 1)), constant_values=1.0).reshape(
        -1, across, 3, side + 2, side + 2
    )
    whole = rows.transpose(0, 3, 1, 4, 2).reshape(-1, across * (side + 2), 3)
    return (255 * whole).round().astype(np.uint8).repeat(4, 0).repeat(4, 1)


def sheet(pictures: Iterable[Picture], path: Path) -> None:
    """Write the pictures with their captions above them, COLUMNS in a row."""
    listed = list(pictures)
    paper = Image.new("RGB", (COLUMNS * SIDE, -(-len(listed) // COLUMNS) * (SIDE + CAPTION)), "white")
    pen = ImageDraw.Draw(paper)
    for i, (caption, picture) in enumerate(listed):
        x, y = i % COLUMNS * SIDE, i // COLUMNS * (SIDE + CAPTION)
        pen.text((x + 6, y + 4), caption, "black", ImageFont.load_default(13))
        paper.paste(Image.fromarray(picture), (x, y + CAPTION))
    paper.save(path, optimize=True)
    print(f"{path}: {len(listed)} pictures, {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/figures")
    folder.mkdir(parents=True, exist_ok=True)
    sheet(places(), folder / "voxel-places.png")
    sheet(hands(), folder / "voxel-hands.png")
    sheet(story(), folder / "voxel-story.png")
    sheet(built(Path("checkpoints/voxel")), folder / "voxel-built.png")
    Image.fromarray(textures(Path("checkpoints/voxel"))).save(folder / "voxel-textures.png", optimize=True)
