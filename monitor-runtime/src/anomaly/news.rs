//! What was found, as news: the last of it is kept as data, and it is sent to whoever subscribed. It is found, counted
//! and logged elsewhere.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::verdict::{Kind, Reason, Severity, Verdict};

/// One thing that was found about an endpoint or a watched name.
///
/// Of the abnormal calls of one endpoint and reason at most one a second becomes an event; it says of how many it
/// [speaks](Self::calls). Each of them is counted on the page at once.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Rises by one from event to event: what is missing between two was lost.
    pub number: u64,
    /// The endpoint's label, or the name that is watched.
    pub endpoint: &'static str,
    /// What was found, and when.
    pub verdict: Verdict,
    /// How many abnormal calls it speaks of; 1 for an episode.
    pub calls: u64,
}

/// An episode; or abnormal calls of one reason, each at most a minute after the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Anomaly {
    /// The endpoint's label, or the name that is watched.
    pub endpoint: &'static str,
    /// Why.
    pub reason: Reason,
    /// The worst so far.
    pub severity: Severity,
    /// When it began, in milliseconds since the epoch.
    pub since: u64,
    /// When it was last seen.
    pub last: u64,
    /// When an episode ended; `None` while it lasts, and for calls.
    pub until: Option<u64>,
    /// What was seen last, in the unit of [`Verdict::observed`].
    pub observed: f64,
    /// What would have been normal.
    pub expected: f64,
    /// How many calls were abnormal, or how many times the episode was counted.
    pub count: u64,
}

/// Calls of one reason are one anomaly while each comes so soon after the one before.
const TOGETHER_MS: u64 = 60_000;

/// How many anomalies are kept.
pub(super) const KEPT: usize = 256;

/// What was found so far, and who wants to hear of it.
#[derive(Debug, Default)]
pub(crate) struct News(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    events: u64,
    anomalies: VecDeque<Anomaly>,
    subscribers: Vec<Subscriber>,
}

#[derive(Debug)]
struct Subscriber {
    events: SyncSender<Event>,
    lost: Arc<AtomicU64>,
}

/// The events from now on, as many as have room; [`subscribe`](super::subscribe) makes it, and dropping it ends it.
#[derive(Debug)]
#[must_use = "dropping it ends the subscription"]
pub struct Subscription {
    events: Receiver<Event>,
    lost: Arc<AtomicU64>,
}

impl Subscription {
    /// The next event, if there is one now.
    pub fn try_next(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Waits for the next event at most so long.
    pub fn next_within(&self, patience: Duration) -> Option<Event> {
        self.events.recv_timeout(patience).ok()
    }

    /// How many events found no room: they were dropped, because nothing that is slow here may slow a request.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl News {
    /// Tells it to all: the event, and how many subscribers had no room for it.
    pub(crate) fn tell(&self, endpoint: &'static str, verdict: Verdict, calls: u64) -> (Event, u64) {
        let mut told = self.lock();
        told.events += 1;
        let event = Event { number: told.events, endpoint, verdict, calls };
        told.keep(&event);
        let mut lost = 0;
        told.subscribers.retain(|subscriber| match subscriber.events.try_send(event) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                subscriber.lost.fetch_add(1, Ordering::Relaxed);
                lost += 1;
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        });
        (event, lost)
    }

    pub(crate) fn subscribe(&self, capacity: usize) -> Subscription {
        let (sender, events) = sync_channel(capacity.clamp(1, 65_536));
        let lost = Arc::<AtomicU64>::default();
        self.lock().subscribers.push(Subscriber { events: sender, lost: Arc::clone(&lost) });
        Subscription { events, lost }
    }

