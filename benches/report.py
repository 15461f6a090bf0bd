"""Turns the rows of one run of scripts/bench into the tables of RESULTS.md.

report.py ROWS
"""

import platform
import subprocess
import sys

NAMES = "engine rules load memory grown messages first mean p50 p99 matched note".split()
OURS = "nightdesk"
FOLDING = "nightdesk, with folding"
HANDLE = "Engine::handle, starter pack"
SIZES = [100, 1_000, 10_000, 100_000]


def read(path):
    rows = {}
    for line in open(path, encoding="utf-8"):
        row = dict(zip(NAMES, line.rstrip("\n").split("\t")))
        for name in NAMES[1:10]:
            row[name] = float(row[name]) if row[name] else None
        rows[row["engine"], int(row["rules"])] = row
    return rows


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def time(micros):
    if micros is None:
        return "–"
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if micros >= size:
            return f"{number(micros / size)} {unit}"
    return f"{number(micros)} µs"


def same(row, ours):
    """Whether the same rules were found, for as many messages as both were given."""
    sums, theirs = (dict(pair.split(":") for pair in r["matched"].split()) for r in (ours, row))
    common = [count for count in sums if count in theirs]
    if not common:
        return "approx."
    return "yes" if sums[common[-1]] == theirs[common[-1]] else "**no**"


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("| --- |" + " ---: |" * (len(head) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def engines(rows):
    for size in SIZES:
        print(f"### {size:,} rules\n")
        found = [row for (engine, rules), row in rows.items() if rules == size and engine != HANDLE]
        lines = []
        for row in found:
            mean = row["mean"]
            lines.append(
                [row["engine"]]
                + [time(row[name]) for name in ("mean", "p50", "p99")]
                + [number(1e6 / mean) if mean else "–", time(row["first"]), time(row["load"])]
                + [f"{row[name] * 1024 / size:,.0f}" if row[name] is not None and size >= 1000 else "–" for name in ("memory", "grown")]
                + [number(row["messages"]), same(row, rows[OURS, size]) if mean else row["note"]]
            )
        if ("Rust, RegexSet", size) not in rows:
            lines.append(["Rust, RegexSet"] + ["–"] * 9 + ["not tried: 10,000 rules show what to expect"])
        head = ["engine", "a message", "p50", "p99", "messages/s", "first pass", "load", "bytes a rule", "after all", "messages", "same rules"]
        table(head, lines)


def goals(rows):
    def mean(engine, size):
        return rows[engine, size]["mean"]

    def ours(name, size):
        return rows[OURS, size][name]

    bytes_a_rule = max(ours("grown", size) * 1024 / size for size in SIZES[1:])
    checks = [
        ("10,000 rules: time a message against Hyperscan", "≤ 1.6 ×", mean(OURS, 10_000) / mean("Hyperscan", 10_000), 1.6, "×"),
        ("10,000 rules: speed against RiveScript", "≥ 10,000 ×", mean("RiveScript", 10_000) / mean(OURS, 10_000), -10_000, "×"),
        ("100,000 rules: time a message against Hyperscan", "≤ 0.3 ×", mean(OURS, 100_000) / mean("Hyperscan", 100_000), 0.3, "×"),
        ("100,000 rules: time a message against 100 rules", "≤ 8 ×", mean(OURS, 100_000) / mean(OURS, 100), 8, "×"),
        ("100,000 rules: p99 against p50", "≤ 5 ×", ours("p99", 100_000) / ours("p50", 100_000), 5, "×"),
        ("10,000 rules: load", "≤ 0.3 s", ours("load", 10_000) / 1e6, 0.3, "s"),
        ("100,000 rules: load", "≤ 4 s", ours("load", 100_000) / 1e6, 4, "s"),
        ("memory a rule, from 1,000 rules, after all messages", "≤ 2 KiB", bytes_a_rule / 1024, 2, "KiB"),
        ("`Engine::handle`, starter pack", "≤ 40 µs", mean(HANDLE, 0), 40, "µs"),
        ("`Engine::handle`, 10,000 rules besides", "≤ 60 µs", mean(HANDLE, 10_000), 60, "µs"),
    ]
    lines = []
    for what, goal, measured, limit, unit in checks:
        met = measured >= -limit if limit < 0 else measured <= limit
        lines.append([what, goal, f"{number(measured)} {unit}", "met" if met else "**not met**"])
    print("## Goals\n")
    table(["what", "goal", "measured", ""], lines)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main():
    rows = read(sys.argv[1])
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    print("# Speed of the matching\n")
    print("Written by `make bench`, from one run on one machine: compare within a table, not between runs. All engines get the same")
    print("folded messages and the same rules (`generated/mod.rs`), run on one thread, and say which rules hold; nightdesk says with")
    print("what evidence as well. Times are processor time; p50 and p99 are over messages, each the median of its passes. In the")
    print("first pass nightdesk compiles the regular expressions that it meets. Memory is resident memory: after loading, and after")
    print("all messages.\n")
    version, commit = output("rustc", "--version"), output("git", "rev-parse", "--short", "HEAD")
    print(f"{processor}, {platform.system()} {platform.machine()}, {version}, commit {commit}.\n")
    print("## One message against all rules\n")
    engines(rows)
    notes = [f"{row['engine']}, {size:,} rules: {row['note']}" for (_, size), row in rows.items() if row["note"] and row["mean"]]
    print("\n".join(f"- {note}." for note in notes) + "\n")
    print("## The whole decision\n")
    print("`Engine::handle`: fold, match, decide, render. Customers' words of the pack's conversation tests, each as a first message,")
    print("out of hours; “besides” are made rules, and their load is that of all files, from YAML.\n")
    found = [rows[HANDLE, size] for size in (0, 10_000, 100_000) if (HANDLE, size) in rows]
    head = ["rules besides", "a message", "p50", "p99", "messages/s", "load of all files"]
    times = lambda row: [time(row[name]) for name in ("mean", "p50", "p99")]
    table(head, [[f"{row['rules']:,.0f}"] + times(row) + [number(1e6 / row["mean"]), time(row["load"])] for row in found])
    goals(rows)


main()
