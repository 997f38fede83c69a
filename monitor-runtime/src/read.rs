//! A plain stand-in until the real room is here.
use prometheus::Registry;
/// x
pub fn sample_value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    sample_value_in(prometheus::default_registry(), name, labels)
}
/// x
pub fn sample_value_in(r: &Registry, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let _ = crate::register();
    for f in r.gather() {
        for m in f.get_metric() {
            let mut a: Vec<_> = m.get_label().iter().map(|l| (l.name(), l.value())).collect();
            let mut b = labels.to_vec();
            a.sort();
            b.sort();
            if a != b {
                continue;
            }
            if f.name() == name {
                return Some(match f.get_field_type() {
                    prometheus::proto::MetricType::COUNTER => m.get_counter().get_value(),
                    _ => m.get_gauge().get_value(),
                });
            }
            if name == format!("{}_count", f.name()) {
                return Some(m.get_histogram().get_sample_count() as f64);
            }
        }
    }
    None
}
