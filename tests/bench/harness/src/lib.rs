//! Measures cases side by side: nanoseconds, instructions and allocations a call. What is measured is for its users.
//!
//! Each round runs every case once, in rotated order, so that a busy machine is hard on all of them alike; the minimum
//! of samples of about 1 ms of thread CPU time is quoted first. Instructions are counted by single-stepping a forked
//! child, so the kernel's vDSO clock is included, and the count is the same on a busy machine.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub use std::hint::black_box;

/// What one run of a closure did to the heap.
#[derive(Clone, Copy, Debug)]
pub struct Heap {
    pub allocations: u64,
    /// Bytes still live at the end.
    pub kept: i64,
    /// The most bytes live at any time, above the start.
    pub peak: i64,
}

/// Runs `f` and counts what it allocates.
pub fn heap<R>(f: impl FnOnce() -> R) -> (R, Heap) {
    LIVE.store(0, Relaxed);
    PEAK.store(0, Relaxed);
    ALLOCATIONS.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    let result = f();
    COUNTING.store(false, Relaxed);
    (result, Heap { allocations: ALLOCATIONS.load(Relaxed), kept: LIVE.load(Relaxed), peak: PEAK.load(Relaxed) })
}

/// CPU time of this thread: it stands still while another process has the core.
pub fn cpu_ns() -> f64 {
    // SAFETY: the clock exists and the result is written before it is read.
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    }
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

type Run = Box<dyn FnMut(u64)>;

/// The cases of one table. The first is the baseline.
#[derive(Default)]
pub struct Suite {
    cases: Vec<(String, Run)>,
    /// Called after every timed sample, untimed: a recorder's drain.
    pub between: Option<Box<dyn FnMut()>>,
}

/// Adds the case `body`, which sees the number of the call as `x`.
#[macro_export]
macro_rules! case {
    ($suite:expr, $name:expr, |$x:ident| $body:expr) => {
        $suite.add($name, move |calls: u64| {
            for call in 0..calls {
                let $x: u64 = $crate::black_box(call);
                let _ = $crate::black_box($body);
            }
        })
    };
}

impl Suite {
    /// Adds a case; it makes as many calls as it is told to.
    pub fn add(&mut self, name: impl Into<String>, run: impl FnMut(u64) + 'static) {
        self.cases.push((name.into(), Box::new(run)));
    }

    /// Prints the table. `ROUNDS` samples a case, 41 if it is not set.
    pub fn run(&mut self, title: &str) {
        let rounds: usize = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(41);
        let count = self.cases.len();
        let calls: Vec<u64> = self.cases.iter_mut().map(|(_, run)| calls_a_sample(run)).collect();
        let mut ns = vec![Vec::with_capacity(rounds); count];
        for round in 0..rounds {
            for number in 0..count {
                let case = (number + round) % count;
                let start = cpu_ns();
                (self.cases[case].1)(calls[case]);
                ns[case].push((cpu_ns() - start) / calls[case] as f64);
                if let Some(between) = &mut self.between {
                    between();
                }
            }
        }
        println!("\n### {title}\n");
        println!(
            "| case | ns/call (min) | median | min over baseline | instr/call | instr over baseline | allocs/call |"
        );
        println!("|---|---|---|---|---|---|---|");
        let mut base: Option<(f64, Option<f64>)> = None;
        for ((name, run), mut ns) in self.cases.iter_mut().zip(ns) {
            let middle = median(&mut ns); // which sorts
            let min = ns[0];
            let allocations = heap(|| run(200)).1.allocations as f64 / 200.0;
            let steps = instructions(run, (20_000.0 / min).clamp(4.0, 100.0) as u64).ok();
            let (base_min, base_steps) = *base.get_or_insert((min, steps));
            let shown = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
            let over = shown(steps.zip(base_steps).map(|(steps, base)| steps - base));
            let (steps, over_min) = (shown(steps), min - base_min);
            println!("| {name} | {min:.2} | {middle:.2} | {over_min:.2} | {steps} | {over} | {allocations:.2} |");
        }
    }
}

fn calls_a_sample(run: &mut Run) -> u64 {
    const SAMPLE_NS: u64 = 1_000_000;
    let mut calls = 64;
    run(calls); // What first calls prepare would be taken for their usual time, and the samples would be too short.
    loop {
        let start = cpu_ns();
        run(calls);
        let ns = (cpu_ns() - start).max(1.0) as u64;
        if ns > SAMPLE_NS / 5 || calls > 1 << 22 {
            return (calls * SAMPLE_NS / ns).clamp(1, 1 << 22);
        }
        calls *= 2;
    }
}

