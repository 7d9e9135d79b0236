"""What a model is: frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Mixer = Literal["none", "ssd", "map"]
N_NAMES = 64
"""Kinds of cubes there is room for."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """How the world is seen: what turns a token's place in the image into a viewing ray."""

    fov_degrees: float = 80.0
    """Horizontal field of view of the image."""
    forward_cells: float = 0.075
    """How far the camera sits ahead of the body's position."""
    tilt_degrees: float = -5.71
    """How far it looks up when the pose's pitch is 0; negative is down."""
    view_rows: int = 0
    """Rows of the image the camera fills, from the top; below hangs an overlay, such as a hotbar. 0 means all."""
    drawn_over: tuple[tuple[int, int, int, int], ...] = ()
    """Boxes (top, left, bottom, right) in pixels of the view where something fixed is drawn over it, such as a cross: these
    pixels do not move with the world."""


@dataclass(frozen=True, kw_only=True)
class MapGrid:
    """The metric map a `map` mixer keeps in its state: a ring of `n_x` x `n_y` slots, `cells_per_slot` apart."""

    n_x: int = 20
    n_y: int = 20
    cells_per_slot: float = 0.5
    n_depths: int = 16
    """Points along each viewing ray where the map is written and read."""
    nearest_cells: float = 0.2
    farthest_cells: float = 9.2


@dataclass(frozen=True, kw_only=True)
class AlbumSize:
    """How many views gone by are kept as they were (`models.album`), and how they are moved to where the player stands."""

    n_views: int = 0
    """Views kept; 0 keeps none."""
    n_shown: int = 3
    """Views taken out for every frame."""
    cells: float = 1.0
    """Side of the stretch of ground of which one view is kept a sector."""
    degrees: float = 45.0
    """Sector of directions of which one view is kept; a divisor of 360."""
    nearness: tuple[float, ...] = (0.0, 0.8, 3.0)
    """Inverse distances (1 / cells) at which a view is moved, 0 first."""


@dataclass(frozen=True, kw_only=True)
class BarSize:
    """What hangs below the camera's view, if it is a row of cells such as the slots of a hotbar, and who draws it
    (`models.bar`)."""

    n_cells: int = 0
    """Cells side by side, from the left; 0: none, and what hangs there is a part of the picture like any other."""
    width: int = 7
    """Pixels across one of them; it is as high as what the view leaves."""
    d_model: int = 128
    n_layers: int = 3


@dataclass(frozen=True, kw_only=True)
class HandsSize:
    """Who draws what hands do in the middle of the view (`models.hands`)."""

    side: int = 0
    """Pixels a side of the middle they work in, an even number; 0: there is no such drawer."""
    channels: int = 32
    eye: float = 1.62
    """Blocks from the position of a pose up to the eye."""
    n_cells: int = 10
    """Cells along the middle of the view, from the nearest, one of which is what the hands work on."""
    n_textures: int = 40
    """Pictures that a side of a block can wear."""


@dataclass(frozen=True, kw_only=True)
class EditsSize:
    """Who keeps and draws what hands have changed (`models.edits`)."""

    n_kept: int = 0
    """Changes kept, the latest; 0: there is no such drawer."""
    n_shown: int = 4
    """Of these, the nearest that may be in view are drawn."""


@dataclass(frozen=True, kw_only=True)
class CubesSize:
    """How many cubes are kept of a world that is made of them (`models.cubes`), about the middle of the map and from height 0
    up; the outermost stand for all beyond them."""

    channels: int = 0
    """Of the network that tells how far away things are (`models.depth`); 0: there is none, and no cubes are kept."""
    naming: int = 24
    """Of the network that tells what things are made of (`models.kinds`)."""
    kinds: int = 39
    """Kinds of blocks it tells apart; the first is nothing."""
    growing: int = 96
    """Of the network that imagines what lies where nobody has looked (`models.growth`)."""
    sown: tuple[tuple[int, int], ...] = ()
    """Kinds that stand here and there, such as trunks of trees, and how many on end at least: imagined by lot."""
    n_x: int = 52
    n_y: int = 52
    n_z: int = 26


