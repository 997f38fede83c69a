//! `unsafe`, `extern`, exported and feature-gated functions.
#![allow(unsafe_code, reason = "it is what is tested")]

use monitor_runtime::assert_delta;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

/// # Safety
/// `number` is valid.
#[monitor_runtime::instrument(counter = CALLS)]
unsafe fn read(number: *const u8) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { *number }
}

#[monitor_runtime::instrument(counter = CALLS)]
extern "C" fn called_from_c(number: u8) -> u8 {
    number + 1
}

// SAFETY: there is no other function of this name.
#[unsafe(no_mangle)]
#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
pub unsafe extern "C" fn ui_case_exported(number: *const u8) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { read(number) }
}

/// # Safety
/// `number` is valid until the future has finished.
#[monitor_runtime::instrument(counter = CALLS)]
async unsafe fn read_later(number: &u8) -> u8 {
    // SAFETY: a reference is valid.
    unsafe { read(number) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[monitor_runtime::track_latency(LATENCY)]
fn featured(number: u8) -> u8 {
    number + 1
}

fn main() {
    assert_delta!(CALLS {}, 6, {
        // SAFETY: the pointers come from references.
        unsafe {
            assert_eq!(read(&1), 1);
            assert_eq!(ui_case_exported(&2), 2);
            assert_eq!(ui::run(read_later(&3)), 3);
        }
        assert_eq!(called_from_c(1), 2);
    });
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86_64 has SSE2.
    assert_delta!(LATENCY {}, 1, assert_eq!(unsafe { featured(1) }, 2));
}
