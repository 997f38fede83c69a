//! Every receiver that Rust knows.

use monitor_runtime::assert_delta;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[derive(Clone, Default)]
struct Account(u32);

impl Account {
    #[monitor_runtime::instrument(counter = CALLS)]
    fn by_value(self) -> u32 {
        self.0
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    fn by_mut_value(mut self) -> Self {
        self.0 += 1;
        self
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    fn by_ref(&self) -> &u32 {
        &self.0
    }
    #[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
    fn by_mut(&mut self) -> &mut u32 {
        self.0 += 1;
        &mut self.0
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    fn by_lifetime<'a>(&'a mut self, _: &str) -> &'a mut Self {
        self
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    fn by_box(self: Box<Self>) -> u32 {
        self.0
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    fn by_rc(self: Rc<Self>) -> u32 {
        self.0
    }
    #[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
    fn by_arc(self: Arc<Self>) -> Arc<Self> {
        self
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    fn by_arc_ref(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    fn by_pin(self: Pin<&mut Self>) -> u32 {
        self.get_mut().0
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    async fn later_by_value(self) -> u32 {
        self.0
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    async fn later_by_ref(&self) -> &u32 {
        &self.0
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    async fn later_by_mut(&mut self) -> &mut u32 {
        self.0 += 1;
        &mut self.0
    }
    #[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
    async fn later_by_pin(mut self: Pin<&mut Self>) -> u32 {
        self.as_mut().get_mut().0 += 1;
        self.0
    }
    #[monitor_runtime::instrument(counter = CALLS)]
    async fn later_by_arc(self: Arc<Self>) -> u32 {
        self.0
    }
}

fn main() {
    assert_delta!(CALLS {}, 15, {
        let mut account = Account::default().by_mut_value();
        assert_eq!(*account.by_ref(), 1);
        *account.by_mut() += 1;
        assert_eq!(account.by_lifetime("")  .0, 3);
        assert_eq!(account.clone().by_value(), 3);
        assert_eq!(Box::new(account.clone()).by_box(), 3);
        assert_eq!(Rc::new(account.clone()).by_rc(), 3);
        assert_eq!(Arc::new(account.clone()).by_arc().by_arc_ref().0, 3);
        assert_eq!(Pin::new(&mut account).by_pin(), 3);
        assert_eq!(ui::run(account.clone().later_by_value()), 3);
        assert_eq!(*ui::run(account.later_by_ref()), 3);
        *ui::run(account.later_by_mut()) += 1;
        assert_eq!(ui::run(Pin::new(&mut account).later_by_pin()), 6);
        assert_eq!(ui::run(Arc::new(account).later_by_arc()), 6);
    });
}
