//! Every source of a label's value and every option.

use monitor_runtime::{LabelValue, Outcome, assert_delta};

mod metrics {
    use super::{Outcome, Plan};

    monitor_runtime::metrics! {
        /// Calls
        pub(crate) counter CALLS = "calls_total" { plan: Plan, #[label(max = 9)] who: &str, count: i8, good: bool };
        /// Calls by what the options are named
        pub(crate) counter NAMED = "named_total" { on: &'static str, by: u8, outcome: Outcome, counter: bool };
        /// Bytes
        pub(crate) counter BYTES = "bytes_total";
        /// Seconds
        pub(crate) histogram LATENCY = "latency_seconds" { #[label(max = 9)] who: &str };
        /// In flight
        pub(crate) gauge RUNNING = "running" { #[label(max = 9)] who: &str };
    }
}
use metrics::BYTES;

#[derive(Clone, Copy, PartialEq, LabelValue)]
enum Plan {
    Free,
    #[label("gold")]
    Paid,
}

struct User {
    name: String,
    plan: Plan,
}

#[monitor_runtime::instrument(
    counter = metrics::CALLS,
    plan = user.plan,
    who = user.name.as_str(),
    count = -1,
    good = !user.name.is_empty() && (user.plan == Plan::Paid),
)]
fn expressions(user: &User) -> Plan {
    user.plan
}

#[monitor_runtime::instrument(counter = metrics::CALLS, plan = |plan| *plan, who = "literal", count = |_| 3, good = true)]
async fn results(plan: Plan) -> Plan {
    plan
}

#[monitor_runtime::instrument(counter = metrics::NAMED, on = "any", by = amount, outcome, labels(on = "x", by = 5, counter = amount > 1))]
fn named_like_options(amount: u64) -> Result<u64, String> {
    amount.checked_sub(1).ok_or_else(|| "nothing".to_owned())
}

#[monitor_runtime::instrument(counter = BYTES, by = data.len() as u64)]
fn amounts(data: &[u8]) -> bool {
    data.is_empty()
}

#[monitor_runtime::instrument(histogram = metrics::LATENCY, gauge = metrics::RUNNING, who = &name)]
async fn evaluated_once(name: String) -> String {
    name
}

#[monitor_runtime::instrument(histogram = metrics::LATENCY, gauge = metrics::RUNNING, who = name.to_lowercase().trim())]
fn of_what_the_expression_makes(name: &str) -> usize {
    name.len()
}

#[monitor_runtime::instrument(counter = metrics::CALLS, plan = Plan::Free, who = { turns.set(turns.get() + 1); "block" }, count = 1, good = true)]
fn counted_turns(turns: &std::cell::Cell<u8>) -> u8 {
    turns.get()
}

fn main() {
    let user = User { name: "ada".to_owned(), plan: Plan::Paid };
    assert_delta!(metrics::CALLS { plan: Plan::Paid, who: "ada", count: -1, good: true }, 1, {
        assert!(expressions(&user) == Plan::Paid);
    });
    assert_delta!(metrics::CALLS { plan: Plan::Free, who: "literal", count: 3, good: true }, 1, {
        assert!(ui::run(results(Plan::Free)) == Plan::Free);
    });
    assert_delta!(metrics::NAMED { on: "x", by: 5, outcome: Outcome::Success, counter: true }, 7, {
        assert_eq!(named_like_options(7), Ok(6));
    });
    assert_delta!(BYTES {}, 3, assert!(!amounts(&[1, 2, 3])));
    assert_delta!(metrics::LATENCY { who: "ada" }, 1, assert_eq!(ui::run(evaluated_once(user.name)), "ada"));
    assert_delta!(metrics::LATENCY { who: "ada" }, 1, assert_eq!(of_what_the_expression_makes(" ADA "), 5));
    assert_eq!(metrics::RUNNING.with(metrics::RUNNING { who: "ada" }).value(), 0.0);
    assert_delta!(metrics::CALLS { plan: Plan::Free, who: "block", count: 1, good: true }, 1, {
        assert_eq!(counted_turns(&std::cell::Cell::new(0)), 1);
    });
}
