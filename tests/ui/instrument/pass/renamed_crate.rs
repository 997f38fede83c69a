//! The runtime under another name, as a crate that re-exports it hands it on.

extern crate monitor_runtime as metering;

mod company {
    pub(crate) mod telemetry {
        pub(crate) use ::metering::*;
    }
}

use company::telemetry;

mod monitor_runtime {}

metering::metrics! {
    crate = crate::company::telemetry;
    /// Calls
    counter CALLS = "calls_total" { plan: Plan };
    /// Bytes
    counter BYTES = "bytes_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[derive(Clone, Copy, metering::LabelValue)]
#[label(crate = telemetry)]
enum Plan {
    Free,
}

#[telemetry::instrument(counter = CALLS, plan = Plan::Free, crate = telemetry)]
fn called() -> u8 {
    1
}

#[telemetry::instrument(counter = BYTES, histogram = LATENCY, crate = crate::company::telemetry)]
async fn called_later() -> Result<u8, u8> {
    Ok(1)
}

struct Shop;
#[telemetry::track_latency(LATENCY, crate = crate::telemetry)]
impl Shop {
    fn open(&self) {
        let _timer = telemetry::timer!(LATENCY, crate = telemetry);
    }
}

fn main() {
    telemetry::assert_delta!(CALLS { plan: Plan::Free }, 1, assert_eq!(called(), 1));
    telemetry::assert_delta!(BYTES {}, 1, assert_eq!(ui::run(called_later()), Ok(1)));
    telemetry::assert_delta!(LATENCY {}, 2, Shop.open());
}