@dataclass(frozen=True, kw_only=True)
class BallsSize:
    """Who keeps and draws balls, of each kind one (`models.balls`)."""

    n_kinds: int = 0
    """Kinds of balls, told apart by their colour; 0: there is no such drawer."""
    radius: float = 0.3
    """Of a ball, in cells; its middle is on the floor."""
    eye: float = 0.45
    """Cells from the position of a pose up to the camera."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer: a state-space mixer over time, frame-local attention, an MLP; any of the first two may be absent."""

    mixer: Mixer = "map"
    block: tuple[int, int] = (1, 16)
    """Tokens (rows, columns) of one spatial block of the `ssd` scan; each block carries its own state."""
    attention: bool = True
    pose_scan: bool = False
    """Rotate B and C of the `ssd` scan by where the token looks in the world."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything that decides the shape and the meaning of the weights."""

    format_version: int = 1
    world: str = "memory-maze"
    n_actions: int = 6
    image: tuple[int, int] = (64, 64)
    patch: tuple[int, int] = (64, 4)
    d_model: int = 192
    d_head: int = 32
    mlp_ratio: float = 2.5
    layers: tuple[Layer, ...] = (Layer(mixer="none"), Layer(), Layer(mixer="none"), Layer())
    window: int = 4
    """Past frames attention sees; 0 means its own frame only."""
    chunk: int = 1
    """Frames that see one another both ways in attention: 1 for play. More is offline only: they see the chunk before
    as well, calls hold whole chunks, and `window` must reach back over one."""
    nearness: tuple[float, ...] = (0.0, 0.35, 0.8, 1.5, 3.0)
    """Inverse distances (1 / cells) at which the frame before is moved along with the player; empty: not at all."""
    unmoved: bool = False
    """Offer of the frame before, as it was, too, what does not move with the world: what is drawn over the view, or below it."""
    reached_only: bool = False
    """Let no pixel be copied from where a moved picture does not reach; else the network must learn to leave it."""
    acts_on_picture: bool = False
    """Tell every token of the action by itself, not only the whole frame: keys that choose a place in the picture (a slot)."""
    rests: bool = False
    """Nothing moves but the player: where nothing was done (action 0) and nothing moved, the picture is the one before; with a
    drawer for what hands do, the view is, whatever was done, where nothing moved (`models.finish`). A rule for play, not learned:
    what a network redraws a hundred times over goes soft."""
    views_here: int = 0
    """Views kept of where the player stands, from which the picture of one who only turns is taken (`models.turning`); 0: none.
    A rule for play, as `rests` is, and not learned."""
    locates: bool = False
    """Where true frames come in and no poses, find the place from which what is seen is best explained (`simulator.locate`): for
    worlds whose single frames are drawn well."""
    overwrite: bool = False
    """What is written to a place on the map makes what was there fade: for worlds that are changed."""
    pose: bool = True
    """Whether the world tells where the player stands; if not, all is seen from one place and keys act by themselves."""
    pose_attention: bool = True
    """Rotate attention's queries and keys by where the token looks in the world."""
    d_state: int = 64
    n_ssd_heads: int = 4
    d_ssd_head: int = 48
    n_map_heads: int = 2
    d_map_head: int = 24
    d_condition: int = 128
    span_cells: float = 20.0
    """Cells after which the whereabouts told to every layer repeat: about twice the size of the world."""
    camera: Camera = field(default_factory=Camera)
    grid: MapGrid = field(default_factory=MapGrid)
    album: AlbumSize = field(default_factory=AlbumSize)
    bar: BarSize = field(default_factory=BarSize)
    hands: HandsSize = field(default_factory=HandsSize)
    edits: EditsSize = field(default_factory=EditsSize)
    cubes: CubesSize = field(default_factory=CubesSize)
    balls: BallsSize = field(default_factory=BallsSize)

    def __post_init__(self) -> None:
        (height, width), (ph, pw) = self.image, self.patch
        if height % ph or width % pw:
            raise ValueError(f"patch {self.patch} does not tile an image of {self.image} pixels; choose divisors")
        rows, columns = self.token_grid
        for index, layer in enumerate(self.layers):
            if layer.mixer == "ssd" and (rows % layer.block[0] or columns % layer.block[1]):
                raise ValueError(
                    f"layer {index}: block {layer.block} does not tile the {rows}x{columns} token grid; choose divisors"
                )
            if layer.pose_scan and (layer.mixer != "ssd" or self.d_state % 4):
                raise ValueError(
                    f"layer {index}: pose_scan turns an ssd scan whose d_state is a multiple of 4; "
                    f"this is {layer.mixer!r} with d_state {self.d_state}"
                )
        if self.d_model % self.d_head:
            raise ValueError(f"d_model {self.d_model} is not a multiple of d_head {self.d_head}")
        if not self.pose and (self.pose_attention or any(layer.mixer == "map" or layer.pose_scan for layer in self.layers)):
            raise ValueError(
                "pose is false, yet map layers or pose_attention go by it; choose ssd layers and pose_attention false"
            )
        if not 0 <= self.camera.view_rows <= height:
            raise ValueError(f"the camera fills {self.camera.view_rows} rows of an image of {height}; choose 0 (all) to {height}")
        bar, (top, bottom) = self.bar, self.bar_rows
        if bar.n_cells and (top == bottom or bar.n_cells * bar.width > width):
            raise ValueError(
                f"a bar of {bar.n_cells} cells of {bar.width} pixels does not fit below {self.camera.view_rows} rows of view in "
                f"an image of {height} x {width}; choose fewer cells, or fewer rows of view"
            )
        side = self.hands.side
        if side and (side % 2 or side < 8 or side > min(top, width) or not bar.n_cells):
            raise ValueError(
                f"hands that work in {side} x {side} pixels of a view of {top} x {width} over a bar of {bar.n_cells} cells; "
                f"choose an even side of 8 or more that fits, and a bar of one cell or more"
            )
        if self.edits.n_kept and not side:
            raise ValueError("what hands have changed is told, and drawn, by hands: edits need hands")
        if self.edits.n_kept and not 0 < self.edits.n_shown <= self.edits.n_kept:
            raise ValueError(
                f"of {self.edits.n_kept} edits {self.edits.n_shown} cannot be shown; expected 1 or more, not more than kept"
            )
        if self.balls.n_kinds and not self.pose:
            raise ValueError("balls are kept and drawn by where the player stands: they need pose")
        album = self.album
        if album.n_views and not (self.pose and self.nearness and album.nearness[:1] == (0.0,)):
            raise ValueError("an album goes by poses and beside the frame before: it needs pose, nearness, and 0 as its first")
        if album.n_views and (not 0 < album.n_shown < album.n_views or 360 % album.degrees):
            raise ValueError(
                f"an album of {album.n_views} views in sectors of {album.degrees} degrees cannot show {album.n_shown}; "
                f"expected fewer shown than kept, and a divisor of 360"
            )
        cubes = self.cubes
        if cubes.channels and not (album.n_views and side and top % 2 == 0 and width % 2 == 0):
            raise ValueError(
                f"cubes are carved from the eye of hands and show an album's views: they need both, and an even number of "
                f"pixels each way ({top} x {width} here)"
            )
        if not 2 <= cubes.kinds <= N_NAMES:
            raise ValueError(f"{cubes.kinds} kinds of cubes; expected 2, the first of them nothing, to {N_NAMES}")
        if not all(0 < kind < cubes.kinds and 0 < height <= cubes.n_z for kind, height in cubes.sown):
            raise ValueError(
                f"kinds and heights {cubes.sown} that are imagined by lot; expected kinds of 1 .. {cubes.kinds - 1}, heights of "
                f"1 .. {cubes.n_z}"
            )
        if min(cubes.n_x, cubes.n_y, cubes.n_z) < 3:
            raise ValueError(f"{cubes.n_x} x {cubes.n_y} x {cubes.n_z} cubes: expected 3 or more each way")
        for box in self.camera.drawn_over:
            if not (0 <= box[0] < box[2] <= height and 0 <= box[1] < box[3] <= width):
                raise ValueError(f"box {box} drawn over the view of {height} x {width} pixels is not (top, left, bottom, right)")
        if self.chunk < 1:
            raise ValueError(f"chunk {self.chunk} holds no frame; choose 1 for play, or more for offline attention both ways")
        if self.window < self.chunk > 1:
            raise ValueError(
                f"window {self.window} does not reach over the chunk before, of {self.chunk} frames; choose window >= chunk"
            )

    @property
    def token_grid(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        return self.image[0] // self.patch[0], self.image[1] // self.patch[1]

    @property
    def bar_rows(self) -> tuple[int, int]:
        """The rows of the image below the camera's view: first, and one past the last."""
        return self.camera.view_rows or self.image[0], self.image[0]

    @property
    def n_tokens(self) -> int:
        return self.token_grid[0] * self.token_grid[1]

    @property
    def d_patch(self) -> int:
        return 3 * self.patch[0] * self.patch[1]
