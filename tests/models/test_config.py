"""Configurations say what is wrong with them."""

from __future__ import annotations

import dataclasses
import json

import pytest

from models.config import Layer, ModelConfig
from models.plain import from_dict, to_dict
from models.presets import PRESETS, preset
from models.world_model import WorldModel


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name):
    config = preset(name)
    assert from_dict(ModelConfig, json.loads(json.dumps(to_dict(config)))) == config


def n_parameters(name):
    return sum(parameter.numel() for parameter in WorldModel(preset(name)).parameters())


@pytest.mark.parametrize(
    "name", [name for name in PRESETS if name.startswith("maze-") and name not in ("maze-large", "maze-balls", "maze-album")]
)
def test_models_that_are_compared_have_as_many_parameters(name):
    assert n_parameters(name) == pytest.approx(n_parameters("maze-small"), rel=0.01)


def test_the_large_model_has_as_many_parameters_as_its_preset_says():
    assert n_parameters("maze-large") == pytest.approx(25e6, rel=0.02)


def plain(**changes):
    return to_dict(ModelConfig()) | changes


def test_an_unknown_key_names_the_nearest_known_one():
    with pytest.raises(ValueError, match=r"config has unknown key 'd_modell'; did you mean 'd_model'\?"):
        from_dict(ModelConfig, plain(d_modell=1))


def test_an_unknown_key_inside_says_where():
    with pytest.raises(ValueError, match=r"config.layers\[1\] has unknown key 'atention'; did you mean 'attention'\?"):
        from_dict(ModelConfig, plain(layers=[{}, {"atention": True}]))


def test_a_key_like_no_other_lists_what_is_known():
    with pytest.raises(ValueError, match=r"unknown key 'zzz'; known: .*d_model"):
        from_dict(ModelConfig, plain(zzz=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": [{"pose_scan": True}]}, "layer 0: pose_scan turns an ssd scan .* this is 'map' with d_state 64"),
        ({"d_model": "big"}, "config.d_model is 'big'; expected int"),
        ({"d_model": True}, "config.d_model is True; expected int"),
        ({"image": 64}, "config.image is 64; expected a list"),
        ({"image": [64]}, "config.image has 1 entries; expected 2"),
        ({"layers": [{"mixer": "lstm"}]}, r"config.layers\[0\].mixer is 'lstm'; expected one of none, ssd, map"),
        ({"grid": [1]}, "config.grid is list; expected an object"),
        ({"patch": [5, 4]}, r"patch \(5, 4\) does not tile"),
        ({"d_head": 50}, "d_model 192 is not a multiple of d_head 50"),
        ({"pose": False}, "pose is false, yet map layers or pose_attention go by it"),
        ({"pose": False, "pose_attention": False}, "pose is false, yet map layers"),
        ({"layers": [{"mixer": "ssd", "block": [1, 5]}]}, r"layer 0: block \(1, 5\) does not tile the 1x16 token grid"),
    ],
)
def test_a_wrong_value_says_what_came_and_what_was_expected(changes, message):
    with pytest.raises(ValueError, match=message):
        from_dict(ModelConfig, plain(**changes))


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown preset 'huge'; known: maze-small"):
        preset("huge")


def test_layers_are_data():
    mixed = dataclasses.replace(ModelConfig(), layers=(Layer(mixer="ssd", block=(1, 4)), Layer(), Layer(mixer="none")))
    assert from_dict(ModelConfig, to_dict(mixed)).layers == mixed.layers
