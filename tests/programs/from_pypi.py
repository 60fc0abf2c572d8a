"""Two well-known packages from PyPI at work: deep symbolic recursion, and a compiler followed by its generated code."""

from __future__ import annotations

from collections.abc import Callable

Work = Callable[[], object]


def sympy() -> Work:
    from sympy import expand, factor, groebner, solve, symbols
    from sympy.core.cache import clear_cache
    from sympy.core.random import seed

    x, y, z = symbols("x y z")

    def work() -> tuple[object, ...]:
        clear_cache()  # or the second run would only look results up
        seed(1)  # sympy shuffles the order in which it tries its rules
        # Not every part of sympy repeats itself: integrate() and diff() compare more or less often with the addresses
        # that classes happen to have.
        return (
            expand((x + y + z + 1) ** 7),
            expand((x + y) ** 9).subs(x, y + 1).expand(),
            factor(x**6 - y**6),
            solve(x**3 - 2 * x + 1, x),
            groebner([x**2 + y**2 + z**2 - 1, x - y + z, x * y - z]),
        )

    return work


def jinja2() -> Work:
    from jinja2 import DictLoader, Environment

    templates = {
        "base": "<html><head><title>{% block title %}{% endblock %}</title></head><body>{% block body %}{% endblock %}",
        "row": "{% macro row(item) %}<tr>{% for cell in item %}<td>{{ cell|e }}</td>{% endfor %}</tr>{% endmacro %}",
        "page": (
            '{% extends "base" %}{% from "row" import row %}{% block title %}{{ name|upper }}{% endblock %}'
            "{% block body %}<table>{% for item in items if item[0] is odd %}{{ row(item) }}{% else %}none"
            "{% endfor %}</table>{{ items|map('first')|select('even')|join(', ') }}{% endblock %}"
        ),
    }
    items = [(number, f"<{number}>", number * 0.5) for number in range(1500)]

    def work() -> str:
        environment = Environment(loader=DictLoader(templates), autoescape=True, cache_size=10)
        return environment.get_template("page").render(name="table", items=items)

    return work


SETUPS: dict[str, Callable[[], Work]] = {setup.__name__: setup for setup in (sympy, jinja2)}
