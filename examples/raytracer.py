"""Draws three spheres above a chequered floor, as text: a program of arithmetic, small objects and recursion.

python -m pikos.cprofile -s tottime examples/raytracer.py
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

WIDTH, HEIGHT = 96, 40
SHADES = " .:-=+*#%@"
DEPTH = 3
SAMPLES = 3  # in each direction, for each character


class Vector(NamedTuple):
    x: float
    y: float
    z: float

    def plus(self, other: Vector) -> Vector:
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def minus(self, other: Vector) -> Vector:
        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)

    def times(self, factor: float) -> Vector:
        return Vector(self.x * factor, self.y * factor, self.z * factor)

    def dot(self, other: Vector) -> float:
        return self.x * other.x + self.y * other.y + self.z * other.z

    def unit(self) -> Vector:
        return self.times(1 / math.sqrt(self.dot(self)))


@dataclass(frozen=True)
class Ray:
    origin: Vector
    direction: Vector

    def at(self, distance: float) -> Vector:
        return self.origin.plus(self.direction.times(distance))


@dataclass(frozen=True)
class Sphere:
    centre: Vector
    radius: float
    mirror: float

    def distance(self, ray: Ray) -> float | None:
        to_ray = ray.origin.minus(self.centre)
        half_b = to_ray.dot(ray.direction)
        root = half_b * half_b - to_ray.dot(to_ray) + self.radius * self.radius
        if root < 0:
            return None
        near = -half_b - math.sqrt(root)
        return near if near > 1e-6 else None

    def normal(self, point: Vector) -> Vector:
        return point.minus(self.centre).unit()

    def brightness(self, _point: Vector) -> float:
        return 0.9


@dataclass(frozen=True)
class Floor:
    height: float
    mirror: float

    def distance(self, ray: Ray) -> float | None:
        if abs(ray.direction.y) < 1e-9:
            return None
        distance = (self.height - ray.origin.y) / ray.direction.y
        return distance if distance > 1e-6 else None

    def normal(self, _point: Vector) -> Vector:
        return Vector(0, 1, 0)

    def brightness(self, point: Vector) -> float:
        return 0.8 if (math.floor(point.x) + math.floor(point.z)) % 2 else 0.15


THINGS: list[Sphere | Floor] = [
    Floor(-1, 0.2),
    Sphere(Vector(-2.2, 0, 6), 1, 0.3),
    Sphere(Vector(0, 0.4, 7.5), 1.4, 0.6),
    Sphere(Vector(2.2, -0.2, 5.5), 0.8, 0.1),
]
LIGHT = Vector(4, 6, -2)


def nearest(ray: Ray) -> tuple[float, Sphere | Floor] | None:
    hits = [(distance, thing) for thing in THINGS if (distance := thing.distance(ray)) is not None]
    return min(hits, key=lambda hit: hit[0]) if hits else None


def lit(point: Vector) -> bool:
    to_light = LIGHT.minus(point)
    blocker = nearest(Ray(point, to_light.unit()))
    return blocker is None or blocker[0] ** 2 > to_light.dot(to_light)


def reflect(direction: Vector, normal: Vector) -> Vector:
    return direction.minus(normal.times(2 * direction.dot(normal)))


def trace(ray: Ray, depth: int = DEPTH) -> float:
    hit = nearest(ray)
    if hit is None:
        return 0.25 * (1 - ray.direction.y)
    distance, thing = hit
    point = ray.at(distance)
    normal = thing.normal(point)
    light = max(0.0, normal.dot(LIGHT.minus(point).unit())) if lit(point) else 0.0
    shade = thing.brightness(point) * (0.1 + 0.9 * light)
    if depth and thing.mirror:
        mirrored = trace(Ray(point, reflect(ray.direction, normal)), depth - 1)
        shade += (mirrored - shade) * thing.mirror
    return shade


def pixel(column: int, row: int) -> str:
    x = (column - WIDTH / 2) / HEIGHT * 1.2
    y = (HEIGHT / 2 - row) / HEIGHT * 2.2
    shades = [
        trace(Ray(Vector(0, 0.5, -2), Vector(x + i * 0.005, y + j * 0.01, 3.2).unit()))
        for i in range(SAMPLES)
        for j in range(SAMPLES)
    ]
    return SHADES[min(len(SHADES) - 1, int(sum(shades) / len(shades) * len(SHADES)))]


def main() -> None:
    for row in range(HEIGHT):
        print("".join(pixel(column, row) for column in range(WIDTH)).rstrip())


if __name__ == "__main__":
    main()
