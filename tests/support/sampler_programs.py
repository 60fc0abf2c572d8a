"""What the programs of the tests of samplers begin with: work that takes a known part of the time, in functions of known names."""

from __future__ import annotations

import textwrap
from typing import Any

from running import evaluate

BEGIN = """
import os, sys, threading, time
from pikos.sampling import ProfileRecord, Sampler, SimpleLauncher, launch

def spin(count=20_000):
    total = 0
    for number in range(count):
        total += number * number
    return total

def busy(times):
    for _ in range(times):
        spin()

def idle(times):
    for _ in range(times):
        other()

def other(count=20_000):
    total = 0
    for number in range(count):
        total += number * number
    return total

def until(condition):
    while not condition():
        spin()

def rows(sampler):
    return {row.name: row for row in sampler.snapshot()}
"""


def told(code: str) -> Any:
    """What a program passes to ``answer()``."""
    return evaluate(BEGIN + textwrap.dedent(code))
