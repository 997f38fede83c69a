//! Numbers as text: integers, shortest floats, and the floats of `le` and `quantile`; where they stand is the encoder's.

use std::io::Write as _;

/// An integer.
#[inline]
pub(super) fn integer(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// The value of a sample: the shortest text that reads back as the same float.
pub(super) fn value(out: &mut Vec<u8>, v: f64) {
    // A float holds every integer of this size, and most values of counters and gauges are integers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let size = v.abs();
    if size < EXACT && v.trunc().to_bits() == v.to_bits() && (v != 0.0 || v.is_sign_positive()) {
        out.extend_from_slice(itoa::Buffer::new().format(v as i64).as_bytes());
    } else if (1e-4..EXACT).contains(&size) {
        // Rust's own text is the shortest here, and writing to a Vec cannot fail.
        let _ = write!(out, "{v}");
    } else {
        shortest(out, v);
    }
}

/// The value of `le` or `quantile`. A label value is opaque to a scraper, so the same number must always read the
/// same: as Go prints it, and with `.0` where nothing else says that it is a float (OpenMetrics, "Canonical Numbers").
pub(super) fn bound(out: &mut Vec<u8>, v: f64) {
    let start = out.len();
    shortest(out, v);
    if out[start..].iter().all(|b| b.is_ascii_digit() || *b == b'-') {
        out.extend_from_slice(b".0");
    }
}

/// A time of milliseconds since the epoch in seconds.
pub(super) fn seconds(out: &mut Vec<u8>, milliseconds: i64) {
    if milliseconds < 0 {
        out.push(b'-');
    }
    let milliseconds = milliseconds.unsigned_abs();
    integer(out, milliseconds / 1000);
    let part = milliseconds % 1000;
    out.extend_from_slice(&[b'.', digit(part / 100), digit(part / 10 % 10), digit(part % 10)]);
}

const fn digit(n: u64) -> u8 {
    b'0' + (n % 10) as u8
}

/// As Go's `%g` prints it: an exponent below 1e-4 and from 1e6 on, of at least two digits.
fn shortest(out: &mut Vec<u8>, v: f64) {
    if v.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if v.is_infinite() {
        return out.extend_from_slice(if v > 0.0 { b"+Inf" } else { b"-Inf" });
    }
    // `{:e}` gives the shortest digits, one of them before the point; 25 bytes at most, so that it cannot fail.
    let mut space = [0; 32];
    let mut rest = &mut space[..];
    let _ = write!(rest, "{:e}", v.abs());
    let written = 32 - rest.len();
    let text = &space[..written];
    let e = text.iter().position(|b| *b == b'e').unwrap_or(written);
    let (first, decimals) = (text[..e].get(..1).unwrap_or(b"0"), text[..e].get(2..).unwrap_or_default());
    let exponent =
        std::str::from_utf8(text.get(e + 1..).unwrap_or_default()).ok().and_then(|t| t.parse().ok()).unwrap_or(0i32);

    if v.is_sign_negative() {
        out.push(b'-');
    }
    match exponent {
        -4..0 => {
            out.extend_from_slice(&b"0.000"[..1 + exponent.unsigned_abs() as usize]);
            out.extend_from_slice(first);
            out.extend_from_slice(decimals);
        }
        0..6 => {
            let shown = exponent.unsigned_abs() as usize;
            out.extend_from_slice(first);
            if decimals.len() > shown {
                out.extend_from_slice(&decimals[..shown]);
                out.push(b'.');
                out.extend_from_slice(&decimals[shown..]);
            } else {
                out.extend_from_slice(decimals);
                out.extend_from_slice(&b"00000"[..shown - decimals.len()]);
            }
        }
        _ => {
            out.extend_from_slice(first);
            if !decimals.is_empty() {
                out.push(b'.');
                out.extend_from_slice(decimals);
            }
            out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
            if exponent.abs() < 10 {
                out.push(b'0');
            }
            integer(out, u64::from(exponent.unsigned_abs()));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn bounds_read_as_the_specification_prints_them() {
        let canonical = [
            (0.0, "0.0"),
            (0.001, "0.001"),
            (0.002, "0.002"),
            (0.01, "0.01"),
            (0.1, "0.1"),
            (0.5, "0.5"),
            (0.999, "0.999"),
            (0.9999, "0.9999"),
            (1.0, "1.0"),
            (1.001, "1.001"),
            (7.5, "7.5"),
            (9.999, "9.999"),
            (10.0, "10.0"),
            (100.0, "100.0"),
            (100_000.0, "100000.0"),
            (1e-10, "1e-10"),
            (1e-9, "1e-09"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (1e6, "1e+06"),
            (1e10, "1e+10"),
            (1_234_567.0, "1.234567e+06"),
            (123_456.5, "123456.5"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (-2.5, "-2.5"),
            (-3.0, "-3.0"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (number, expected) in canonical {
            assert_eq!(text(|out| super::bound(out, number)), expected);
        }
    }

    #[test]
    fn values_that_are_integers_look_like_it() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-1_234_567.0, "-1234567"),
            (1e15, "1000000000000000"),
            (1e300, "1e+300"),
            (0.25, "0.25"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(text(|out| super::value(out, number)), expected);
        }
    }

    #[test]
    fn times_are_in_seconds() {
        for (milliseconds, expected) in [
            (1, "0.001"),
            (1_520_879_607_789, "1520879607.789"),
            (-1500, "-1.500"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(text(|out| super::seconds(out, milliseconds)), expected);
        }
    }

    proptest! {
        #[test]
        fn every_float_reads_back(v in proptest::num::f64::ANY) {
            for text in [text(|out| super::value(out, v)), text(|out| super::bound(out, v))] {
                let back: f64 = text.parse().expect("a float");
                prop_assert!(back.to_bits() == v.to_bits() || back.is_nan() && v.is_nan(), "{v:e} became {text}");
            }
        }
    }
}
