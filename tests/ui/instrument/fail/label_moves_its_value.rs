#[derive(monitor_runtime::LabelValue)]
enum Plan {
    Free,
}

monitor_runtime::metrics! {
    /// Plans bought
    counter PLANS = "plans_total" { plan: Plan };
}

#[monitor_runtime::instrument(counter = PLANS, plan = plan)]
fn buy(plan: Plan) -> Plan {
    plan
}

#[monitor_runtime::instrument(counter = PLANS, plan = plan)]
async fn buy_later(plan: Plan) -> Plan {
    plan
}

fn main() {
    buy(Plan::Free);
    drop(buy_later(Plan::Free));
}
