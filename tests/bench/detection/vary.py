#!/usr/bin/env python3
"""The simulator's streams with other assumptions than its own: latency laws, bursts, clocks, ramps. What it writes is
scored like what the simulator writes.

  vary.py SIM --seed 1 --vary gamma[,ramp..] --cap-rps 3 --out DIR     (SIM: the folder with gen.py and score.py)

  gamma weibull bimodal   latencies of that law with the same median; bimodal: three in four calls answered from a cache
  bursts                  traffic bursts of twice the spread, two minutes long instead of half a minute
  errorbursts             failures come in bursts of eight times the rate for half a minute, seven times a day
  wander                  latencies wander by 10 % instead of 4 % in two hours
  dst                     everyone's clock goes forward by an hour on the tenth day
  growth                  traffic grows by 3 % a day
  ramp                    incidents grow over the first third of their time instead of starting at once"""
import argparse, csv, gzip, json, os, sys
import numpy as np

T0 = 1767571200  # Monday, 2026-01-05 00:00 UTC, as in the simulator


def latencies(rng, law, sigma, count):
    """Relative to the median."""
    if "gamma" in law:
        shape = 1 / sigma ** 2
        return np.maximum(rng.gamma(shape, 1 / shape, count), 1e-3)
    if "weibull" in law:
        shape = 1.2 / sigma
        return np.maximum(rng.weibull(shape, count) / np.log(2) ** (1 / shape), 1e-3)
    if "bimodal" in law:
        return np.where(rng.random(count) < 0.75, 0.8, 5.0) * np.exp(rng.normal(0, 0.4 * sigma, count))
    return np.exp(rng.normal(0, sigma, count))


