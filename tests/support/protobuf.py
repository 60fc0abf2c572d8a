"""Protobuf's wire format, decoded from its public description alone: to read pprof files independently of our writer."""

from __future__ import annotations

from collections import defaultdict

Message = dict[int, list[int | bytes]]


def decode(data: bytes) -> Message:
    """The fields of one message: varints as int, everything with a length as bytes."""
    fields: Message = defaultdict(list)
    place = 0
    while place < len(data):
        key, place = varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = varint(data, place)
            fields[number].append(value)
        elif kind == 2:
            length, place = varint(data, place)
            assert place + length <= len(data), "a field is longer than its message"
            fields[number].append(data[place : place + length])
            place += length
        else:
            raise AssertionError(f"wire type {kind} is in no field of profile.proto that we write")
    return fields


def varint(data: bytes, place: int) -> tuple[int, int]:
    """(the number, the place behind it)."""
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, place


def numbers(values: list[int | bytes]) -> list[int]:
    """A repeated field of varints, packed or not."""
    found = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        place = 0
        while place < len(value):
            number, place = varint(value, place)
            found.append(number)
    return found
