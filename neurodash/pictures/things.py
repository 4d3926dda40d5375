"""What exercises use, drawn at x from the left and y from the floor up: furniture behind the body, held things before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from neurodash.library.pictures import TOPS, Frame, Thing

GROUND = 114.0
Flat = tuple[float, float]
Where = Callable[[str], Flat]  # a joint -> its place on the picture


def path(points: Sequence[Flat]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def draw(frame: Frame, where: Where, mirrored: bool) -> tuple[str, str]:
    """What stands behind the body and what is before it."""
    behind, front = [], []
    for thing in frame.things:
        if thing.thing in _HELD:
            front.append(_HELD[thing.thing](thing, where))
        elif thing.thing in _SIGNS:
            front.append(_SIGNS[thing.thing](thing, mirrored))
        else:
            stand = (_FRONT if frame.view == "front" else {}).get(thing.thing) or _SIDE[thing.thing]
            behind.append(stand(thing))
    return "".join(behind), "".join(front)


def _line(d: str, kind: str = "prop") -> str:
    return f'<path class="{kind}" d="{d}"/>'


def _solid(d: str) -> str:
    return f'<path class="solid" d="{d}"/>'


def _y(height: float) -> float:
    return GROUND - height


def _top(thing: Thing) -> float:
    return TOPS.get(thing.thing, 0.0) if thing.height is None else thing.height


def _box(x: float, bottom: float, width: float, height: float) -> str:
    return f'<rect class="solid" x="{x:.1f}" y="{_y(bottom + height):.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"/>'


# Furniture


def _chair(thing: Thing) -> str:
    seat, x, way = _y(_top(thing) - 2), thing.at, 1 if thing.facing == "right" else -1
    return _line(
        f"M{x - 13 * way:.1f} {seat:.1f}h{27 * way}M{x - 11 * way:.1f} {seat:.1f}V112M{x + 12 * way:.1f} {seat:.1f}V112"
        f"M{x - 13 * way:.1f} {seat:.1f}l{-3 * way} -36"
        + (f"M{x - 14 * way:.1f} {seat - 15:.1f}h{24 * way}v15" if thing.thing == "armchair" else "")
    )


def _chair_front(thing: Thing) -> str:
    seat, x = _y(_top(thing) * 0.966 - 4), thing.at
    return _line(
        f"M{x - 17:.1f} {seat:.1f}h34M{x - 16:.1f} {seat:.1f}V114M{x + 16:.1f} {seat:.1f}V114M{x - 15:.1f} {seat:.1f}v-38h30v38"
    )


def _wheelchair(thing: Thing) -> str:
    seat, x = _y(_top(thing) - 2), thing.at
    return (
        _line(f"M{x - 13:.1f} {seat:.1f}h27M{x - 13:.1f} {seat:.1f}v-36h-6M{x + 14:.1f} {seat:.1f}l8 17h8")
        + f'<circle class="prop" cx="{x - 6:.1f}" cy="98" r="14"/><circle class="prop" cx="{x + 19:.1f}" cy="107.5" r="4.5"/>'
    )


def _bed(thing: Thing) -> str:
    top, width = _top(thing), thing.width or 108.0
    x = thing.at - width / 2
    return _box(x, top - 9, width, 9) + _line(
        f"M{x + 6:.1f} {_y(top - 9):.1f}V112M{x + width - 6:.1f} {_y(top - 9):.1f}V112"
    )


def _mat(thing: Thing) -> str:
    width = thing.width or 110.0
    return _box(thing.at - width / 2, 0, width, _top(thing))


def _worktop(thing: Thing) -> str:
    top, x = _y(_top(thing)), thing.at
    return _line(f"M{x - 10:.1f} {top:.1f}h{min(22.0, 118 - x + 10):.1f}M{min(x + 8, 112):.1f} {top:.1f}V112")


def _worktop_front(thing: Thing) -> str:
    top, width = _y(_top(thing) * 0.966), thing.width or 84.0
    x = thing.at - width / 2
    return _line(f"M{x:.1f} {top:.1f}h{width:.1f}M{x + 5:.1f} {top:.1f}V112M{x + width - 5:.1f} {top:.1f}V112")


def _table(thing: Thing) -> str:
    top, width = _y(_top(thing)), thing.width or 40.0
    x = thing.at - width / 2
    return _line(f"M{x:.1f} {top:.1f}h{width:.1f}M{x + width - 5:.1f} {top:.1f}V112")


def _rail(thing: Thing) -> str:
    return _line(
        f"M{thing.at - (thing.width or 60) / 2:.1f} {_y(_top(thing)):.1f}h{thing.width or 60:.1f}M{thing.at:.1f} {_y(_top(thing)):.1f}V112"
    )


def _parallel(thing: Thing) -> str:
    top, width = _y(_top(thing)), thing.width or 96.0
    x = thing.at - width / 2
    return _line(f"M{x:.1f} {top:.1f}h{width:.1f}M{x + 8:.1f} {top:.1f}V112M{x + width - 8:.1f} {top:.1f}V112")


def _wall(thing: Thing) -> str:
    x, far = thing.at, 7 if thing.facing == "right" else -7
    return f'<path class="solid" d="M{x:.1f} -14h{far}V114h{-far}z"/>'


def _wall_front(_: Thing) -> str:
    return '<path class="wall" d="M6 -14h108v112h-108z"/>'


def _step(thing: Thing) -> str:
    width = thing.width or 40.0
    return _box(thing.at - width / 2, 0, width, _top(thing))


def _stairs(thing: Thing) -> str:
    x, rise, way = thing.at, _top(thing), 1 if thing.facing == "right" else -1
    run = (thing.width or 22.0) * way
    return _solid(f"M{x:.1f} 114v{-rise:g}h{run:g}v{-rise:g}h{run:g}V114z")


def _pad(thing: Thing) -> str:
    width, height = thing.width or 38.0, _top(thing)
    return f'<rect class="solid" x="{thing.at - width / 2:.1f}" y="{_y(height):.1f}" width="{width:.1f}" height="{height:g}" rx="3.5"/>'


def _bike(thing: Thing) -> str:
    x, seat = thing.at, _y(_top(thing))
    return (
        _line(
            f"M{x - 9:.1f} {seat:.1f}h16M{x - 1:.1f} {seat:.1f}L{x + 14:.1f} 98L{x + 34:.1f} {seat - 22:.1f}h-8M{x - 8:.1f} 112h44M{x + 14:.1f} 98V112"
        )
        + f'<circle class="prop" cx="{x + 16:.1f}" cy="98" r="9"/>'
    )


def _pedals(thing: Thing) -> str:
    x, y = thing.at, _y(thing.height or 12)
    return f'<circle class="prop" cx="{x:.1f}" cy="{y:.1f}" r="9"/>' + _line(
        f"M{x - 14:.1f} 112h28M{x:.1f} {y + 9:.1f}V112"
    )


def _arm_pedals(thing: Thing) -> str:
    x, y = thing.at, _y(thing.height or 62)
    return f'<circle class="prop" cx="{x:.1f}" cy="{y:.1f}" r="8"/>' + _line(
        f"M{x - 12:.1f} {y + 20:.1f}h28M{x:.1f} {y + 8:.1f}v12M{x + 12:.1f} {y + 20:.1f}V112"
    )


def _walker(thing: Thing) -> str:
    x, top = thing.at, _y(_top(thing))
    return _line(
        f"M{x - 9:.1f} {top:.1f}h16M{x - 8:.1f} {top:.1f}L{x - 12:.1f} 112M{x + 5:.1f} {top:.1f}L{x + 12:.1f} 112M{x - 10:.1f} {top + 26:.1f}H{x + 9:.1f}"
    )


def _walker_front(thing: Thing) -> str:
    x, top = thing.at, _y(_top(thing) * 0.966 - 5)
    return _line(f"M{x - 20:.1f} {top:.1f}V112M{x + 20:.1f} {top:.1f}V112M{x - 20:.1f} {top + 14:.1f}h40")


def _floor_line(thing: Thing) -> str:
    width = thing.width or 90.0
    return f'<path class="mark" d="M{thing.at - width / 2:.1f} 117.5h{width:.1f}"/>'


def _obstacle(thing: Thing) -> str:
    return _box(thing.at - (thing.width or 7) / 2, 0, thing.width or 7, _top(thing))


def _cone(thing: Thing) -> str:
    return _solid(f"M{thing.at - 7:.1f} 114l5 -17h4l5 17z")


def _dot(thing: Thing) -> str:
    return f'<ellipse class="solid" cx="{thing.at:.1f}" cy="116.5" rx="{(thing.width or 12) / 2:.1f}" ry="2.6"/>'


def _pot(thing: Thing) -> str:
    return _solid(f"M{thing.at - 8:.1f} {_y(_top(thing) + 14):.1f}h16l-3 14h-10z")


def _big_ball(thing: Thing) -> str:
    r = _top(thing) / 2 + 2
    return f'<circle class="solid" cx="{thing.at:.1f}" cy="{_y(r):.1f}" r="{r:.1f}"/>'


def _fan(thing: Thing) -> str:
    x, y = thing.at, _y(thing.height or 50)
    return f'<circle class="prop" cx="{x:.1f}" cy="{y:.1f}" r="8"/>' + _line(
        f"M{x:.1f} {y + 8:.1f}V112M{x - 7:.1f} 112h14M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
    )


def _door(thing: Thing) -> str:
    return _line(f"M{thing.at - 16:.1f} 114V-8h32V114")


_SIDE: dict[str, Callable[[Thing], str]] = {
    "chair": _chair, "armchair": _chair, "wheelchair": _wheelchair, "bed": _bed, "mat": _mat, "worktop": _worktop, "table": _table,
    "rail": _rail, "wall": _wall, "step": _step, "stairs": _stairs, "pad": _pad, "bike": _bike, "pedals": _pedals, "arm-pedals": _arm_pedals,
    "frame": _walker, "parallel-bars": _parallel, "line": _floor_line, "obstacle": _obstacle, "cone": _cone, "dot": _dot, "pot": _pot,
    "big-ball": _big_ball, "fan": _fan, "door": _door,
}  # fmt: skip
_FRONT: dict[str, Callable[[Thing], str]] = {
    "chair": _chair_front, "armchair": _chair_front, "wheelchair": _chair_front, "worktop": _worktop_front, "table": _worktop_front,
    "rail": _worktop_front, "wall": _wall_front, "frame": _walker_front,
}  # fmt: skip


# Held


def _band(thing: Thing, where: Where) -> str:
    ends = [where(joint) for joint in thing.hold]
    if thing.to:
        ends.append((thing.to[0], _y(thing.to[1])))
    made = _line(path(ends), "band")
    if thing.to:
        made += f'<circle class="knot" cx="{ends[-1][0]:.1f}" cy="{ends[-1][1]:.1f}" r="2.6"/>'
    return made


def _dumbbell(thing: Thing, where: Where) -> str:
    made = ""
    for joint in thing.hold:
        x, y = where(joint)
        made += _line(f"M{x - 6:.1f} {y:.1f}h12", "grip") + _line(
            f"M{x - 6:.1f} {y - 3.5:.1f}v7M{x + 6:.1f} {y - 3.5:.1f}v7", "weight"
        )
    return made


def _middle(thing: Thing, where: Where) -> Flat:
    places = [where(joint) for joint in thing.hold] or [(thing.at, _y(thing.height or 60))]
    return sum(x for x, _ in places) / len(places), sum(y for _, y in places) / len(places)


def _ball(thing: Thing, where: Where) -> str:
    x, y = _middle(thing, where)
    return f'<circle class="solid held" cx="{x:.1f}" cy="{y:.1f}" r="{(thing.width or 14) / 2:.1f}"/>'


def _cup(thing: Thing, where: Where) -> str:
    x, y = _middle(thing, where)
    return f'<path class="solid held" d="M{x - 4:.1f} {y - 9:.1f}h9l-1 9h-7zM{x + 5:.1f} {y - 7:.1f}"/>'


def _tray(thing: Thing, where: Where) -> str:
    x, y = _middle(thing, where)
    return (
        _line(f"M{x - 9:.1f} {y - 3:.1f}h20", "grip")
        + f'<path class="solid held" d="M{x - 2:.1f} {y - 13:.1f}h8l-1 9h-6z"/>'
    )


def _stick(thing: Thing, where: Where) -> str:
    made = ""
    for joint in thing.hold:
        x, y = where(joint)
        foot = thing.to[0] if thing.to else x + 3
        made += _line(f"M{x - 3:.1f} {y - 1:.1f}h6M{x:.1f} {y:.1f}L{foot:.1f} 113", "grip")
    return made


def _towel(thing: Thing, where: Where) -> str:
    return _line(
        path([where(joint) for joint in thing.hold] + ([(thing.to[0], _y(thing.to[1]))] if thing.to else [])), "grip"
    )


def _bag(thing: Thing, where: Where) -> str:
    x, y = _middle(thing, where)
    return f'<path class="solid held" d="M{x - 6:.1f} {y + 5:.1f}h12l2 15h-16z"/><path class="grip" d="M{x - 4:.1f} {y + 5:.1f}Q{x:.1f} {y - 5:.1f} {x + 4:.1f} {y + 5:.1f}"/>'


def _broom(thing: Thing, where: Where) -> str:
    ends = [where(joint) for joint in thing.hold]
    (x, y), foot = ends[0], thing.to or (thing.at, 4.0)
    fx, fy = foot[0], _y(foot[1])
    return (
        _line(f"M{x:.1f} {y - 10:.1f}L{fx:.1f} {fy:.1f}", "grip")
        + f'<path class="solid held" d="M{fx - 4:.1f} {fy:.1f}h8l4 8h-16z"/>'
    )


_HELD: dict[str, Callable[[Thing, Where], str]] = {
    "band": _band, "dumbbell": _dumbbell, "ball": _ball, "cup": _cup, "tray": _tray, "stick": _stick, "poles": _stick, "towel": _towel,
    "bag": _bag, "broom": _broom,
}  # fmt: skip


# Signs


def _text(x: float, y: float, text: str, mirrored: bool) -> str:
    turn = f' transform="matrix(-1 0 0 1 {2 * x:.1f} 0)"' if mirrored else ""
    return f'<text class="count" x="{x:.1f}" y="{y:.1f}"{turn}>{escape(text)}</text>'


def _talk(thing: Thing, mirrored: bool) -> str:
    x, y = thing.at, _y(thing.height or 118)
    half = max(12.0, 3.0 * len(thing.text) + 3)
    return (
        f'<path class="talk" d="M{x - half:.1f} {y - 9:.1f}h{2 * half:.1f}v17h{8 - 2 * half:.1f}l-8 7v-7z"/>'
        + _text(x, y + 3.4, thing.text, mirrored)
    )


def _card(thing: Thing, mirrored: bool) -> str:
    x, y = thing.at, _y(thing.height or 90)
    return f'<rect class="talk" x="{x - 7:.1f}" y="{y - 9:.1f}" width="14" height="18" rx="2"/>' + _text(
        x, y + 4, thing.text or "A", mirrored
    )


def _music(thing: Thing, _: bool) -> str:
    x, y = thing.at, _y(thing.height or 104)
    return (
        f'<path class="move" d="M{x - 4:.1f} {y + 5:.1f}v-14l11 -3v14"/><circle class="tip" cx="{x - 6.4:.1f}" cy="{y + 5.4:.1f}" r="3.1"/>'
        f'<circle class="tip" cx="{x + 4.6:.1f}" cy="{y + 2.4:.1f}" r="3.1"/>'
    )


_SIGNS: dict[str, Callable[[Thing, bool], str]] = {"talk": _talk, "card": _card, "music": _music}
