//! The stock report: work worth timing.

use actix_web::post;
use actix_web::web::{self, Json};
use monitor_runtime::{instrument, track_latency};
use serde::Serialize;

use super::items::ITEMS;
use crate::metrics::{REPORT_LATENCY, REPORTS_RUNNING};
use crate::problem::Problem;

const MONTHS: usize = 5_000;

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
pub(crate) async fn make() -> Result<Json<Report>, Problem> {
    let report = web::block(stock_report).await.map_err(|error| Problem::Internal(error.to_string()))?;
    Ok(Json(report))
}

/// Plays many months in which each piece in stock is sold or not, and sorts what they brought in.
fn stock_report() -> Report {
    let mut chance = Chance(1);
    let mut months: Vec<u64> = (0..MONTHS).map(|_| sales_of_a_month(&mut chance)).collect();
    months.sort_unstable();
    Report {
        stock_cents: ITEMS.iter().map(|item| u64::from(item.price_cents) * u64::from(item.in_stock)).sum(),
        sales_cents_low: months[MONTHS / 20],
        sales_cents_median: months[MONTHS / 2],
        sales_cents_high: months[MONTHS - MONTHS / 20],
    }
}

fn sales_of_a_month(chance: &mut Chance) -> u64 {
    let sold = |item: &super::items::Item| {
        let pieces = (0..item.in_stock).filter(|_| chance.one_in_four()).count();
        u64::from(item.price_cents) * pieces as u64
    };
    ITEMS.iter().map(sold).sum()
}

/// The same chances in every report (a linear congruence), so that two reports of one stock agree.
struct Chance(u64);

impl Chance {
    fn one_in_four(&mut self) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 62 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reports_of_one_stock_agree_and_their_bounds_are_in_order() {
        let report = stock_report();
        assert_eq!(report, stock_report());
        assert!(report.sales_cents_low < report.sales_cents_median);
        assert!(report.sales_cents_median < report.sales_cents_high);
        assert!(report.sales_cents_high < report.stock_cents);
    }
}
