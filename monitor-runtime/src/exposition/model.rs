//! Reads the values that `prometheus::proto` names differently with and without the `protobuf` feature of that crate,
//! which any other crate of an application may turn on.
//!
//! In one of the two models `value` is the type's own method, in the other `get_value`. A type's own method goes
//! before a trait's, so each half of [`Value`] calls the one that exists.
#![allow(dead_code, deprecated, reason = "which one of a pair is used depends on a feature of another crate")]

use prometheus::proto::{Counter, Gauge, Metric, Untyped};

pub(super) fn counter(metric: &Metric) -> f64 {
    metric.get_counter().value()
}

pub(super) fn gauge(metric: &Metric) -> f64 {
    metric.get_gauge().value()
}

/// None in the `protobuf` model, which keeps an untyped value where no name that exists in both models reaches.
pub(super) fn untyped(metric: &Metric) -> Option<f64> {
    metric.get_untyped().known()
}

trait Value {
    fn value(&self) -> f64;
    fn get_value(&self) -> f64;
}

impl Value for Counter {
    fn value(&self) -> f64 {
        self.get_value()
    }
    fn get_value(&self) -> f64 {
        self.value()
    }
}

impl Value for Gauge {
    fn value(&self) -> f64 {
        self.get_value()
    }
    fn get_value(&self) -> f64 {
        self.value()
    }
}

impl Value for Untyped {
    fn value(&self) -> f64 {
        self.get_value()
    }
    fn get_value(&self) -> f64 {
        self.value()
    }
}

struct OutOfReach;

/// The `protobuf` model has no such method, so there this one is found.
trait GetUntyped {
    fn get_untyped(&self) -> OutOfReach;
}

impl GetUntyped for Metric {
    fn get_untyped(&self) -> OutOfReach {
        OutOfReach
    }
}

trait Known {
    fn known(&self) -> Option<f64>;
}

impl Known for Untyped {
    fn known(&self) -> Option<f64> {
        Some(self.value())
    }
}

impl Known for OutOfReach {
    fn known(&self) -> Option<f64> {
        None
    }
}
