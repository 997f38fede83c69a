//! What the stock will be worth: the more years, the more it costs.

use actix_web::post;
use actix_web::web::{self, Json};
use fastrand::Rng;
use monitor_runtime::{detect_anomalies, track_latency, with_credits};
use serde::{Deserialize, Serialize};

use super::items::ITEMS;
use crate::metrics::REPORT_LATENCY;
use crate::problem::Problem;

/// Credits for each year.
const PRICE_A_YEAR: i64 = 2;
const YEARS_MAX: u32 = 50;
const COURSES: usize = 400;
const SEED: u64 = 2;

#[derive(Deserialize)]
pub(crate) struct Wanted {
    years: u32,
}

/// Nine courses of ten end between the two.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Forecast {
    years: u32,
    cents_low: u64,
    cents_high: u64,
}

impl Wanted {
    /// What nobody can have costs nothing: it is refused.
    fn price(&self) -> i64 {
        if self.is_possible() { i64::from(self.years) * PRICE_A_YEAR } else { 0 }
    }

    fn is_possible(&self) -> bool {
        (1..=YEARS_MAX).contains(&self.years)
    }
}

#[post("/forecasts")]
#[track_latency(REPORT_LATENCY, report = "forecast")]
#[with_credits(cost = wanted.price(), operation = "forecast")]
#[detect_anomalies("forecast")]
pub(crate) async fn make(wanted: Json<Wanted>) -> Result<Json<Forecast>, Problem> {
    if !wanted.is_possible() {
        return Err(Problem::Bad(format!("`years` is from 1 to {YEARS_MAX}")));
    }
    let years = wanted.years;
    web::block(move || forecast(years)).await.map(Json).map_err(|error| Problem::Internal(error.to_string()))
}

/// Many courses, each of months in which the stock gains or loses a hundredth.
fn forecast(years: u32) -> Forecast {
    let mut chance = Rng::with_seed(SEED);
    let now = ITEMS.iter().map(|item| u64::from(item.price_cents) * u64::from(item.in_stock)).sum();
    let mut ends: Vec<u64> = (0..COURSES).map(|_| course(now, years * 12, &mut chance)).collect();
    ends.sort_unstable();
    Forecast { years, cents_low: ends[COURSES / 20], cents_high: ends[COURSES - COURSES / 20] }
}

fn course(now: u64, months: u32, chance: &mut Rng) -> u64 {
    (0..months).fold(now, |cents, _| if chance.bool() { cents / 100 * 101 } else { cents / 100 * 99 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_forecast_costs_more_and_is_less_certain() {
        let price = |years| Wanted { years }.price();
        assert_eq!([price(1), price(10), price(50)], [2, 20, 100]);
        assert_eq!([price(0), price(51), price(u32::MAX)], [0, 0, 0]);
        let spread = |years| {
            let forecast = forecast(years);
            forecast.cents_high - forecast.cents_low
        };
        assert!(spread(1) < spread(10) && spread(10) < spread(50));
        assert_eq!(forecast(7), forecast(7));
    }
}
