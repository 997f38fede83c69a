//! A future is `Send`, and `'static`, exactly when its body is.

use monitor_runtime::{Outcome, assert_delta};
use std::cell::Cell;
use std::rc::Rc;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Calls by tenant
    counter TENANTS = "tenants_total" { #[label(max = 9)] tenant: &str, outcome: Outcome };
    /// Seconds
    histogram LATENCY = "latency_seconds";
    /// In flight
    gauge RUNNING = "running";
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn plain(number: u8) -> u8 {
    std::future::ready(()).await;
    number
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY, gauge = RUNNING)]
async fn watched(number: u8) -> Result<u8, Box<dyn std::error::Error + Send>> {
    std::future::ready(()).await;
    Ok(number)
}

#[monitor_runtime::instrument(counter = TENANTS, tenant = tenant.clone(), outcome)]
async fn labelled(tenant: String) -> usize {
    std::future::ready(()).await;
    tenant.len()
}

#[monitor_runtime::instrument(counter = CALLS)]
fn returned(number: u8) -> impl Future<Output = u8> + Send + 'static {
    async move { number }
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
async fn local(number: Rc<Cell<u8>>) -> u8 {
    std::future::ready(()).await;
    number.replace(0)
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn of_closure<F: Future<Output = u8>>(make: impl FnOnce() -> F) -> u8 {
    make().await
}

/// The value of a future that another thread could have had.
fn sent<T>(future: impl Future<Output = T> + Send + 'static) -> T {
    ui::run(future)
}

fn main() {
    assert_delta!(CALLS {}, 5, {
        assert_eq!(sent(plain(1)), 1);
        assert!(sent(watched(1)).is_ok());
        assert_eq!(sent(returned(1)), 1);
        assert_eq!(ui::run(local(Rc::new(Cell::new(5)))), 5);
        assert_eq!(sent(of_closure(|| async { 2 })), 2);
    });
    assert_delta!(TENANTS { tenant: "ada", outcome: Outcome::Success }, 1, {
        assert_eq!(sent(labelled("ada".to_owned())), 3);
    });
}
