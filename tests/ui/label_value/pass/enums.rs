//! Enums as label values.

use monitor_runtime::{LabelValue, sample_value};

#[derive(Clone, Copy, LabelValue)]
enum Plan {
    Free,
    #[label("gold \"plus\"")]
    Paid,
    HTTPOnly,
    r#try,
    #[allow(dead_code, reason = "its series exists all the same")]
    Zwölf = 12,
}

mod inner {
    #[derive(monitor_runtime::LabelValue)]
    #[label(crate = ::monitor_runtime)]
    pub(crate) enum One {
        Only,
    }
}

monitor_runtime::metrics! {
    /// Plans bought
    counter PLANS = "plans_total" { plan: Plan, one: inner::One };
}

fn main() {
    let texts = ["free", "gold \"plus\"", "http_only", "try", "zwölf"];
    assert_eq!(Plan::VALUES, Some(&texts[..]));
    // All series exist from the start.
    for plan in texts {
        assert_eq!(sample_value("plans_total", &[("plan", plan), ("one", "only")]), Some(0.0));
    }
    for plan in [Plan::Free, Plan::Paid, Plan::HTTPOnly, Plan::r#try] {
        PLANS.with(PLANS { plan, one: inner::One::Only }).inc();
    }
    assert_eq!(sample_value("plans_total", &[("plan", "gold \"plus\""), ("one", "only")]), Some(1.0));
}
