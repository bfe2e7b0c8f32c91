# SPDX-License-Identifier: Apache-2.0
"""What was measured, for people and for programs, and on what machine."""

import json
import os
import platform
import re
import subprocess


def first_line(*command):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout or done.stderr).strip().split("\n")[0]


def load():
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def machine(program, load_before):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    with open("/proc/meminfo", encoding="utf-8") as file:
        gib = round(int(re.search(r"MemTotal: +(\d+)", file.read())[1]) / 1048576)
    versions = [first_line(*command) for command in
                ((program, "--version"), ("qemu-system-x86_64", "--version"), ("fio", "--version"), ("guestfish", "--version"),
                 ("nbdkit", "--version"))]
    return {"machine": f"{model[1] if model else platform.machine()}, {os.cpu_count()} processors, {gib} GiB",
            "kernel": f"{platform.system()} {platform.release()}",
            "load": f"{load_before} before, {load()} after",
            "versions": "; ".join(version for version in versions if version)}


def figure(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(rows):
    lines = [f"{'measure':<44} {'store':<6} {'templatefs':>10} {'rival':>10} {'unit':<5} {'ratio':>7} {'bar':>8}  against"]
    for row in rows:
        bar = "-" if row.bar is None else ("<= " if row.sense == "most" else ">= ") + figure(row.bar)
        verdict = "  MISSED" if row.missed() else f"  not measured: {row.why_not}" if row.why_not else ""
        lines.append(f"{row.measure:<44} {row.store:<6} {figure(row.ours):>10} {figure(row.rival):>10} {row.unit:<5} "
                     f"{figure(row.ratio):>7} {bar:>8}  {row.against}{verdict}")
    return "\n".join(lines)


def curve_table(curve):
    lines = [f"{curve.title}, {curve.unit}", f"{curve.x:>12} {'templatefs':>10} {'p99':>10} {'rival':>10}  {curve.rival}"]
    for x, ours, tail, rival in curve.points:
        lines.append(f"{x:>12} {figure(ours):>10} {figure(tail):>10} {figure(rival):>10}")
    return "\n".join(lines)


def as_results(facts, rows, curves):
    """The document that --json writes."""
    return {**facts,
            "measures": [{"measure": row.measure, "store": row.store, "against": row.against, "templatefs": row.ours,
                          "rival": row.rival, "unit": row.unit, "ratio": row.ratio, "bar": row.bar,
                          "may_be_at": row.sense, "missed": row.missed(), "not_measured": row.why_not or None} for row in rows],
            "curves": [{"name": curve.name, "title": curve.title, "x": curve.x, "unit": curve.unit, "rival": curve.rival,
                        "logarithmic": curve.logarithmic,
                        "points": [dict(zip(("x", "templatefs", "templatefs_p99", "rival"), point)) for point in curve.points]}
                       for curve in curves]}


def write_json(path, facts, rows, curves):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(as_results(facts, rows, curves), file, indent=1)
        file.write("\n")


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)
