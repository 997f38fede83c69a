//! What there is to buy: a fixed list.

use actix_web::route;
use actix_web::web::{Json, Path};
use serde::Serialize;

use crate::problem::Problem;

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Item {
    id: u32,
    name: &'static str,
    pub(crate) price_cents: u32,
    pub(crate) in_stock: u32,
}

pub(crate) const ITEMS: [Item; 5] = [
    item(1, "slide rule", 2_450, 12),
    item(2, "logarithm table", 900, 40),
    item(3, "difference engine", 1_700_000, 1),
    item(4, "punched cards, 100", 350, 230),
    item(5, "paper tape", 120, 75),
];

#[route("/items", method = "GET", method = "HEAD")]
pub(crate) async fn list() -> Json<[Item; 5]> {
    Json(ITEMS)
}

/// The id as text: what is no number is an unknown item too.
#[route("/items/{id}", method = "GET", method = "HEAD")]
pub(crate) async fn one(id: Path<String>) -> Result<Json<Item>, Problem> {
    let id = id.into_inner();
    let wanted = id.parse();
    ITEMS.into_iter().find(|item| wanted == Ok(item.id)).map(Json).ok_or(Problem::UnknownItem(id))
}

const fn item(id: u32, name: &'static str, price_cents: u32, in_stock: u32) -> Item {
    Item { id, name, price_cents, in_stock }
}