def endpoint(gen, rng, spec, days, cap, vary):
    name, rps, median, sigma, tail, base, cv, depth, quiet = spec
    rps, n = min(rps, cap), days * 86400
    sec = np.arange(n)
    local = sec + 3600 * (("dst" in vary) & (sec >= 9 * 86400))
    hour, weekday = local % 86400 / 3600, (T0 + local) // 86400 % 7 + 4
    shape = 1 + depth * np.sin(2 * np.pi * (hour - 9 - rng.uniform(-1, 1)) / 24)
    shape *= np.where(np.isin(weekday % 7, (0, 6)), 1 - 0.35 * (depth > 0), 1.0)
    calls = rps * np.maximum(shape, 0.03)
    if "growth" in vary:
        calls = calls * 1.03 ** (sec / 86400)
    step = 120 if "bursts" in vary else 30
    cv = min(2 * cv, 1.2) if "bursts" in vary else cv
    if cv > 0:
        bursts = rng.gamma(1 / cv ** 2, cv ** 2, n // step + 2)
        calls = calls * np.interp(sec / step, np.arange(len(bursts)), bursts)
    spread = 0.10 if "wander" in vary else 0.04
    wander = np.exp(np.interp(sec, np.arange(0, n + 7200, 7200), rng.normal(0, spread, (n + 7199) // 7200 + 1)))
    middle = median * wander * (1 + 0.15 * (calls / calls.mean() - 1).clip(-1, 3) * (rps > 1))
    failing, tails = np.full(n, base), np.full(n, tail)
    often, times, long = (0.05, 8, 30) if "errorbursts" in vary else (0.01, 4, 20)
    for slot in np.flatnonzero(rng.random(n // 600) < often):
        failing[slot * 600:slot * 600 + long] *= times
    labels = []
    if not quiet:
        span = int((days - 7) * 86400 * 0.98)
        kinds = list(rng.permutation(gen.KINDS)) * max(1, (days - 7) // 7)
        for kind, slot in zip(kinds, 7 * 86400 + np.linspace(3600, span - 4 * 3600, len(kinds)).astype(int)):
            a, b, kind = gen.incident(rng, kind, int(slot + rng.uniform(-1800, 3600)))
            b = min(b, n)
            i = slice(a, b)
            # How much of the incident is there at each second.
            part = np.minimum(np.arange(b - a) / ((b - a) / 3), 1.0) if "ramp" in vary else np.ones(b - a)
            if kind == "lat_x2": middle[i] *= 1 + part
            elif kind == "lat_x5": middle[i] *= 1 + 4 * part
            elif kind == "lat_tail": tails[i] += part * (0.25 - tails[i])
            elif kind == "lat_drift": middle[i] *= np.linspace(1, 4, b - a)
            elif kind == "traffic_x5": calls[i] *= 1 + 4 * part
            elif kind == "traffic_drop": calls[i] *= 1 - 0.95 * part
            elif kind == "outage": failing[i] += part * (0.97 - failing[i]); middle[i] *= 1 - 0.7 * part
            elif kind == "deploy_blip": failing[i] = np.maximum(failing[i], 0.3 * part); middle[i] *= 1 + part
            elif kind == "cold_start": middle[i] *= np.linspace(8, 1, b - a)
            else: failing[i] = np.minimum(failing[i] * (1 + (int(kind[5:]) - 1) * part), 0.9)
            # The evidence there is, as the simulator reckons it.
            total = float(calls[i].sum())
            usual = total / {"traffic_x5": 5, "traffic_drop": 0.05}.get(kind, 1)
            failed, expected = float((calls[i] * failing[i]).sum()), total * base
            sd, snr = np.hypot(sigma, 0.3), 0.0
            if kind[:3] == "lat" or kind in ("deploy_blip", "cold_start"):
                shift = {"lat_x2": .69, "lat_x5": 1.6, "lat_drift": .8, "deploy_blip": .69, "cold_start": 1.2, "lat_tail": 0}[kind]
                snr = total * (0.25 - tail) / (total * tail + 1) ** 0.5 if kind == "lat_tail" else shift * total ** 0.5 / sd
            if kind[:3] == "err" or kind in ("outage", "deploy_blip"):
                snr = max(snr, (failed - expected) / (expected + 1) ** 0.5)
            if kind[:7] == "traffic":
                snr = abs(total - usual) / (usual + (cv * usual) ** 2 * step / (b - a) + 1) ** 0.5
            labels.append((T0 + a, T0 + b, name, kind, round(total, 1), round(failed, 1), round(snr, 1)))
    index = np.repeat(sec, rng.poisson(calls))
    count = len(index)
    at = (index + rng.random(count)) * 1000 + T0 * 1000
    latency = middle[index] * latencies(rng, vary, sigma, count)
    slow = rng.random(count) < tails[index]
    latency[slow] *= 1.5 + rng.pareto(1.8, slow.sum()).clip(0, 60)
    fails = rng.random(count) < failing[index]
    status = np.where(fails, rng.choice([500, 502, 503, 504], count), np.where(rng.random(count) < 0.02, 404, 200))
    order = np.argsort(at, kind="stable")
    return at[order].astype(np.int64), status[order].astype(np.int16), np.maximum(latency[order], 0.1).astype(np.float32), labels


def streams(sim, seed, days, cap, vary):
    sys.path.insert(0, sim)
    import gen
    for number, spec in enumerate(gen.ENDPOINTS):
        yield spec, endpoint(gen, np.random.default_rng([seed, number, 77]), spec, days, cap, vary)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = arguments.add_argument
    add("sim"); add("--seed", type=int, default=1); add("--days", type=int, default=14); add("--out", required=True)
    add("--cap-rps", type=float, default=3.0); add("--vary", type=lambda names: set(names.split(",")), default=set())
    a = arguments.parse_args()
    os.makedirs(a.out, exist_ok=True)
    specs, at, which, status, latency, labels = [], [], [], [], [], []
    for spec, (t, s, l, marks) in streams(a.sim, a.seed, a.days, a.cap_rps, a.vary):
        at.append(t); which.append(np.full(len(t), len(specs), np.int8)); status.append(s); latency.append(l); labels += marks
        specs.append(spec)
    at, which, status, latency = map(np.concatenate, (at, which, status, latency))
    order = np.argsort(at, kind="stable")
    with gzip.open(os.path.join(a.out, "requests.ndl.gz"), "wt", compresslevel=4) as file:
        for start in range(0, len(order), 1 << 18):
            q = order[start:start + (1 << 18)]
            rows = zip(at[q].tolist(), which[q].tolist(), status[q].tolist(), latency[q].tolist())
            file.write("".join(f"{t} {specs[e][0]} {s} {l:.1f}\n" for t, e, s, l in rows))
    with open(os.path.join(a.out, "labels.csv"), "w") as file:
        writer = csv.writer(file)
        writer.writerow("start_s end_s endpoint kind expected_requests expected_5xx snr".split())
        writer.writerows(sorted(labels))
    with open(os.path.join(a.out, "endpoints.csv"), "w") as file:
        writer = csv.writer(file)
        writer.writerow("endpoint rps median_ms sigma tail_p base_5xx burst_cv diurnal quiet".split())
        writer.writerows(specs)
    with open(os.path.join(a.out, "meta.json"), "w") as file:
        json.dump(dict(t0=T0, days=a.days, seed=a.seed, cap_rps=a.cap_rps, vary=sorted(a.vary)), file)


if __name__ == "__main__":
    main()
