//! Every kind, label type and option, at any visibility and in any place.
#![deny(missing_docs, unreachable_pub)]

use monitor_runtime::{LabelValue, Outcome, sample_value};

monitor_runtime::metrics! {}

monitor_runtime::metrics! {
    /// Logins
    ///
    /// of every `method`
    pub counter LOGINS = "logins_total" {
        method: &'static str,
        good: bool,
        plan: Plan,
        outcome: Outcome,
        a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: u64, h: i64, i: u128, j: i128, k: usize, l: isize,
    } limit 50;
    #[doc = "Jobs"]
    #[allow(dead_code, reason = "nobody works")]
    pub(crate) counter JOBS = "jobs_total" { #[label(max = 50)] tenant: &str, #[label(max = 5)] kind: &'static str };
    /// Sizes
    pub(self) histogram SIZES = "sizes_bytes" { r#type: &'static str } buckets [-1, -0.5, 0, 1e3, 2.5e6,] limit 3;
    /// Seconds
    histogram LATENCY = "latency_seconds";
    /// In flight
    gauge RUNNING = "running" { #[label(max = 7)] number: u64 };
    /// Never there
    #[cfg(any())]
    counter NEVER = "never_total" { missing: Missing };
    /// Always there
    #[cfg(all())]
    counter ALWAYS = "always_total";
}

/// What was bought.
#[derive(Clone, Copy, LabelValue)]
pub enum Plan {
    /// Nothing.
    Free,
}

macro_rules! declare {
    ($($kind:ident $ident:ident = $name:literal $ty:ty;)*) => {
        monitor_runtime::metrics! {$(
            /// Made by a macro
            $kind $ident = $name { label: $ty };
        )*}
    };
}
declare! {
    counter MADE = "made_total" bool;
    gauge MADE_GAUGE = "made_gauge" u8;
}

mod inner {
    monitor_runtime::metrics! {
        /// In a module
        pub(super) counter INNER = "inner_total" { #[label(max = 2)] who: &str };
    }
}

static REGISTRY: std::sync::LazyLock<prometheus::Registry> = std::sync::LazyLock::new(prometheus::Registry::new);
use monitor_runtime::prometheus;

monitor_runtime::metrics! {
    registry crate::REGISTRY;
    /// In a registry of its own
    counter OWN = "own_total";
}

fn main() {
    monitor_runtime::metrics! {
        /// In a function
        counter LOCAL = "local_total";
    }
    LOCAL.inc();
    ALWAYS.add(2);
    OWN.inc();
    LOGINS
        .with(LOGINS {
            method: "password",
            good: true,
            plan: Plan::Free,
            outcome: Outcome::Success,
            a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9, j: 10, k: 11, l: 12,
        })
        .inc();
    SIZES.with(SIZES { r#type: "text" }).observe(5.0);
    LATENCY.observe(0.1);
    RUNNING.with(RUNNING { number: 5 }).set(2.5);
    MADE.with(MADE { label: true }).inc();
    MADE_GAUGE.with(MADE_GAUGE { label: 1 }).dec();
    let who = String::from("ada");
    inner::INNER.with(inner::INNER { who: &who }).inc();

    monitor_runtime::register().expect("no two metrics of one name");
    assert_eq!(sample_value("local_total", &[]), Some(1.0));
    assert_eq!(sample_value("always_total", &[]), Some(2.0));
    assert_eq!(sample_value("own_total", &[]), None);
    assert_eq!(monitor_runtime::sample_value_in(&REGISTRY, "own_total", &[]), Some(1.0));
    assert_eq!(sample_value("sizes_bytes_count", &[("type", "text")]), Some(1.0));
    assert_eq!(sample_value("running", &[("number", "5")]), Some(2.5));
    assert_eq!(sample_value("made_gauge", &[("label", "1")]), Some(-1.0));
    assert_eq!(sample_value("inner_total", &[("who", "ada")]), Some(1.0));
}
