#!/usr/bin/env python3
"""What an annotated function costs to compile, and what a dependency costs to build from nothing (tables H).

    compile.py functions [ROUNDS]     1,000 small functions, half of them async, in a crate for each variant
    compile.py dependencies [ROUNDS]  one dependency for each case, built from nothing

Every round visits every variant in turn; the minimum is quoted. CPU seconds are those of cargo and rustc together.
FUNCTIONS=N makes fewer functions, CASES=TEXT leaves out what has not that text in its name, but for `none`.
"""
import os, resource, shutil, subprocess, sys

FUNCTIONS = int(os.environ.get("FUNCTIONS", 1000))
CASES = os.environ.get("CASES", "")
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BASE = os.path.join(HERE, ".build")
OURS = f'monitor-runtime={{path="{ROOT}/monitor-runtime"}}'

SITE = '''use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
pub struct Site { pub name: &'static str, pub labels: &'static [(&'static str, &'static str)], pub n: AtomicU64 }
impl Site {
    pub const fn new(name: &'static str, labels: &'static [(&'static str, &'static str)]) -> Self { Site { name, labels, n: AtomicU64::new(0) } }
    #[inline] pub fn inc(&'static self) { if self.n.fetch_add(1, Relaxed) == 0 { register(self) } }
}
#[cold] #[inline(never)] fn register(s: &'static Site) { SITES.lock().unwrap().push(s) }
pub static SITES: std::sync::Mutex<Vec<&'static Site>> = std::sync::Mutex::new(Vec::new());
'''
METRICS = '''monitor_runtime::metrics! {
    /// Sessions opened
    pub counter USER_SESSIONS = "user_sessions_total" { auth_method: &'static str };
    /// Latency in seconds
    pub histogram LATENCY = "latency_seconds" { auth_method: &'static str };
}
'''
# name: (dependencies, attribute, statement at the start of the body, prelude). What is called `..with ?` has a `?` in
# the body, and is compared with `none with ?`.
VARIANTS = {
    "none": ("", "", "", ""),
    "none with ?": ("", "", "", ""),
    "a static and one atomic by hand (limit)": ("", "", 'static S: Site = Site::new("user_sessions", &[("auth_method", "password")]); S.inc();', SITE),
    "ours: counter": (OURS, '#[monitor_runtime::instrument(counter = USER_SESSIONS, auth_method = "password")]', "", METRICS),
    "ours: counter and latency": (OURS, '#[monitor_runtime::instrument(counter = USER_SESSIONS, histogram = LATENCY, auth_method = "password")]', "", METRICS),
    "ours: counter with ?": (OURS, '#[monitor_runtime::instrument(counter = USER_SESSIONS, auth_method = "password")]', "", METRICS),
    "ours: counter and latency with ?": (OURS, '#[monitor_runtime::instrument(counter = USER_SESSIONS, histogram = LATENCY, auth_method = "password")]', "", METRICS),
    "fastrace": ('fastrace={version="=0.7.19",features=["enable"]}', "#[fastrace::trace]", "", ""),
    "tracing skip_all": ('tracing="=0.1.44"', "#[tracing::instrument(skip_all)]", "", ""),
    "autometrics": ('autometrics={version="=3.0.0",features=["prometheus"]}', "#[autometrics::autometrics]", "", ""),
}
DEPENDENCIES = {
    "empty": "",
    "ours, the core without features": OURS,
    "syn + quote, as ours has them": 'syn={version="3",default-features=false,features=["full","derive","parsing","printing","proc-macro","clone-impls","visit-mut"]}\nquote="1"',
    "prometheus without default features": 'prometheus={version="=0.14.0",default-features=false}',
    "prometheus": 'prometheus="=0.14.0"',
    "autometrics": 'autometrics={version="=3.0.0",features=["prometheus"]}',
    "metered": 'metered="=0.9.0"',
}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def source(name, bump):
    """The crate: functions that can fail, and a main that calls them all, so that nothing is left out as dead."""
    _, attribute, statement, prelude = VARIANTS[name]
    refuse = "let x = check(x, {})?;" if name.endswith("with ?") else "if x > {} {{ return Err(format!(\"{{name}} over {}\")); }}"
    out, calls = ["#![allow(unused)]\n" + prelude], []
    for i in range(FUNCTIONS):
        is_async = "async " if i % 2 else ""
        out.append(f'''{attribute}
pub {is_async}fn f{i}(x: u64, name: &str) -> Result<u64, String> {{
    {statement}
    {refuse.format(i + bump, i)}
    let y = x.wrapping_mul({2 * i + 1}).rotate_left({i % 63});
    Ok(y ^ name.len() as u64)
}}''')
        call = f'f{i}(x, "n")'
        calls.append(f'    s ^= {"poll(" + call + ")" if is_async else call}.unwrap_or(1);')
    out.append('''fn check(x: u64, limit: u64) -> Result<u64, String> { if x > limit { Err(format!("over {limit}")) } else { Ok(x) } }
fn poll<T>(f: impl std::future::Future<Output = T>) -> T {
    match std::pin::pin!(f).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) { std::task::Poll::Ready(v) => v, _ => unreachable!() }
}
fn main() {
    let x = std::env::args().count() as u64; let mut s = 0;''')
    parts = range(0, FUNCTIONS, 100)
    out += [f"    s ^= part{k}(x);" for k in parts]
    out.append('    println!("{s}");\n}')
    for k in parts:
        out.append(f"#[inline(never)] fn part{k}(x: u64) -> u64 {{ let mut s = 0;\n" + "\n".join(calls[k:k + 100]) + "\n    s\n}")
    return "\n".join(out)


