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
    /// Adds the evidence of what was seen from `start` on. `cap` bounds the sum, so that it can fall again in time.
    pub(super) fn step(&mut self, gain: f32, cap: f32, start: u64, seen: f32, weight: f32) {
        if self.sum <= 0.0 {
            *self = Lane { sum: 0.0, since: start, seen: 0.0, weight: 0.0 };
        }
        // In this order a NaN becomes none.
        self.sum = (self.sum + gain).min(cap).max(0.0);
        self.seen += seen;
        self.weight += weight;
    }

    /// What was seen, by its measure.
    pub(super) fn ratio(&self) -> f32 {
        self.seen / self.weight.max(f32::MIN_POSITIVE)
    }
}
