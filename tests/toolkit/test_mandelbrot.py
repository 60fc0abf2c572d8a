"""The documentation's own example: the records have its columns, functions, lines and order."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from pikos._lsprof import _peaks_problem
from running import pikos_run

pytest.importorskip("numpy")

# As documented, for today's Python (`range`) and without the window. Lines 16 to 26 are where they were.
SCRIPT = '''\
""" Mandelbrot Set example

Code from the Tentative Numpy Tutorial

url: http://wiki.scipy.org/Tentative_NumPy_Tutorial/Mandelbrot_Set_Example

"""

from numpy import *



def mandelbrot(h, w, maxit=20):
    \'\'\'Returns an image of the Mandelbrot fractal of size (h,w).
    \'\'\'
    y,x = ogrid[-1.4:1.4:h*1j, -2:0.8:w*1j]
    c = x+y*1j
    z = c
    divtime = maxit + zeros(z.shape, dtype=int)

    for i in range(maxit):
       z = z**2 + c
       diverge = z*conj(z) > 2**2            # who is diverging
       div_now = diverge & (divtime==maxit)  # who is diverging now
       divtime[div_now] = i                  # note when
       z[diverge] = 2                        # avoid diverging too much

    return divtime


if __name__ == '__main__':
    mandelbrot(400,400)
'''

#: The lines of the 20 records that the documentation shows.
DOCUMENTED = [16, 17, 18, 19, 21, 22, 23, 24, 25, 26, 21, 22, 23, 24, 25, 26, 21, 22, 23, 24]


def test_the_records_are_the_documented_ones(tmp_path: Path) -> None:
    script = tmp_path / "mandelbrot_set_example.py"
    script.write_text(SCRIPT)
    arguments = ["line_memory", "mandelbrot_set_example.py", "--recording", "csv", "--focused-on=mandelbrot"]
    pikos_run(tmp_path, *arguments).succeeded()
    with open(tmp_path / "monitor_records.csv", newline="") as stream:
        table = list(csv.reader(stream))
    # What was in use between two records, where the system tells.
    extra = ["peak"] if _peaks_problem() is None else []
    assert table[0] == ["index", "function", "lineNo", "RSS", "VMS", "line", "filename", "time_ns", *extra]
    records = table[1:]
    assert [int(record[2]) for record in records[:20]] == DOCUMENTED
    assert len(records) == 4 + 20 * 6 + 2
    assert [record[0] for record in records] == [str(number) for number in range(len(records))]
    assert {record[1] for record in records} == {"mandelbrot"}
    source = SCRIPT.splitlines()
    for _, _, line, rss, vms, text, filename, *_ in records:
        assert text == source[int(line) - 1]
        assert filename == str(script)
        assert 1 << 20 < int(rss) < int(vms)
    assert sys.maxsize > int(records[-1][3])