    /// The last that were found, the latest first.
    pub(crate) fn recent(&self) -> Vec<Anomaly> {
        self.lock().anomalies.iter().rev().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn keep(&mut self, event: &Event) {
        let Event { endpoint, verdict, calls, .. } = *event;
        let Verdict { reason, kind, at, observed, expected, since, severity } = verdict;
        let same = |anomaly: &&mut Anomaly| anomaly.endpoint == endpoint && anomaly.reason == reason;
        let open = self.anomalies.iter_mut().rev().find(same).filter(|anomaly| match kind {
            Kind::Single => at.saturating_sub(anomaly.last) <= TOGETHER_MS,
            Kind::Started => false,
            Kind::Repeated | Kind::Ended => anomaly.until.is_none(),
        });
        if let Some(anomaly) = open {
            anomaly.last = at;
            anomaly.severity = anomaly.severity.max(severity);
            if kind == Kind::Ended {
                anomaly.until = Some(at);
            } else {
                (anomaly.observed, anomaly.expected) = (observed, expected);
                anomaly.count += calls;
            }
            return;
        }
        if self.anomalies.len() == KEPT {
            self.anomalies.pop_front();
        }
        let until = (kind == Kind::Ended).then_some(at);
        let count = if kind == Kind::Ended { 0 } else { calls };
        self.anomalies.push_back(Anomaly {
            endpoint,
            reason,
            severity,
            since,
            last: at,
            until,
            observed,
            expected,
            count,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(reason: Reason, kind: Kind, at: u64) -> Verdict {
        Verdict { reason, kind, at, observed: 0.5, expected: 0.1, since: at, severity: Severity::Warning }
    }

    #[test]
    fn an_episode_is_one_anomaly_from_its_start_to_its_end() {
        let news = News::default();
        for (kind, at) in
            [(Kind::Started, 10), (Kind::Repeated, 60_010), (Kind::Ended, 90_000), (Kind::Started, 99_000)]
        {
            news.tell("/a", verdict(Reason::ErrorRateSpike, kind, at), 1);
        }
        let [second, first] = news.recent()[..] else { panic!("two episodes: {:?}", news.recent()) };
        assert_eq!((first.since, first.last, first.until, first.count), (10, 90_000, Some(90_000), 2));
        assert_eq!((second.since, second.until, second.count), (99_000, None, 1));
    }

    #[test]
    fn calls_in_quick_succession_are_one_anomaly_of_their_endpoint_and_reason() {
        let news = News::default();
        for (endpoint, at, calls) in [("/a", 0, 3), ("/a", 60_000, 2), ("/b", 60_001, 1), ("/a", 120_001, 1)] {
            news.tell(endpoint, verdict(Reason::ServerError, Kind::Single, at), calls);
        }
        let seen: Vec<_> = news.recent().iter().map(|a| (a.endpoint, a.since, a.last, a.count)).collect();
        assert_eq!(seen, [("/a", 120_001, 120_001, 1), ("/b", 60_001, 60_001, 1), ("/a", 0, 60_000, 5)]);
    }

    #[test]
    fn only_the_last_are_kept() {
        let news = News::default();
        for at in 0..1_000 {
            news.tell("/a", verdict(Reason::TrafficDrop, Kind::Started, at), 1);
        }
        assert_eq!(news.recent().len(), KEPT);
        assert_eq!(news.recent()[0].since, 999);
    }

    #[test]
    fn a_subscriber_without_room_loses_events_and_knows_how_many() {
        let news = News::default();
        let (slow, fast) = (news.subscribe(2), news.subscribe(100));
        let lost: u64 = (0..10).map(|at| news.tell("/a", verdict(Reason::Panic, Kind::Single, at), 1).1).sum();
        assert_eq!((lost, slow.lost(), fast.lost()), (8, 8, 0));
        let numbers = |subscription: &Subscription| {
            std::iter::from_fn(|| subscription.try_next()).map(|event| event.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&slow), [1, 2]);
        assert_eq!(numbers(&fast), (1..=10).collect::<Vec<_>>());
        news.tell("/a", verdict(Reason::Panic, Kind::Single, 11), 1);
        assert_eq!(numbers(&slow), [11], "what is missing between two numbers was lost");
    }

    #[test]
    fn a_subscription_that_is_dropped_is_forgotten() {
        let news = News::default();
        drop(news.subscribe(1));
        news.tell("/a", verdict(Reason::Panic, Kind::Single, 0), 1);
        assert!(news.lock().subscribers.is_empty());
    }
}
