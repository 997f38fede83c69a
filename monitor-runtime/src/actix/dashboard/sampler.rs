//! Who reads the numbers: one thread for a registry and an interval, however many apps, threads and viewers ask. What
//! it reads goes into the record, and to whoever listens.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use actix_web::web::Bytes;
use prometheus::Registry;
use serde::Serialize;
use tokio::sync::broadcast;

use super::viewers::{Places, lock};
use crate::anomaly;
use crate::clock;
use crate::dashboard::record::Record;
use crate::dashboard::summary::{Everything, News};
use crate::exposition::page::Page;
use crate::metrics::registration::are_one;

/// How many messages a viewer may fall behind before it misses some.
const BEHIND: usize = 4;

/// The readings of one registry. Its thread ends when the last service that shows them is gone.
pub(super) struct Sampler {
    registry: Registry,
    interval: Duration,
    /// Whether it is the registry where the detector counts.
    is_default: bool,
    record: Mutex<Record>,
    news: broadcast::Sender<Bytes>,
    /// The places of viewers, by how many there are.
    places: Mutex<Vec<Weak<Places>>>,
    thread: Mutex<Option<Thread>>,
}

impl Sampler {
    /// The sampler of `registry` that reads every `interval`: the same for every caller that names the same, for as
    /// long as one of them lives.
    pub(super) fn of(registry: &Registry, interval: Duration) -> Arc<Sampler> {
        static ALL: Mutex<Vec<Weak<Sampler>>> = Mutex::new(Vec::new());
        let mut all = lock(&ALL);
        all.retain(|sampler| sampler.strong_count() > 0);
        let mut known = all.iter().filter_map(Weak::upgrade).filter(|sampler| sampler.interval == interval);
        if let Some(sampler) = known.find(|sampler| are_one(&sampler.registry, registry)) {
            return sampler;
        }
        let sampler = Arc::new(Sampler {
            registry: registry.clone(),
            interval,
            is_default: are_one(registry, prometheus::default_registry()),
            record: Mutex::default(),
            news: broadcast::Sender::new(BEHIND),
            places: Mutex::default(),
            thread: Mutex::default(),
        });
        all.push(Arc::downgrade(&sampler));
        let weak = Arc::downgrade(&sampler);
        let spawned = thread::Builder::new().name("monitor-sampler".to_owned()).spawn(move || run(&weak, interval));
        // Without a thread the page says that there is no data; the app is not held up.
        *lock(&sampler.thread) = spawned.ok().map(|handle| handle.thread().clone());
        sampler
    }

    /// `n` places for viewers; the same ones for every service that names the same number.
    pub(super) fn places(&self, n: usize) -> Arc<Places> {
        let mut all = lock(&self.places);
        all.retain(|places| places.strong_count() > 0);
        if let Some(places) = all.iter().filter_map(Weak::upgrade).find(|places| places.bound() == n) {
            return places;
        }
        let places = Arc::new(Places::new(n));
        all.push(Arc::downgrade(&places));
        places
    }

    pub(super) fn with_record<T>(&self, deed: impl FnOnce(&Record) -> T) -> T {
        deed(&lock(&self.record))
    }

    /// Everything so far as one message, and the news from then on; what is in both is told by its time.
    pub(super) fn listen(&self) -> (Bytes, broadcast::Receiver<Bytes>) {
        let news = self.news.subscribe();
        let everything =
            self.with_record(|record| event("everything", &Everything::of(record, self.interval.as_secs_f64())));
        (everything, news)
    }

    fn take(&self, page: &mut Page, elapsed: f64) {
        // Outside the lock: a foreign collector may take its time.
        page.gather(&self.registry);
        let recent = self.is_default.then(anomaly::recent);
        let mut record = lock(&self.record);
        record.take(page, clock::unix_seconds(), elapsed, recent);
        page.clear();
        if self.news.receiver_count() > 0
            && let Some(news) = News::of(&record)
        {
            // Nobody may be listening any more, and that is no matter.
            let _ = self.news.send(event("news", &news));
        }
    }
}

impl std::fmt::Debug for Sampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sampler").field("interval", &self.interval).finish_non_exhaustive()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        if let Some(thread) = lock(&self.thread).take() {
            thread.unpark();
        }
    }
}

/// Reads until nobody shows what is read. A reading that comes late does not move those after it.
fn run(sampler: &Weak<Sampler>, interval: Duration) {
    let start = clock::ticks();
    let mut page = Page::default();
    let mut next = Duration::ZERO;
    loop {
        {
            let Some(sampler) = sampler.upgrade() else { return };
            let elapsed = clock::seconds_since(start);
            // A collector that panics is somebody else's; the reading is missed, and the next one is tried.
            if catch_unwind(AssertUnwindSafe(|| sampler.take(&mut page, elapsed))).is_err() {
                page = Page::default();
            }
        }
        let elapsed = Duration::from_secs_f64(clock::seconds_since(start));
        next += interval;
        if next < elapsed {
            // Far behind: the machine slept, or a collector took long.
            next = elapsed;
        }
        // Woken early only when all is over, or for no reason.
        thread::park_timeout(next - elapsed);
    }
}

/// One event as it stands on the wire. JSON has no line feed outside its strings, and none in them.
fn event(name: &str, data: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\ndata: ").into_bytes();
    // What is written has string keys and finite numbers, which is all that can fail.
    if serde_json::to_writer(&mut text, data).is_err() {
        return Bytes::from_static(b": not written\n\n");
    }
    text.extend_from_slice(b"\n\n");
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_data() {
        let event = event("news", &serde_json::json!({ "text": "two\nlines" }));
        assert_eq!(&event[..], b"event: news\ndata: {\"text\":\"two\\nlines\"}\n\n");
    }
}
