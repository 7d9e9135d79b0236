"""The map is the SSD recurrence with B and C made by the pose."""

from __future__ import annotations

import dataclasses

import torch

from models import addressing
from models.map_memory import MapMixer, address_of
from models.ops import reference
from tests.models.tiny import FAMILIES, walk

CONFIG = FAMILIES["maze-small"]


def case(t=5, seed=0):
    torch.manual_seed(seed)
    mixer = MapMixer(CONFIG).requires_grad_(False)
    tokens = torch.randn(2, t, CONFIG.n_tokens, CONFIG.d_model)
    view = addressing.rays(CONFIG, walk(2, t, seed).pose, addressing.token_angles(CONFIG))
    return mixer, tokens, address_of(CONFIG, view)


def test_map_memory_is_the_recurrence_with_materialised_b_and_c():
    mixer, tokens, address = case()
    b, t, s, z = address.slot.shape[:4]
    h, n = mixer.h, CONFIG.grid.n_x * CONFIG.grid.n_y
    state = torch.randn(b, h, mixer.p + 1, n)

    values = mixer.values(tokens).unflatten(-1, (h, mixer.p))
    x = torch.cat([values, torch.ones_like(values[..., :1])], dim=-1)
    strength = torch.sigmoid(mixer.strength(tokens)).unflatten(-1, (h, z))
    B = torch.einsum("btszy,btszx,btshz->btshyx", address.y, address.x, strength).flatten(-2)
    C = torch.zeros(b, t, s, z, n).scatter_add_(-1, address.slot, address.share)
    C = C.flatten(2, 3)[:, :, :, None].expand(-1, -1, -1, h, -1)
    log_decay = -torch.nn.functional.softplus(mixer.decay).expand(b, t, h)
    outputs, states = reference.ssd_scan(x, log_decay, B, C, state)

    written = mixer.write(tokens, address)
    _, carried = mixer(tokens, address, type(mixer.init_state(1, torch.device("cpu")))(state[:, None]))
    torch.testing.assert_close(written, torch.einsum("btshp,btshn->bthpn", x, B), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(carried.squeeze(2), states, atol=1e-4, rtol=1e-4)
    read = mixer.read(states[:, :-1], address)  # (b, t, s, h, z, p + 1)
    torch.testing.assert_close(read.transpose(3, 4).flatten(2, 3), outputs, atol=1e-4, rtol=1e-4)


def test_what_is_written_anew_replaces_what_was_there_where_maps_are_overwritten():
    mixer, tokens, address = case()
    torch.manual_seed(0)
    fading = MapMixer(dataclasses.replace(CONFIG, overwrite=True))
    fading.load_state_dict(mixer.state_dict(), strict=False)
    with torch.no_grad():
        fading.fade.fill_(1.0)
    nothing = torch.device("cpu")
    _, states = fading(tokens, address, fading.init_state(len(tokens), nothing))
    state, writes = torch.zeros_like(states[:, 0, 0]), mixer.write(tokens, address)
    rate = (
        torch.nn.functional.softplus(fading.decay)[:, None]
        + torch.nn.functional.softplus(fading.fade)[:, None] * writes[:, :, :, -1]
    )
    for t in range(tokens.shape[1]):
        state = (-rate[:, t]).exp()[:, :, None] * state + writes[:, t]
    torch.testing.assert_close(states[:, -1, 0], state, atol=1e-4, rtol=1e-4)
    _, kept = mixer(tokens, address, mixer.init_state(len(tokens), nothing))
    assert (states[:, -1, 0, :, -1] <= kept[:, -1, 0, :, -1] + 1e-5).all(), "a slot counts what it still holds"
    assert (states[:, -1] - kept[:, -1]).abs().max() > 0.01


def test_what_was_never_written_is_known_to_be_unknown():
    mixer, tokens, address = case(t=2)
    told = []
    mixer.outward.register_forward_pre_hook(lambda _, args: told.append(args[0]))
    mixer(tokens, address, mixer.init_state(2, torch.device("cpu")))
    first, second = told[0][:, 0], told[0][:, 1]
    assert first.abs().max() == 0, "nothing is read from an empty map"
    known = second[..., -mixer.h * mixer.z :]
    assert known.max() > 0.3
    assert (known >= 0).all()
    assert (known < 1).all()


def test_a_place_is_read_back_from_another_side():
    """A colour written by a player looking east is found by one who looks west at the same spot, and not elsewhere."""
    mixer, _, _ = case()
    angles = torch.zeros(CONFIG.n_tokens)
    distance = torch.full((1,), 1.0)
    look = lambda x, heading: addressing.map_address(  # noqa: E731
        CONFIG.grid, addressing.rays(CONFIG, torch.tensor([[[x, 2.0, 0.0, heading, 0.0]]]), angles), distance.repeat(2)
    )
    ahead = CONFIG.camera.forward_cells
    there, back, away = look(1.0 - ahead, 0.0), look(3.0 + ahead, torch.pi), look(1.0 - ahead, torch.pi)
    slots = torch.einsum("btszy,btszx->btsyx", there.y, there.x).flatten(-2).sum((1, 2))[:, None, None]  # (b, 1, 1, n)
    maps = slots.expand(-1, 1, mixer.h * (mixer.p + 1), -1).unflatten(2, (mixer.h, mixer.p + 1))
    same, opposite = mixer.read(maps, back), mixer.read(maps, away)
    torch.testing.assert_close(same, mixer.read(maps, there), atol=1e-4, rtol=1e-4)
    assert same.max() > 0.5
    assert opposite.abs().max() == 0
