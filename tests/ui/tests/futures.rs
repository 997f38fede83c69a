//! What an attribute adds to a future: little, and not again for each call around it.

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "futures_calls_total" { #[label(max = 9)] who: &str };
    /// Calls by outcome
    counter OUTCOMES = "futures_outcomes_total" { outcome: monitor_runtime::Outcome };
    /// Seconds
    histogram LATENCY = "futures_latency_seconds";
}

/// Four calls, each inside the next, around a buffer of 8 KB that lives across an await.
macro_rules! nested {
    ($who:ident: $($name:ident $(#[$attribute:meta])?)*) => {$(
        mod $name {
            $(#[$attribute])?
            async fn first($who: &str) -> Result<usize, String> {
                let buffer = [1_u8; 8192];
                std::future::ready(()).await;
                Ok(buffer.len() + $who.len())
            }
            $(#[$attribute])?
            async fn second($who: &str) -> Result<usize, String> {
                first($who).await
            }
            $(#[$attribute])?
            async fn third($who: &str) -> Result<usize, String> {
                second($who).await
            }
            $(#[$attribute])?
            pub(super) async fn fourth($who: &str) -> Result<usize, String> {
                third($who).await
            }
        }
    )*};
}

nested! { who:
    plain
    counted #[monitor_runtime::instrument(counter = super::CALLS, who = "literal")]
    found #[monitor_runtime::instrument(counter = super::CALLS, who = who)]
    timed #[monitor_runtime::track_latency(super::LATENCY)]
    judged #[monitor_runtime::instrument(counter = super::OUTCOMES, on = "any", outcome)]
}

#[test]
fn a_large_future_grows_by_less_than_a_tenth_over_four_calls() {
    let plain = size_of_val(&plain::fourth("ada"));
    assert!(plain > 8192, "the buffer is part of the future");
    let annotated = [
        ("counted", size_of_val(&counted::fourth("ada"))),
        ("found", size_of_val(&found::fourth("ada"))),
        ("timed", size_of_val(&timed::fourth("ada"))),
        ("judged", size_of_val(&judged::fourth("ada"))),
    ];
    for (name, size) in annotated {
        assert!(size < plain + plain / 10, "{name}: {plain} bytes became {size}");
    }
    assert_eq!(ui::run(judged::fourth("ada")), Ok(8195));
}

#[test]
fn a_large_argument_is_kept_no_more_often_than_without() {
    async fn plain(buffer: [u8; 8192]) -> Result<usize, String> {
        std::future::ready(()).await;
        Ok(buffer.len())
    }
    #[monitor_runtime::instrument(counter = CALLS, who = "argument")]
    async fn counted(buffer: [u8; 8192]) -> Result<usize, String> {
        std::future::ready(()).await;
        Ok(buffer.len())
    }
    let (plain, counted) = (size_of_val(&plain([1; 8192])), size_of_val(&counted([1; 8192])));
    assert!(counted <= plain + 64, "{plain} bytes became {counted}");
}
