//! Which events of abnormal calls are logged: the first of an endpoint and reason at once, then a sum of them once a
//! minute. Who logs them is elsewhere.

use super::news::Event;
use super::verdict::Reason;

/// How long the calls after one that was logged are summed up.
const SUMMED_MS: u64 = 60_000;

/// The endpoints and reasons of which something was logged in the last minute; as many as there are endpoints at most.
#[derive(Debug)]
pub(crate) struct Singles(Vec<Single>);

#[derive(Debug)]
struct Single {
    endpoint: &'static str,
    reason: Reason,
    /// When the next may be logged.
    due: u64,
    /// The last that was not logged, and how many calls there were since.
    last: Option<Event>,
    calls: u64,
}

impl Singles {
    pub(crate) const NONE: Singles = Singles(Vec::new());

    /// Takes an event. If it is to be logged now, of how many calls.
    pub(crate) fn take(&mut self, event: &Event) -> Option<u64> {
        let Event { endpoint, verdict, calls, .. } = *event;
        let due = verdict.at + SUMMED_MS;
        let of_event = |single: &&mut Single| single.endpoint == endpoint && single.reason == verdict.reason;
        let Some(single) = self.0.iter_mut().find(of_event) else {
            self.0.push(Single { endpoint, reason: verdict.reason, due, last: None, calls: 0 });
            return Some(calls);
        };
        single.calls += calls;
        single.last = Some(*event);
        // Also where the clock was turned back.
        if verdict.at < single.due && due >= single.due {
            return None;
        }
        (single.due, single.last) = (due, None);
        Some(std::mem::take(&mut single.calls))
    }

    /// The sums that are due, though no call came; and forgets what a minute went by of without one.
    pub(crate) fn due(&mut self, now: u64) -> Vec<Event> {
        let mut due = Vec::new();
        self.0.retain_mut(|single| {
            if now < single.due {
                return true;
            }
            single.due = now + SUMMED_MS;
            let calls = std::mem::take(&mut single.calls);
            let last = single.last.take();
            due.extend(last.map(|event| Event { calls, ..event }));
            last.is_some()
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::{Kind, Severity, Verdict};

    fn event(endpoint: &'static str, reason: Reason, at: u64, calls: u64) -> Event {
        let verdict = Verdict {
            reason,
            kind: Kind::Single,
            at,
            observed: 1.0,
            expected: 0.0,
            since: at,
            severity: Severity::Warning,
        };
        Event { number: 0, endpoint, verdict, calls }
    }

    #[test]
    fn the_first_is_logged_and_then_a_sum_a_minute() {
        let mut singles = Singles::NONE;
        let mut take = |at, calls| singles.take(&event("/a", Reason::ServerError, at, calls));
        assert_eq!([take(0, 1), take(1_000, 4), take(59_999, 2), take(60_000, 1)], [Some(1), None, None, Some(7)]);
        assert_eq!(take(61_000, 3), None);
        assert_eq!(singles.take(&event("/a", Reason::Panic, 61_000, 1)), Some(1), "of another reason the first");
        assert_eq!(
            singles.take(&event("/b", Reason::ServerError, 61_000, 1)),
            Some(1),
            "of another endpoint the first"
        );
        assert!(singles.due(119_999).is_empty());
        // What is left is logged when its minute is over, though no further call comes.
        let due: Vec<_> = singles.due(121_000).iter().map(|event| (event.endpoint, event.calls)).collect();
        assert_eq!(due, [("/a", 3)]);
        assert!(singles.due(200_000).is_empty());
        assert!(singles.0.is_empty(), "and forgotten a minute later");
    }
}
