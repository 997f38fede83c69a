//! Two versions of this crate in one program: the second to register is told, in words and in the log. A process of its
//! own, in which the families of the other version are there first.
#![cfg(not(loom))]

use std::io;
use std::sync::{Arc, Mutex};

use monitor_runtime::prometheus::{self, IntCounterVec, Opts};
use monitor_runtime::register;
use tracing_subscriber::fmt::MakeWriter;

/// What is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics within").extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[test]
fn the_second_version_is_told_at_its_start() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets it");
    for name in ["monitor_instrumentation_errors_total", "monitor_anomaly_events_lost_total"] {
        let other = IntCounterVec::new(Opts::new(name, "As the other version has it"), &["kind"]).expect("a name");
        prometheus::default_registry().register(Box::new(other)).expect("the first");
    }
    let errors = register().expect_err("the other version has the names").to_string();
    assert!(errors.contains("two versions of `monitor-runtime` are in this program"), "{errors}");
    let logged = String::from_utf8(log.0.lock().expect("no test panics within").clone()).expect("text");
    assert_eq!(logged.matches("two versions of `monitor-runtime`").count(), 1, "{logged}");
    assert_eq!(logged.lines().count(), 1, "{logged}");
}
