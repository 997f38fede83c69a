//! What a detector has learned, as bytes: a version, then numbers in a fixed order, checked when they are read.

use std::fmt;

use super::errors::{Errors, Share};
use super::{Detector, Limits};

const VERSION: u8 = 1;

/// Bytes that are no state of a detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// Another version wrote it, or it is something else.
    Version {
        /// What stands where the version should; `None` if there is nothing.
        found: Option<u8>,
    },
    /// It is too short or too long.
    Length {
        /// Bytes that there should be.
        expected: usize,
        /// Bytes that there are.
        found: usize,
    },
    /// A number is not what it can be.
    Number {
        /// Which it is, from 0.
        index: usize,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Version { found: Some(found) } => {
                write!(f, "a detector's state of version {found}; this is version {VERSION}")
            }
            StateError::Version { found: None } => f.write_str("a detector's state is empty"),
            StateError::Length { expected, found } => {
                write!(f, "a detector's state has {found} bytes instead of {expected}")
            }
            StateError::Number { index } => write!(f, "number {index} of a detector's state is out of its range"),
        }
    }
}

impl std::error::Error for StateError {}

impl Detector {
    /// What was learned, for [`restore`](Self::restore), in under 2 KiB. What is under way, episodes too, is not in it.
    pub fn state(&self) -> Vec<u8> {
        let mut copy = self.clone();
        let mut bytes = vec![VERSION];
        let written: Result<(), StateError> = copy.numbers(&mut |number, _| {
            bytes.extend_from_slice(&number.to_le_bytes());
            Ok(())
        });
        debug_assert!(written.is_ok(), "writing checks nothing");
        bytes
    }

    /// A detector that has learned what [`state`](Self::state) tells.
    ///
    /// # Errors
    /// When the bytes are not what this version of `state` writes. Nothing of them is used then.
    pub fn restore(limits: Limits, bytes: &[u8]) -> Result<Detector, StateError> {
        let mut detector = Detector::new(limits);
        let Some((&VERSION, numbers)) = bytes.split_first() else {
            return Err(StateError::Version { found: bytes.first().copied() });
        };
        let mut expected = 1;
        detector.numbers(&mut |_, _| {
            expected += 4;
            Ok(())
        })?;
        if bytes.len() != expected {
            return Err(StateError::Length { expected, found: bytes.len() });
        }
        let mut read = numbers.chunks_exact(4).enumerate();
        detector.numbers(&mut |number, range| {
            let (index, four) = read.next().expect("as many numbers as were counted above");
            *number = f32::from_le_bytes(four.try_into().expect("chunks of four"));
            let legal = range.min <= *number && *number <= range.max || range.unknown && number.is_nan();
            if legal { Ok(()) } else { Err(StateError::Number { index }) }
        })?;
        let calls_a_second = detector.traffic.calls_a_second();
        detector.errors.prepare(calls_a_second);
        detector.latency.prepare(calls_a_second);
        detector.traffic.prepare();
        detector.set_limits(limits);
        Ok(detector)
    }

    /// Everything learned, in its order: one list for both directions, so that they agree.
    fn numbers(&mut self, each: &mut Each<'_>) -> Result<(), StateError> {
        let Detector { errors, latency, traffic, .. } = self;
        let Errors { base: Share { failures, calls }, dispersion, samples, accepted, .. } = errors;
        for (number, range) in
            [(failures, Range::of(0.0, COUNT)), (calls, Range::of(1.0, COUNT)), (accepted, Range::of(0.0, 1.0))]
        {
            let mut short = *number as f32;
            each(&mut short, range)?;
            *number = short.into();
        }
        each(dispersion, Range::of(1.0, 1e3))?;
        each(samples, Range::of(1.0, 1e3))?;

        each(&mut latency.centre, Range::of(-40.0, 40.0))?;
        each(&mut latency.centred, Range::of(0.0, 1e3))?;
        each(&mut latency.minutes, Range::of(1.0, 1e3))?;
        latency.dispersion.iter_mut().try_for_each(|number| each(number, Range::of(1.0, 1e3)))?;
        latency.seen.iter_mut().try_for_each(|number| each(number, Range::of(0.0, COUNT)))?;

        traffic.profile.iter_mut().try_for_each(|number| each(number, Range::unknown_or(0.0, COUNT)))?;
        traffic.totals.iter_mut().try_for_each(|number| each(number, Range::unknown_or(0.0, COUNT)))?;
        let mut days = f32::from(traffic.days);
        each(&mut days, Range::of(0.0, u16::MAX.into()))?;
        traffic.days = days as u16;
        each(&mut traffic.level.0, Range::of(0.0, COUNT))?;
        each(&mut traffic.level.1, Range::of(1.0, COUNT))?;
        each(&mut traffic.varied.0, Range::of(-COUNT, COUNT))?;
        each(&mut traffic.varied.1, Range::of(1e-3, COUNT))?;
        each(&mut traffic.varied_buckets.0, Range::of(-COUNT, COUNT))?;
        each(&mut traffic.varied_buckets.1, Range::of(1e-3, COUNT))?;
        each(&mut traffic.rate, Range::of(0.0, COUNT))?;
        each(&mut traffic.windows, Range::of(0.0, 1e6))
    }
}

/// More than any count in a state.
const COUNT: f32 = 1e24;

type Each<'a> = dyn FnMut(&mut f32, Range) -> Result<(), StateError> + 'a;

/// What a number may be.
#[derive(Clone, Copy)]
struct Range {
    min: f32,
    max: f32,
    /// It may be a NaN.
    unknown: bool,
}

impl Range {
    const fn of(min: f32, max: f32) -> Range {
        Range { min, max, unknown: false }
    }

    const fn unknown_or(min: f32, max: f32) -> Range {
        Range { min, max, unknown: true }
    }
}
