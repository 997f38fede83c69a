//! What a piece of code adds to a series, for tests that run in parallel.

/// Runs an expression, checks what it added to one series, and gives its value back.
///
/// Only what the current thread adds is seen, however many threads there are. So a test that
/// runs on one thread, as `#[test]`, `#[tokio::test]` and `#[actix_web::test]` do, is not disturbed by those beside it.
/// A histogram's delta is in observations, a gauge's in whole steps: what sets it, or moves it by a fraction, is not seen.
///
/// ```
/// use monitor_runtime::{assert_delta, metrics};
///
/// metrics! {
///     /// Sessions opened
///     counter USER_SESSIONS = "user_sessions_total" { auth_method: &'static str };
/// }
///
/// fn login() -> &'static str {
///     USER_SESSIONS.with(USER_SESSIONS { auth_method: "password" }).inc();
///     "welcome"
/// }
///
/// let answer = assert_delta!(USER_SESSIONS { auth_method: "password" }, 1, login());
/// assert_eq!(answer, "welcome");
/// ```
///
/// A family without labels needs no braces: `assert_delta!(JOBS, 1, work())`.
///
/// # Panics
/// When the series rose or fell by another amount.
#[macro_export]
macro_rules! assert_delta {
    ($family:ident $(:: $segment:ident)* { $($labels:tt)* }, $delta:expr, $body:expr $(,)?) => {{
        let series = $family $(:: $segment)*.with($family $(:: $segment)* { $($labels)* });
        let before = series.here();
        let value = $body;
        let delta = series.here() - before;
        let expected = <::core::primitive::f64 as ::core::convert::From<_>>::from($delta);
        ::core::assert!(
            delta == expected,
            "{}{{{}}} changed by {delta} on this thread, not by {expected}",
            ::core::stringify!($family $(:: $segment)*),
            ::core::stringify!($($labels)*),
        );
        value
    }};
    ($family:ident $(:: $segment:ident)*, $delta:expr, $body:expr $(,)?) => {
        $crate::assert_delta!($family $(:: $segment)* {}, $delta, $body)
    };
}
