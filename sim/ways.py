"""How people hold a phone up so that nothing is read: each way by itself, as far wrong as it takes."""

import random
from dataclasses import replace

from sim.lens import Scene
from sim.optics import Way


def held(scene: Scene, way: Way, chance: random.Random) -> Scene:
    """The same phone, hand and room, held this way; whatever else might harm the code is left out."""
    between = chance.uniform
    if way is Way.WELL:
        return scene
    scene = replace(scene, glare=0, moire=0, motion=min(scene.motion, 1))
    match way:
        case Way.FAR:
            return replace(scene, side=between(42, 64), blur=between(0.6, 1))
        case Way.NEAR:  # and so before what the lens is set to
            return replace(scene, side=between(760, 1_100), blur=between(1, 3))
        case (
            Way.DARK
        ):  # a screen that is all but off, by day or at night; the sensor makes up for it, and adds noise
            room = chance.choice((1.0, between(0.35, 0.5)))
            return replace(scene, light=between(6, 13), noise=between(5, 8), room_light=room)
        case Way.TILTED:
            angle = between(74, 79) * chance.choice((-1, 1))
            return replace(scene, tilt=angle) if chance.random() < 0.5 else replace(scene, swing=angle)
        case Way.SHAKEN:
            return replace(scene, motion=between(14, 30))
