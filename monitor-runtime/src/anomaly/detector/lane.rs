//! A cumulative sum of evidence: it rises while what is seen is likelier under the alternative, and never falls below none.
//!
//! This is the test of Page (1954) with the log-likelihood ratio as its score; Lorden (1971) and Moustakides (1986)
//! show that no other finds a change sooner at the same rate of false alarms.

/// One sum, with what was seen since it last stood at none: that is when the change began, if it is one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lane {
    /// Evidence in nats.
    pub(super) sum: f32,
    /// Milliseconds since the epoch.
    pub(super) since: u64,
    /// What was seen since then; of which kind is for the owner.
    pub(super) seen: f32,
    /// What it is to be measured by: calls, expected calls.
    pub(super) weight: f32,
}

impl Lane {
    /// Whether there is no evidence, and this is none either: then a step changes nothing that matters.
    #[inline]
    pub(super) fn rests(&self, gain: f32) -> bool {
        self.sum <= 0.0 && (gain <= 0.0 || gain.is_nan())
    }

    /// Adds the evidence of what was seen from `start` on, `most` of it at once. `cap` bounds the sum, so that it can fall
    /// again in time. What is no number is none.
    pub(super) fn step(&mut self, gain: f32, most: f32, cap: f32, start: u64, seen: f32, weight: f32) {
        if self.sum <= 0.0 {
            *self = Lane { sum: 0.0, since: start, seen: 0.0, weight: 0.0 };
        }
        let sum = self.sum + if gain > most { most } else { gain };
        self.sum = if sum > 0.0 { sum.min(cap) } else { 0.0 };
        self.seen += seen;
        self.weight += weight;
    }

    /// What was seen, by its measure.
    pub(super) fn ratio(&self) -> f32 {
        self.seen / self.weight.max(f32::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stepped(gains: &[f32]) -> Lane {
        let mut lane = Lane::default();
        for (start, gain) in gains.iter().enumerate() {
            lane.step(*gain, 3.0, 10.0, start as u64, 1.0, 2.0);
        }
        lane
    }

    #[test]
    fn evidence_adds_up_within_its_bounds_and_begins_where_there_was_none() {
        let lane = stepped(&[1.0, -5.0, 9.0, 2.0]);
        assert_eq!((lane.sum, lane.since, lane.ratio()), (5.0, 2, 0.5));
        assert_eq!(stepped(&[9.0; 5]).sum, 10.0);
        assert_eq!(stepped(&[9.0, -1.0]).sum, 2.0);
    }

    #[test]
    fn what_is_no_number_is_no_evidence() {
        assert_eq!(stepped(&[2.0, f32::NAN]).sum, 0.0);
        assert_eq!(stepped(&[f32::NAN, 2.0]).sum, 2.0);
        assert!(Lane::default().rests(f32::NAN) && Lane::default().rests(0.0) && !Lane::default().rests(0.1));
        assert!(!stepped(&[2.0]).rests(-1.0), "it may fall");
    }
}
