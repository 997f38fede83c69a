//! The stock report: work worth timing.

use std::sync::{Mutex, PoisonError};

use actix_web::post;
use actix_web::web::{self, Data, Json};
use fastrand::Rng;
use monitor_runtime::{detect_anomalies, instrument, track_latency, with_credits};
use serde::Serialize;

use super::items::ITEMS;
use crate::metrics::{REPORT_LATENCY, REPORTS_RUNNING};
use crate::problem::Problem;

const MONTHS: usize = 5_000;
/// The same chances in every report, so that two of one stock agree.
const SEED: u64 = 1;
/// Its third sheet is missing, so that nobody waits long for a failure.
const PAPER_SEED: u64 = 4;

/// What the stock is worth, and what a month's sales bring in: nine months of ten lie between the two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    stock_cents: u64,
    sales_cents_low: u64,
    sales_cents_median: u64,
    sales_cents_high: u64,
}

#[post("/reports")]
#[instrument(gauge = REPORTS_RUNNING)]
#[track_latency(REPORT_LATENCY, report = "stock")]
#[with_credits(cost = 5, operation = "report")]
#[detect_anomalies("report")]
pub(crate) async fn make() -> Result<Json<Report>, Problem> {
    let report = web::block(stock_report).await.map_err(|error| Problem::Internal(error.to_string()))?;
    Ok(Json(report))
}

/// Sold cheaper, and not always delivered: the printer runs out of paper, and then it costs nothing.
#[post("/reports/flaky")]
#[track_latency(REPORT_LATENCY, report = "flaky")]
#[with_credits(cost = 2, operation = "flaky_report")]
#[detect_anomalies("flaky_report")]
pub(crate) async fn flaky(printer: Data<Printer>) -> Result<Json<Report>, Problem> {
    let report = web::block(stock_report).await.map_err(|error| Problem::Internal(error.to_string()))?;
    if printer.has_paper() { Ok(Json(report)) } else { Err(Problem::OutOfPaper) }
}

/// Has paper three times of four.
#[derive(Debug)]
pub(crate) struct Printer(Mutex<Rng>);

impl Default for Printer {
    fn default() -> Printer {
        Printer(Mutex::new(Rng::with_seed(PAPER_SEED)))
    }
}

impl Printer {
    fn has_paper(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).u8(..4) != 0
    }
}

/// Plays many months in which each piece in stock is sold or not, and sorts what they brought in.
fn stock_report() -> Report {
    let mut chance = Rng::with_seed(SEED);
    let mut months: Vec<u64> = (0..MONTHS).map(|_| sales_of_a_month(&mut chance)).collect();
    months.sort_unstable();
    Report {
        stock_cents: ITEMS.iter().map(|item| u64::from(item.price_cents) * u64::from(item.in_stock)).sum(),
        sales_cents_low: months[MONTHS / 20],
        sales_cents_median: months[MONTHS / 2],
        sales_cents_high: months[MONTHS - MONTHS / 20],
    }
}

fn sales_of_a_month(chance: &mut Rng) -> u64 {
    let sold = |item: &super::items::Item| {
        let pieces = (0..item.in_stock).filter(|_| chance.u8(..4) == 0).count();
        u64::from(item.price_cents) * pieces as u64
    };
    ITEMS.iter().map(sold).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_flaky_report_of_a_printer_is_the_first_that_fails() {
        let printer = Printer::default();
        assert_eq!([(); 3].map(|()| printer.has_paper()), [true, true, false]);
    }

    #[test]
    fn two_reports_of_one_stock_agree_and_their_bounds_are_in_order() {
        let report = stock_report();
        assert_eq!(report, stock_report());
        assert!(report.sales_cents_low < report.sales_cents_median);
        assert!(report.sales_cents_median < report.sales_cents_high);
        assert!(report.sales_cents_high < report.stock_cents);
    }
}
