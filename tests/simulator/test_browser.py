"""The start screen and the browser: what is listed, how one steps through it, and what begins from a frame of it."""

from __future__ import annotations

import time

import numpy as np
import pytest

from envs import episode as episodes
from envs.memory_maze import ACTIONS
from simulator import library
from simulator.commands import play
from simulator.intents import Forget, LoadMoment, Mark, Reset, Rewind, SetSteps, Split, Step
from simulator.library import Item
from simulator.rates import Rate
from simulator.reel import SessionReel
from simulator.session_file import read_session
from simulator.ui import browser_view
from simulator.ui.app import App
from simulator.ui.browser import Browser, Choice
from simulator.ui.events import Closed, Dragged, KeyDown
from simulator.ui.keymap import Keymap
from simulator.ui.shapes import Image, Label
from simulator.ui.start import Opening, choose_start
from tests.simulator import playing
from tests.simulator.fakes import FakeEngine, walk
from tests.simulator.playing import begun, same
from tests.simulator.test_app import ListScreen

SIZE = (960, 800)


def until(page, condition):
    """Draw `page` until `condition` holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        page.draw(SIZE)
        time.sleep(0.01)
    return page.draw(SIZE)


def press(page, *keys):
    for key in keys:
        page.handle(KeyDown(key))


def labels(shapes):
    return " | ".join(shape.text for shape in shapes if isinstance(shape, Label))


@pytest.fixture
def folder(tmp_path):
    """Two clips, a broken one, and a session with everything in it."""
    episodes.save(walk(30, 32, 3), tmp_path / "walk.npz")
    episodes.save(walk(9, 16, 3), tmp_path / "small.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK no")
    session = begun(path=tmp_path / "one" / "session.jsonl", seed=6)
    deeds = [Step(1), Step(4), SetSteps(2), Step(1), Mark("a"), Step(2), Rewind(2), Step(3), Forget(), Step(5), Step(1)]
    for deed in deeds:
        session.apply(deed)
    session.close()
    return tmp_path


def test_a_folder_lists_its_episodes_and_sessions_and_says_what_is_wrong_with_a_file(folder):
    items = library.of_folders([folder])
    assert {(item.kind, item.name) for item in items} == {
        ("episode", "walk"), ("episode", "small"), ("episode", "broken"), ("session", "one"),
    }  # fmt: skip
    seen = {item.name: library.glimpse(item) for item in items}
    assert seen["walk"].words == "30 frames"
    assert np.array_equal(seen["walk"].picture, walk(30, 32, 3).image[-1])
    assert "not a readable npz" in seen["broken"].words
    assert "12 steps" in seen["one"].words


def test_the_shipped_models_offer_their_clips_and_worlds_without_torch():
    items = library.of_models()
    assert {"clip", "cold", "beside", "real"} == {item.kind for item in items}
    clip = next(item for item in items if item.kind == "clip")
    assert library.glimpse(clip).picture.ndim == 3


def test_a_session_is_dreamt_again_bit_for_bit_and_gone_on_from_in_its_middle(tmp_path):
    session = begun(path=tmp_path / "s.jsonl", seed=6)
    deeds = [Step(1), Step(4), SetSteps(2), Step(1), Step(2), Rewind(2), Step(3), Forget(), Step(5), Step(1), Step(1)]
    shown = [session.tick.frame]
    for deed in deeds:
        frame = session.apply(deed).frame
        shown += [frame] if isinstance(deed, Step) else []
    session.close()
    reel = SessionReel(tmp_path / "s.jsonl", FakeEngine())
    reel.unroll()
    assert same([reel.frame(i) for i in range(reel.n_frames)], shown)
    reel.save_moment(5, tmp_path / "m.safetensors")
    again = begun(seed=99)
    assert np.array_equal(again.apply(LoadMoment(str(tmp_path / "m.safetensors"))).frame, shown[5])
    again.apply(Forget())
    assert same([again.apply(deed).frame for deed in deeds[-3:]], shown[-3:])


def test_sessions_of_other_models_and_of_reality_are_refused_by_name(tmp_path):
    session = begun(path=tmp_path / "s.jsonl")
    session.close()
    with pytest.raises(ValueError, match="played with model fake-1; the loaded one is fake-2"):
        SessionReel(tmp_path / "s.jsonl", FakeEngine(fingerprint="fake-2"))
    text = (tmp_path / "s.jsonl").read_text().replace('"kind":"dream"', '"kind":"real"')
    (tmp_path / "s.jsonl").write_text(text)
    with pytest.raises(ValueError, match="'real' needs its real world"):
        SessionReel(tmp_path / "s.jsonl", FakeEngine())


def test_a_moment_before_a_split_is_refused_in_words(tmp_path):
    session = begun(path=tmp_path / "s.jsonl")
    for deed in (Step(1), Split(True), Step(1)):
        session.apply(deed)
    session.close()
    reel = SessionReel(tmp_path / "s.jsonl", FakeEngine())
    reel.unroll()
    assert [reel.frame(i).shape for i in range(3)] == [(32, 32, 3)] * 3
    with pytest.raises(ValueError, match="before the view was split"):
        reel.save_moment(1, tmp_path / "m.safetensors")


def test_frames_that_no_history_keeps_are_said_to_be_gone(tmp_path):
    session = begun(path=tmp_path / "s.jsonl", history_bytes=60_000)
    playing.play(session, [1] * 60)
    session.close()
    reel = SessionReel(tmp_path / "s.jsonl", FakeEngine())
    reel.unroll()
    with pytest.raises(ValueError, match="--history-mb"):
        reel.frame(0)
    assert reel.frame(60).any()


def test_keys_choose_step_and_begin(folder):
    chosen = []
    page = Browser(library.of_folders([folder]), FakeEngine, chosen.append)
    number = next(i for i, item in enumerate(page.items) if item.name == "walk")
    for _ in range(number):
        press(page, "right")
    shapes = until(page, lambda: page.reel is not None and page.frame == 29)
    assert "frame 30 of 30" in labels(shapes)
    press(page, ",", ",", "[", ".")
    assert page.frame == 18
    assert np.array_equal(page.picture(), walk(30, 32, 3).image[18])
    press(page, "home", ",")
    assert page.frame == 0
    press(page, "space")
    until(page, lambda: page.frame >= 2)
    press(page, "end", "return")
    assert not page.open
    assert (chosen[0].item.name, chosen[0].frame) == ("walk", 29)


def test_the_mouse_scrubs_and_begins(folder):
    chosen = []
    page = Browser([item for item in library.of_folders([folder]) if item.name == "walk"], FakeEngine, chosen.append)
    until(page, lambda: page.reel is not None)
    layout = browser_view.arrange(page.items, 0, SIZE)
    middle = int(layout.bar.x + layout.bar.w / 2), int(layout.bar.y + 5)
    page.handle(KeyDown("mouse left", where=middle))
    assert page.frame in (14, 15)
    page.handle(Dragged((int(layout.bar.x + layout.bar.w) - 1, middle[1])))
    assert page.frame == 29
    page.handle(KeyDown("mouse left", where=(int(layout.tiles[0].x) + 5, int(layout.tiles[0].y) + 5)))
    assert chosen[0].frame == 29


@pytest.mark.parametrize("size", [(480, 400), (640, 480), (1920, 1080)])
def test_everything_is_inside_the_window_and_the_selected_tile_shows(size):
    items = [Item("episode", f"a rather long name {i}") for i in range(80)]
    page = Browser(items, lambda: None, lambda choice: None)
    page.draw(size)
    press(page, *["down"] * 12)
    shapes = page.draw(size)
    tile = browser_view.arrange(items, page.selected, size).tiles[page.selected]
    assert tile.x >= 0
    assert tile.y + tile.h <= size[1]
    assert all(0 <= s.x <= size[0] and 0 <= s.y <= size[1] for s in shapes if isinstance(s, Label))
    page.close()


def test_nothing_to_show_is_said():
    page = Browser([], lambda: None, lambda choice: None)
    press(page, "down", "return", ".", "space")
    assert "nothing to start from was found" in labels(page.draw(SIZE))
    press(page, "escape")
    assert not page.open


def app_of(tmp_path, session):
    screen = ListScreen([[]] * 9)
    app = App(session, screen, Keymap(ACTIONS), tmp_path / "now", Rate("smooth", 10.0), clock=screen.clock)
    app.controls.driving.begun = True
    return app


def test_in_play_a_clip_is_begun_from_its_middle_and_the_session_file_knows(folder):
    session = begun(path=folder / "now" / "session.jsonl")
    app = app_of(folder, session)
    app.turn()
    app.controls.commands.browse()
    page = app.controls.page
    page.selected = next(i for i, item in enumerate(page.items) if item.name == "walk")
    until(page, lambda: page.reel is not None)
    press(page, "home", "]", "return")
    assert app.controls.page is None
    assert np.array_equal(session.tick.frame, walk(30, 32, 3).image[10])
    assert not app.controls.driving.begun, "time waits for the first key again"
    session.close()
    last = read_session(folder / "now" / "session.jsonl").records[-1].intent
    assert last == Reset(1, str((folder / "walk.npz").resolve()), 10)


def test_in_play_a_session_is_gone_on_from_its_middle(folder):
    session = begun(path=folder / "now" / "session.jsonl")
    app = app_of(folder, session)
    app.controls.commands.browse()
    page = app.controls.page
    page.selected = next(i for i, item in enumerate(page.items) if item.name == "one")
    until(page, lambda: page.reel is not None and page.reel.n_frames == page.reel.n_in_all)
    wanted = page.reel.frame(3)
    press(page, "home", ".", ".", ".", "return")
    assert np.array_equal(session.tick.frame, wanted)
    session.close()


def test_a_clip_of_another_world_is_one_line_and_play_goes_on(folder):
    session = begun()
    app = app_of(folder, session)
    before = session.tick
    app.controls.commands.begin(Choice(Item("episode", "small", file=folder / "small.npz")))
    assert "choose a clip of this world" in " ".join(note for _, note in app._notes)
    assert session.tick is before


def test_another_world_chosen_in_play_is_left_to_the_player(folder):
    session = begun()
    app = app_of(folder, session)
    app.controls.commands._begin_elsewhere(Choice(Item("real", "the real world", "memory-maze")))
    assert app.controls.closing
    assert app.controls.elsewhere.item.kind == "real"


class StartScreen(ListScreen):
    size = SIZE

    def wait(self, seconds):
        time.sleep(0.01)

    def draw(self, picture, rect, shapes):
        self.drawn.append(shapes)


def test_the_start_screen_shows_what_there_is_while_the_model_loads(folder):
    opening = Opening(playing.header().recipe, FakeEngine())
    screen = StartScreen([[]] * 40 + [[KeyDown("return")]])
    choice, shapes = choose_start(screen, library.shelf(opening.recipe, [folder]), opening)
    assert choice.item.kind == "clip"
    assert any(isinstance(shape, Image) for shape in shapes)
    assert opening.wait(screen, shapes).engine.fingerprint == "fake-1"


def test_closing_the_start_screen_leaves(folder):
    opening = Opening(playing.header().recipe, FakeEngine())
    assert choose_start(StartScreen([[Closed()]]), library.shelf(opening.recipe, []), opening)[0] is None


def test_what_cannot_be_opened_is_said_on_the_start_screen_and_another_choice_plays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    missing = Choice(Item("real", "the real world", "mars"))
    asked = []

    def ask(screen, items, opening, message):
        asked.append(message)
        return [missing, Choice(Item("cold", "from nothing", "memory-maze")), None][len(asked) - 1], []

    monkeypatch.setattr(play, "choose_start", ask)
    options = play.Options(sessions=tmp_path)
    screen = ListScreen([[]])
    play.Player(options, screen, play.DEFAULTS, FakeEngine()).run(options.recipe(), ask=True)
    assert "unknown world 'mars'" in asked[1]
    assert len(asked) == 2
    assert read_session(next(tmp_path.glob("*/session.jsonl"))).records[0].intent == Reset(0)
