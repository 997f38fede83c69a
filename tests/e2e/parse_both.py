#!/usr/bin/env python3
"""Reads one scrape in both formats with Python's prometheus_client and compares them, sample by sample.

usage: parse_both.py PAGE.txt PAGE.openmetrics

Exits with 0 where both parse and have the same samples, 1 with the difference where they differ, 2 where one does not
parse.
"""
import math
import re
import sys

from prometheus_client.openmetrics.parser import text_fd_to_metric_families as read_openmetrics
from prometheus_client.parser import text_fd_to_metric_families as read_text


def renamed(path):
    """The samples of a counter without `_total`, which the text parser renames as it reads."""
    with open(path, encoding="utf-8", newline="\n") as page:
        names = re.findall(r"^# TYPE (\S+) counter$", page.read(), re.MULTILINE)
    return {name + "_total": name for name in names if not name.endswith("_total")}


def samples(path, read, names=None):
    """Every sample of a page as text, with its value and time."""
    found = {}
    try:
        # Only a line feed ends a line.
        with open(path, encoding="utf-8", newline="\n") as page:
            for family in read(page):
                for sample in family.samples:
                    name = (names or {}).get(sample.name, sample.name)
                    key = (name, tuple(sorted(sample.labels.items())))
                    if key in found:
                        raise ValueError(f"twice on the page: {key}")
                    time = None if sample.timestamp is None else round(float(sample.timestamp), 3)
                    found[key] = (float(sample.value), time)
    except Exception as error:  # a parser may raise anything at a bad page
        print(f"{path} does not parse: {error!r}", file=sys.stderr)
        sys.exit(2)
    return found


def same(a, b):
    """NaN is the same as NaN here."""
    return a == b or (a is not None and b is not None and math.isnan(a[0]) and math.isnan(b[0]) and a[1] == b[1])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    text_path, openmetrics_path = sys.argv[1:]
    text = samples(text_path, read_text, renamed(text_path))
    openmetrics = samples(openmetrics_path, read_openmetrics)
    different = [key for key in sorted(text.keys() | openmetrics.keys()) if not same(text.get(key), openmetrics.get(key))]
    for key in different:
        print(f"{key}: text {text.get(key)}, OpenMetrics {openmetrics.get(key)}", file=sys.stderr)
    if different:
        sys.exit(1)
    print(f"{len(text)} samples, the same in both formats")


if __name__ == "__main__":
    main()
