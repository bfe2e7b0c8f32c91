# SPDX-License-Identifier: Apache-2.0
"""Pictures of results, by gnuplot: the bars of README.md's first screen, and a curve a file."""

import os
import re
import subprocess
import tempfile

from .rig import Failed

OURS, RIVAL, TAIL = "#1a7f5a", "#b0b0b0", "#8fd0b5"
MICROSECONDS = {"us": 1, "ms": 1e3, "s": 1e6}


def gnuplot(script, path, title):
    """Draws into a file; its "Produced by" becomes a title, and the licence ours."""
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "plot.svg")
        try:
            done = subprocess.run(["gnuplot"], input=f"set output '{out}'\n{script}\n", capture_output=True, text=True,
                                  timeout=60, check=False)
        except FileNotFoundError:
            raise Failed("gnuplot is not installed: scripts/install-deps --bench") from None
        if done.returncode != 0:
            raise Failed(f"gnuplot: {done.stderr.strip().splitlines()[-1]}")
        with open(out, encoding="utf-8") as file:
            lines = file.read().split("\n")
    lines.insert(1, "<!-- SPDX-License-Identifier: Apache-2.0 -->")
    text = re.sub(r"<title>.*</title>", f"<title>{title}</title>", "\n".join(line.rstrip() for line in lines), count=1)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def where(results):
    kernel = re.sub(r"^(\w+ \d+\.\d+).*", r"\1", results["kernel"])
    return f"{results['machine']}, {kernel}"


def duration(microseconds):
    for unit, factor in (("s", 1e6), ("ms", 1e3), ("µs", 1)):
        if microseconds >= factor:
            return f"{microseconds / factor:.3g} {unit}"
    return f"{microseconds:.2g} µs"


def bars(results, path, kind, names):
    """Measures in time and their rivals, on one logarithmic scale."""
    rows = [row for row in results["measures"] if row["store"] == kind and row["unit"] in MICROSECONDS
            and row["rival"] is not None and (not names or row["measure"] in names)]
    if not rows:
        raise Failed(f"there are no times on {kind} in these results")
    firsts = {row["measure"]: row for row in reversed(rows)}  # a measure may have more than one rival
    data, place = [], 0.0
    for row in firsts.values():
        for whose, who in ((0, "rival"), (1, "templatefs")):
            microseconds = row[who] * MICROSECONDS[row["unit"]]
            name = row["measure"] if whose else row["against"]
            data.append(f'{place} {microseconds} "{name}" {whose} "{duration(microseconds)}"')
            place += 1
        place += 0.7
    gnuplot(f"""set terminal svg noenhanced size 800,{90 + 32 * len(data)} font 'sans-serif,13' background '#ffffff'
$bars << END
{chr(10).join(data)}
END
set logscale x 10
set xrange [10:1e8]
set format x ''
set xtics ('10 µs' 10, '100 µs' 100, '1 ms' 1e3, '10 ms' 1e4, '100 ms' 1e5, '1 s' 1e6, '10 s' 1e7, '100 s' 1e8)
set grid xtics lc rgb '#dddddd'
set border 1
set tics nomirror
set ytics scale 0
set yrange [-0.8:*]
set style fill solid
set lmargin 46
set xlabel 'green: templatefs, grey: what else there is. {where(results)}, store on {kind}' offset -20,0 textcolor rgb '#555555'
colour(whose) = whose == 1 ? 0x1a7f5a : 0xb0b0b0
plot $bars using (10):1:(10):2:($1 - 0.42):($1 + 0.42):(colour($4)):ytic(3) with boxxyerror lc rgb variable notitle, \\
  '' using 2:1:5 with labels left offset char 0.5,0 notitle""", path, "templatefs (green) and its rivals")


def curve(results, one, path):
    rows = [" ".join("NaN" if value is None else str(value) for value in
                     (point["x"], point["templatefs"], point["templatefs_p99"], point["rival"])) for point in one["points"]]
    has_tail = any(point["templatefs_p99"] is not None for point in one["points"])
    unit = one["unit"].replace("us", "µs")
    tail = f", $points using 1:3 with linespoints lw 1.5 pt 7 ps 0.5 lc rgb '{TAIL}' title 'templatefs, 99th percentile'"
    tail = tail if has_tail else ""
    scale = "set logscale xy 10" if one["logarithmic"] else ""
    gnuplot(f"""set terminal svg noenhanced size 640,360 font 'sans-serif,13' background '#ffffff'
$points << END
{chr(10).join(rows)}
END
{scale}
set title '{one["title"]}' font 'sans-serif,14'
set xlabel '{one["x"]}.  {where(results)}' textcolor rgb '#555555'
set ylabel '{unit}'
set format '%.0f'
set grid lc rgb '#dddddd'
set border 3
set tics nomirror
set key left top
set yrange [{'1' if one["logarithmic"] else '0'}:*]
plot $points using 1:2 with linespoints lw 2.5 pt 7 ps 0.6 lc rgb '{OURS}' title 'templatefs', \\
  $points using 1:4 with linespoints lw 2 pt 7 ps 0.5 lc rgb '{RIVAL}' title '{one["rival"]}'{tail}""", path, one["title"])
