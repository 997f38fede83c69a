//! The peers, and the least that the same work can cost.

use std::hash::BuildHasher;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use measured::text::BufferedTextEncoder;
use measured::{LabelGroup, MetricGroup};
use metrics_exporter_prometheus::PrometheusBuilder;
use paracord::ParaCord;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::{counter::Counter, family::Family, histogram::Histogram};

use crate::{BUCKETS, Count, Encode};

/// 16 locked maps and a borrowed key: no allocation on a hit.
struct Sharded {
    hasher: foldhash::fast::RandomState,
    maps: [RwLock<hashbrown::HashTable<(Box<str>, AtomicU64)>>; 16],
}

pub fn sharded() -> Count {
    let sharded =
        Sharded { hasher: Default::default(), maps: [const { RwLock::new(hashbrown::HashTable::new()) }; 16] };
    Box::new(move |key| {
        let hash = sharded.hasher.hash_one(key);
        let map = &sharded.maps[(hash >> 57) as usize % 16];
        if let Some(entry) = map.read().expect("no panic").find(hash, |entry| &*entry.0 == key) {
            entry.1.fetch_add(1, Relaxed);
            return;
        }
        let new = (key.into(), AtomicU64::new(1));
        map.write().expect("no panic").insert_unique(hash, new, |entry| sharded.hasher.hash_one(&*entry.0));
    })
}

pub fn prometheus_count() -> Count {
    let sessions = prometheus::IntCounterVec::new(prometheus::Opts::new("sessions", "h"), &["user"]).expect("legal");
    Box::new(move |key| sessions.with_label_values(&[key]).inc())
}

pub fn prometheus_client_count() -> Count {
    let sessions = Family::<User, Counter>::default();
    Box::new(move |key| {
        sessions.get_or_create(&User { user: key.to_owned() }).inc();
    })
}

pub fn metrics_count(count: usize) -> Count {
    let recorder = PrometheusBuilder::new().build_recorder();
    // The first one stays; all are alike.
    let _ = metrics::set_global_recorder(recorder);
    let name = match count {
        1 => "one",
        10 => "ten",
        _ => "many",
    };
    Box::new(move |key| metrics::counter!(name, "user" => key.to_owned()).increment(1))
}

pub fn measured_count() -> Count {
    let sessions = measured::CounterVec::with_label_set(MeasuredUserSet { user: ParaCord::default() });
    Box::new(move |key| sessions.inc(MeasuredUser { user: key }))
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct User {
    user: String,
}
#[derive(Clone, Copy, PartialEq, Debug, LabelGroup)]
#[label(set = MeasuredUserSet)]
struct MeasuredUser<'a> {
    #[label(dynamic_with = ParaCord)]
    user: &'a str,
}
#[derive(MetricGroup)]
#[metric(new())]
struct MeasuredCounters {
    #[metric(label_set = MeasuredUserSet { user: ParaCord::default() })]
    sessions: measured::CounterVec<MeasuredUserSet>,
}
#[derive(MetricGroup)]
#[metric(new())]
struct MeasuredHistograms {
    #[metric(
        label_set = MeasuredUserSet { user: ParaCord::default() },
        metadata = measured::metric::histogram::Thresholds::with_buckets(BUCKETS)
    )]
    latency: measured::HistogramVec<MeasuredUserSet, 14>,
}

