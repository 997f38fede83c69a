//! Balances, what became of them, and how credits come in: by signing up, by topping up, by the admin. What is paid for
//! is at the handlers that cost something.

use std::time::UNIX_EPOCH;

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, post, route};
use monitor_runtime::activity::track_event;
use monitor_runtime::credits::{AccountId, Credits, CreditsError, Entry, Grant, Key, Verified, Violation};
use monitor_runtime::detect_anomalies;
use serde::{Deserialize, Serialize};

use crate::identity::{Admin, SignedIn};
use crate::problem::Problem;
use crate::top_ups::TopUps;
use crate::users::Users;

/// What a new user starts with.
pub(crate) const SIGN_UP_CREDITS: i64 = 100;
const TOP_UP_MAX: i64 = 1_000;
const ADMIN_GRANT_MAX: i64 = 1_000_000;
const HISTORY: u32 = 50;

/// What an account has, and its latest entries.
#[derive(Serialize)]
struct Statement {
    user: String,
    available: i64,
    held: i64,
    history: Vec<Line>,
}

/// One line of the journal: what changed, and what was available afterwards.
#[derive(Serialize)]
struct Line {
    number: i64,
    /// In Unix seconds.
    at: f64,
    kind: &'static str,
    operation: Option<String>,
    available: i64,
    held: i64,
    available_after: i64,
}

#[derive(Serialize)]
struct Balance {
    user: String,
    available: i64,
    held: i64,
}

/// How much was compared, and what does not agree.
#[derive(Serialize)]
struct Compared {
    accounts: u64,
    holds: u64,
    entries: u64,
    violations: Vec<String>,
}

#[derive(Deserialize)]
struct TopUp {
    amount: i64,
}

#[derive(Deserialize)]
struct AdminGrant {
    user: String,
    amount: i64,
    /// The same key grants once.
    key: Option<String>,
}

#[route("/credits", method = "GET", method = "HEAD")]
pub(crate) async fn statement(user: SignedIn, credits: Data<Credits>) -> Result<HttpResponse, Problem> {
    let SignedIn(user) = user;
    let account = AccountId::new(&user)?;
    let balance = credits.balance(account.clone()).await?;
    let page = credits.history(account, None, HISTORY).await?;
    Ok(HttpResponse::Ok().json(Statement {
        user,
        available: balance.available,
        held: balance.held,
        history: page.entries.into_iter().map(Line::of).collect(),
    }))
}

/// Credits for nothing, as only a demonstration has them.
#[post("/credits/top-up")]
#[detect_anomalies("credit_top_up")]
pub(crate) async fn top_up(
    user: SignedIn,
    wanted: Json<TopUp>,
    credits: Data<Credits>,
    top_ups: Data<TopUps>,
) -> Result<HttpResponse, Problem> {
    let SignedIn(user) = user;
    let amount = amount(wanted.amount, TOP_UP_MAX)?;
    let balance = top_ups.grant(user.clone(), amount, Credits::clone(&credits)).await?;
    track_event!("top_up", &user);
    let (available, held) = (balance.available, balance.held);
    Ok(HttpResponse::Ok().json(Balance { user, available, held }))
}

#[post("/admin/grants")]
pub(crate) async fn grant_by_admin(
    _: Admin,
    wanted: Json<AdminGrant>,
    users: Data<Users>,
    credits: Data<Credits>,
) -> Result<HttpResponse, Problem> {
    let AdminGrant { user, amount: wanted, key } = wanted.into_inner();
    let amount = amount(wanted, ADMIN_GRANT_MAX)?;
    if !users.exists(&user).await? {
        return Err(Problem::UnknownUser);
    }
    let account = AccountId::new(&user)?;
    let wanted = match key {
        Some(key) => Grant::once(account, amount, Key::new(format!("admin {key}"))?),
        None => Grant::new(account, amount),
    };
    let granted = credits.grant(wanted).await?;
    let (available, held) = (granted.balance.available, granted.balance.held);
    Ok(HttpResponse::Ok().json(Balance { user, available, held }))
}

/// Compares the whole ledger with itself. It reads everything, so it is the admin's alone.
#[post("/admin/verify")]
pub(crate) async fn verify_by_admin(_: Admin, credits: Data<Credits>) -> Result<HttpResponse, Problem> {
    let Verified { accounts, holds, entries, violations } = credits.verify().await?;
    let violations = violations.into_iter().map(|Violation { account, what }| format!("{account}: {what}")).collect();
    Ok(HttpResponse::Ok().json(Compared { accounts, holds, entries, violations }))
}

/// Opens the account of a user with its first credits. Asked again, it changes nothing: so whoever signed up as the
/// service was killed has them at the next sign-in.
pub(crate) async fn open_account(credits: &Credits, user: &str) -> Result<(), CreditsError> {
    let first = Grant::once(AccountId::new(user)?, SIGN_UP_CREDITS, Key::new("sign-up")?);
    credits.grant(first).await.map(drop)
}

/// The request's own account, asked by whatever costs something.
pub(crate) fn account(request: &actix_web::dev::ServiceRequest) -> Option<String> {
    use actix_web::HttpMessage;
    request.extensions().get::<SignedIn>().map(|SignedIn(user)| user.clone())
}

impl Line {
    fn of(entry: Entry) -> Line {
        Line {
            number: entry.number,
            at: entry.at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
            kind: entry.kind.as_str(),
            operation: entry.operation.map(|operation| operation.as_str().to_owned()),
            available: entry.available,
            held: entry.held,
            available_after: entry.available_after,
        }
    }
}

fn amount(amount: i64, max: i64) -> Result<i64, Problem> {
    if (1..=max).contains(&amount) { Ok(amount) } else { Err(Problem::Bad(format!("`amount` is from 1 to {max}"))) }
}