/// Instructions a call: a child runs `run(calls)` and then `run(2 * calls)` in single steps; the difference, by call.
///
/// A process may trace its own child without any privilege. Where a sandbox forbids even that, the error says so.
pub fn instructions(run: &mut dyn FnMut(u64), calls: u64) -> Result<f64, String> {
    const LIMIT: Duration = Duration::from_secs(60);
    // Two processes that take turns do it faster on one core.
    let free = pin(None);
    let result = step(run, calls, LIMIT);
    repin(&free);
    result
}

/// Where the kernel's `struct user` has the instruction pointer.
const RIP: usize = 16 * size_of::<usize>();

fn step(run: &mut dyn FnMut(u64), calls: u64, limit: Duration) -> Result<f64, String> {
    // SAFETY: plain system calls. The child is a copy of this one thread: it runs the closure and leaves without
    // running any destructor.
    unsafe {
        let page = libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if page == libc::MAP_FAILED {
            return Err("no memory to share with the child".to_owned());
        }
        let phase = AtomicU64::from_ptr(page.cast());
        let child = libc::fork();
        if child == 0 {
            if libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) != 0 {
                libc::_exit(1);
            }
            // What the first calls of a process prepare is not measured.
            run(calls);
            libc::raise(libc::SIGSTOP);
            phase.store(1, Relaxed);
            run(calls);
            phase.store(2, Relaxed);
            run(2 * calls);
            phase.store(3, Relaxed);
            libc::_exit(0);
        }
        let (mut steps, mut status, start) = ([0_u64; 4], 0, Instant::now());
        let mut last = 0;
        let mut refused = child < 0 || libc::waitpid(child, &mut status, 0) != child;
        let finished = loop {
            let phase = phase.load(Relaxed) as usize;
            if phase == 3 {
                break true;
            }
            // A copy by `rep movsb` traps at every byte, where the instruction still is; that is one instruction.
            let at = libc::ptrace(libc::PTRACE_PEEKUSER, child, RIP, 0);
            steps[phase] += u64::from(at != last);
            last = at;
            if refused || !libc::WIFSTOPPED(status) || steps[phase].is_multiple_of(1024) && start.elapsed() > limit {
                break false;
            }
            refused = libc::ptrace(libc::PTRACE_SINGLESTEP, child, 0, 0) != 0;
            libc::waitpid(child, &mut status, 0);
        };
        if child > 0 && !libc::WIFEXITED(status) {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, &mut status, 0);
        }
        libc::munmap(page, 4096);
        if finished {
            return Ok((steps[2] as f64 - steps[1] as f64) / calls as f64);
        }
        if steps[1] == 0 {
            return Err("this machine lets no process trace its own child (ptrace), so there is no count".to_owned());
        }
        Err(format!("the child did not come to the end: {steps:?} steps, status {status}"))
    }
}

/// Pinned threads that all call `f` as often as they can: nanoseconds a call of the slowest.
pub fn hammer(threads: usize, calls: u64, f: &(impl Fn(u64) + Sync + ?Sized)) -> f64 {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|core| {
                let barrier = &barrier;
                scope.spawn(move || {
                    pin(Some(core));
                    f(black_box(0)); // What a thread's first call prepares is not measured.
                    barrier.wait();
                    let start = Instant::now();
                    for call in 0..calls {
                        f(black_box(call));
                    }
                    start.elapsed().as_nanos() as f64 / calls as f64
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).fold(0.0, f64::max)
    })
}

/// Keeps this thread on a core, `None` being the one where it runs, and tells where it was free to run. A refusal is
/// ignored.
fn pin(core: Option<usize>) -> libc::cpu_set_t {
    // SAFETY: the sets are plain bit fields of the size that is passed.
    unsafe {
        let (mut free, mut one): (libc::cpu_set_t, libc::cpu_set_t) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sched_getaffinity(0, size_of_val(&free), &mut free);
        if let Ok(core) = core.map_or_else(|| libc::sched_getcpu().try_into(), Ok) {
            libc::CPU_SET(core, &mut one);
            repin(&one);
        }
        free
    }
}

fn repin(set: &libc::cpu_set_t) {
    // SAFETY: as above.
    unsafe {
        libc::sched_setaffinity(0, size_of_val(set), set);
    }
}

static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

struct Counting;

#[global_allocator]
static GLOBAL: Counting = Counting;

fn count(bytes: i64) {
    if COUNTING.load(Relaxed) {
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        if bytes > 0 {
            ALLOCATIONS.fetch_add(1, Relaxed);
            PEAK.fetch_max(live, Relaxed);
        }
    }
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64); // Old and new may exist together while one is copied to the other.
        count(-(layout.size() as i64));
        unsafe { System.realloc(pointer, layout, size) }
    }
}