/// Copies lines that stand ready and formats one integer a line.
pub fn limit(keys: &'static [String], histograms: bool) -> Encode {
    let mut lines: Vec<(Box<str>, AtomicU64)> = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let mut line = |text: String| lines.push((text.into(), AtomicU64::new(number as u64)));
        if histograms {
            for bound in BUCKETS {
                line(format!("latency_bucket{{user=\"{key}\",le=\"{bound}\"}} "));
            }
            line(format!("latency_bucket{{user=\"{key}\",le=\"+Inf\"}} "));
            line(format!("latency_sum{{user=\"{key}\"}} "));
            line(format!("latency_count{{user=\"{key}\"}} "));
        } else {
            line(format!("sessions{{user=\"{key}\"}} "));
        }
    }
    let mut page = Vec::<u8>::new();
    Box::new(move || {
        page.clear();
        for (text, value) in &lines {
            page.extend_from_slice(text.as_bytes());
            let (mut value, mut digits, mut at) = (value.load(Relaxed), [0; 20], 20);
            loop {
                at -= 1;
                digits[at] = b'0' + (value % 10) as u8;
                value /= 10;
                if value == 0 {
                    break;
                }
            }
            page.extend_from_slice(&digits[at..]);
            page.push(b'\n');
        }
        page.len()
    })
}

pub fn prometheus(keys: &'static [String], histograms: bool) -> Encode {
    let registry = prometheus::Registry::new();
    if histograms {
        let options = prometheus::HistogramOpts::new("latency", "h").buckets(BUCKETS.to_vec());
        let latency = prometheus::register_histogram_vec_with_registry!(options, &["user"], registry).expect("legal");
        for (number, key) in keys.iter().enumerate() {
            latency.with_label_values(&[key]).observe(number as f64 * 1e-4);
        }
    } else {
        let sessions =
            prometheus::register_int_counter_vec_with_registry!("sessions", "h", &["user"], registry).expect("legal");
        for (number, key) in keys.iter().enumerate() {
            sessions.with_label_values(&[key]).inc_by(number as u64);
        }
    }
    let mut page = String::new();
    Box::new(move || {
        page.clear();
        prometheus::TextEncoder::new().encode_utf8(&registry.gather(), &mut page).expect("a string takes all");
        page.len()
    })
}

pub fn prometheus_client(keys: &'static [String], histograms: bool) -> Encode {
    let mut registry = prometheus_client::registry::Registry::default();
    if histograms {
        let latency = Family::<User, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register("latency", "h", latency.clone());
        for (number, key) in keys.iter().enumerate() {
            latency.get_or_create(&User { user: key.clone() }).observe(number as f64 * 1e-4);
        }
    } else {
        let sessions = Family::<User, Counter>::default();
        registry.register("sessions", "h", sessions.clone());
        for (number, key) in keys.iter().enumerate() {
            sessions.get_or_create(&User { user: key.clone() }).inc_by(number as u64);
        }
    }
    let mut page = String::new();
    Box::new(move || {
        page.clear();
        prometheus_client::encoding::text::encode(&mut page, &registry).expect("a string takes all");
        page.len()
    })
}

pub fn metrics_exporter(keys: &'static [String], histograms: bool) -> Encode {
    let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("buckets").build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for (number, key) in keys.iter().enumerate() {
            if histograms {
                metrics::histogram!("latency", "user" => key.clone()).record(number as f64 * 1e-4);
            } else {
                metrics::counter!("sessions", "user" => key.clone()).increment(number as u64);
            }
        }
    });
    let handle = recorder.handle();
    handle.run_upkeep();
    Box::new(move || {
        let _keep = &recorder;
        handle.render().len()
    })
}

pub fn measured(keys: &'static [String], histograms: bool) -> Encode {
    let mut encoder = BufferedTextEncoder::new();
    if histograms {
        let group = MeasuredHistograms::new();
        for (number, key) in keys.iter().enumerate() {
            group.latency.observe(MeasuredUser { user: key }, number as f64 * 1e-4);
        }
        return Box::new(move || {
            group.collect_group_into(&mut encoder).expect("memory takes all");
            encoder.finish().len()
        });
    }
    let group = MeasuredCounters::new();
    for (number, key) in keys.iter().enumerate() {
        group.sessions.inc_by(MeasuredUser { user: key }, number as u64);
    }
    Box::new(move || {
        group.collect_group_into(&mut encoder).expect("memory takes all");
        encoder.finish().len()
    })
}