def run(command, directory, **environment):
    """CPU seconds and standard output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "CARGO_TARGET_DIR": os.path.join(directory, "target"), **environment}
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{directory}: {' '.join(command)}\n{done.stderr[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def crate(name, dependencies, main):
    directory = os.path.join(BASE, "".join(c if c.isalnum() else "_" for c in name))
    write(directory + "/Cargo.toml", f'[package]\nname="t"\nversion="0.0.0"\nedition="2024"\n[dependencies]\n{dependencies}\n[workspace]\n')
    write(directory + "/src/main.rs", main)
    # The versions of the project, where it has them.
    shutil.copy(os.path.join(HERE, "Cargo.lock"), directory)
    return directory


def functions(rounds):
    crates = {name: crate(name, v[0], source(name, 0)) for name, v in VARIANTS.items() if name.startswith("none") or CASES in name}
    sizes, seconds = {}, {name: [] for name in crates}
    for name, directory in crates.items():
        ir = os.path.join(directory, "x.ll")
        whole = {"CARGO_INCREMENTAL": "0"}
        run(["cargo", "rustc", "-q", "--", f"--emit=llvm-ir={ir}", "-Cno-prepopulate-passes", "-Ccodegen-units=1"], directory, **whole)
        with open(ir) as file:
            lines = sum(line.startswith("  ") for line in file)
        # Expansion is shown by the compiler's unstable option alone; the switch lets a stable one show it.
        _, expanded = run(["cargo", "rustc", "-q", "--profile=check", "--", "-Zunpretty=expanded"], directory, RUSTC_BOOTSTRAP="1")
        sizes[name] = (lines, len(expanded))
        run(["cargo", "build", "-q"], directory)
        run(["cargo", "check", "-q"], directory)
    for number in range(1, rounds + 1):
        for name, directory in crates.items():
            write(directory + "/src/main.rs", source(name, number))
            costs = []
            for command in ("check", "build"):
                run(["cargo", "clean", "-q", "-p", "t"], directory)
                costs.append(run(["cargo", command, "-q"], directory)[0])
            seconds[name].append(costs)
    print(f"\n### H. {FUNCTIONS} annotated functions, over none, by function\n")
    print("| case | check, us of CPU | build, us of CPU | IR lines | expanded source |\n|---|---|---|---|---|")
    us = lambda name, what: min(costs[what] for costs in seconds[name]) * 1e6 / FUNCTIONS
    for name, (lines, expanded) in sizes.items():
        none = "none with ?" if name.endswith("with ?") else "none"
        over = [us(name, what) - us(none, what) for what in (0, 1)]
        more = (lines - sizes[none][0]) / FUNCTIONS
        print(f"| {name} | {over[0]:.0f} | {over[1]:.0f} | {more:.1f} | {expanded / sizes[none][1]:.2f}x |")


def dependencies(rounds):
    crates = {name: crate("dependency " + name, lines, "fn main() {}\n") for name, lines in DEPENDENCIES.items() if CASES in name}
    # A dependency of a registry is never built incrementally; ours, which is here by its path, would be.
    whole = {"CARGO_INCREMENTAL": "0"}
    seconds = {name: [] for name in crates}
    for directory in crates.values():
        run(["cargo", "fetch", "-q"], directory)
    for _ in range(rounds):
        for name, directory in crates.items():
            shutil.rmtree(directory + "/target", ignore_errors=True)
            seconds[name].append(run(["cargo", "build", "-q", "--offline", "-j2"], directory, **whole)[0])
            shutil.rmtree(directory + "/target", ignore_errors=True)
    print("\n### H. A dependency, built from nothing (dev profile)\n\n| case | CPU s |\n|---|---|")
    for name, costs in seconds.items():
        print(f"| {name} | {min(costs):.1f} |")


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    {"functions": functions, "dependencies": dependencies}.get(what, lambda _: sys.exit(__doc__))(rounds)
