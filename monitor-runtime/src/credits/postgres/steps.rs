//! The steps in PostgreSQL. The usual ones are one statement each, which writes if it may and answers if it wrote; all
//! others, and every refusal, are for the moves to decide, on rows that are locked while they do.

use std::time::{Duration, SystemTime};

use deadpool_postgres::{GenericClient, Object, Pool, PoolError, Transaction};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::super::error::CreditsError;
use super::super::ledger::{
    Balance, Captured, Entry, EntryKind, Expired, Extended, Grant, Granted, HoldRequest, Page, Placed, Totals,
    Verified, Violation, Voided,
};
use super::super::memory::{PAGE_MAX, VIOLATIONS_MAX};
use super::super::moves::{self, Change, Hold, Micros, Next, Sums};
use super::super::name::{AccountId, HoldId, Key, Operation};
use super::super::state::HoldState;
use super::connection::{Connection, Trouble};
use super::schema;

type Done<T> = Result<T, Trouble>;

/// A thousand years, in microseconds: what is longer would leave the calendar.
const LIFETIME_MAX: i64 = 1000 * 365 * 86_400 * 1_000_000;

pub(super) struct Steps {
    pool: Pool,
    schema: String,
    sql: Sql,
}

/// The statements with the schema's name in them.
struct Sql {
    hold: String,
    hold_with_key: String,
    capture: String,
    void: String,
    /// An account by its name and a hold by its id, each if it is there, at one time.
    facts: String,
    facts_of_hold: String,
    lock_account: String,
    lock_hold: String,
    hold_of_key: String,
}

/// What the rows say of a hold, beginning at a column.
const HOLD: &str = "hold.id, owner.name, hold.operation, hold.amount, hold.key, hold.state, hold.captured, \
    (extract(epoch FROM hold.expires_at) * 1000000)::bigint, \
    (extract(epoch FROM statement_timestamp()) * 1000000)::bigint, owner.id, owner.available, owner.held";

/// What stands in a row as [`HOLD`].
struct Found {
    hold: Hold,
    /// When the row was read, on the server's clock.
    now: Micros,
    account: Account,
}

#[derive(Clone, Copy)]
struct Account {
    row: i64,
    balance: Balance,
}

impl Steps {
    pub(super) fn new(pool: Pool, schema: &str) -> Steps {
        let expires = "least(statement_timestamp() + $5::bigint * interval '1 microsecond', '9999-01-01 00:00:00+00')";
        let settled = |kind: i16, set: &str, may: &str, captured: &str| {
            format!(
                "WITH settled AS (
                    UPDATE {schema}.hold SET {set} WHERE id = $1 AND state = 0 AND expires_at > statement_timestamp() {may}
                    RETURNING account, amount
                ), paid AS (
                    UPDATE {schema}.account SET available = available + (settled.amount - {captured}),
                        held = held - settled.amount
                    FROM settled WHERE account.id = settled.account
                    RETURNING account.id, account.available, account.held, settled.amount
                ), written AS (
                    INSERT INTO {schema}.journal (account, kind, hold, available, held, available_after)
                    SELECT id, {kind}, $1, amount - {captured}, -amount, available FROM paid
                ) SELECT available, held FROM paid"
            )
        };
        // Two that come together wait for each other at the account. The second still does not see what the first wrote;
        // then the hold's id, or its key, is there already: it met the first.
        let placed = |key: &str, is_free: &str, named: &str| {
            format!(
                "WITH paid AS (
                    UPDATE {schema}.account SET available = available - $4::bigint, held = held + $4::bigint
                    WHERE name = $2 AND available >= $4::bigint
                        AND NOT EXISTS (SELECT 1 FROM {schema}.hold WHERE id = $1) {is_free}
                    RETURNING id, available, held
                ), placed AS (
                    INSERT INTO {schema}.hold (id, account, operation, amount, key, state, expires_at)
                    SELECT $1, id, $3, $4::bigint, {key}, 0, {expires} FROM paid RETURNING expires_at
                ), {named} written AS (
                    INSERT INTO {schema}.journal (account, kind, hold, available, held, available_after)
                    SELECT id, 1, $1, -$4::bigint, $4::bigint, available FROM paid
                ) SELECT paid.available, paid.held, placed.expires_at FROM paid, placed"
            )
        };
        let is_free = format!(
            "AND NOT EXISTS (
                SELECT 1 FROM {schema}.hold_key
                WHERE hold_key.account = account.id AND hold_key.operation = $3 AND hold_key.key = $6
            )"
        );
        let named = format!(
            "named AS (
                INSERT INTO {schema}.hold_key (account, operation, key, hold) SELECT id, $3, $6, $1 FROM paid
            ),"
        );
        let sql = Sql {
            hold: placed("NULL", "", ""),
            hold_with_key: placed("$6", &is_free, &named),
            capture: settled(2, "state = 1, captured = $2::bigint", "AND amount >= $2::bigint", "$2::bigint"),
            void: settled(3, "state = 2", "", "0::bigint"),
            facts: format!(
                "SELECT payer.id, payer.available, payer.held, {HOLD}
                FROM (VALUES (1)) one
                LEFT JOIN {schema}.account payer ON payer.name = $1
                LEFT JOIN {schema}.hold hold ON hold.id = $2
                LEFT JOIN {schema}.account owner ON owner.id = hold.account"
            ),
            facts_of_hold: format!(
                "SELECT {HOLD} FROM {schema}.hold hold JOIN {schema}.account owner ON owner.id = hold.account
                WHERE hold.id = $1"
            ),
            lock_account: format!("SELECT id, available, held FROM {schema}.account WHERE name = $1 FOR UPDATE"),
            lock_hold: format!("SELECT account FROM {schema}.hold WHERE id = $1 FOR UPDATE"),
            hold_of_key: format!(
                "SELECT {HOLD} FROM {schema}.hold_key JOIN {schema}.hold hold ON hold.id = hold_key.hold
                JOIN {schema}.account owner ON owner.id = hold.account
                WHERE hold_key.account = $1 AND hold_key.operation = $2 AND hold_key.key = $3"
            ),
        };
        Steps { pool, schema: schema.to_owned(), sql }
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    pub(super) async fn client(&self) -> Done<Connection> {
        match self.pool.get().await {
            Ok(object) => Ok(Connection::new(object)),
            Err(PoolError::Backend(error)) => Err(error.into()),
            Err(PoolError::Timeout(_)) => {
                let why = "no connection to PostgreSQL is free, or it does not answer".to_owned();
                Err(CreditsError::Unavailable { why }.into())
            }
            Err(error) => Err(CreditsError::unavailable(error).into()),
        }
    }

    /// Makes the tables, or brings them up to date.
    pub(super) async fn migrate(&self) -> Done<()> {
        let mut client = self.client().await?;
        let result = schema::migrate(&mut client, &self.schema).await;
        client.ended(result)
    }

    pub(super) async fn grant(&self, grant: &Grant) -> Done<Granted> {
        let mut client = self.client().await?;
        let result = self.grant_on(&mut client, grant).await;
        client.ended(result)
    }

    async fn grant_on(&self, client: &mut Object, grant: &Grant) -> Done<Granted> {
        let schema = &self.schema;
        let step = client.transaction().await?;
        let made = step
            .prepare_cached(&format!(
                "INSERT INTO {schema}.account (name, available, held) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING"
            ))
            .await?;
        let is_new = step.execute(&made, &[&grant.account.as_str()]).await? == 1;
        let Some(account) = self.lock_account(&step, &grant.account).await? else {
            return Err(Trouble::Met("an account came and went".to_owned()));
        };
        let earlier = step
            .prepare_cached(&format!(
                "SELECT available FROM {schema}.journal WHERE account = $1 AND key = $2 AND kind = 0"
            ))
            .await?;
        let earlier = step.query_opt(&earlier, &[&account.row, &grant.key.as_str()]).await?;
        let earlier = earlier.map(|row| row.try_get(0)).transpose()?;
        // Refused, the account goes with the transaction.
        match moves::grant((!is_new).then_some(account.balance), earlier, grant)? {
            Next::Same(balance) => Ok(Granted { balance, replayed: true }),
            Next::Do(change) => {
                self.write(&step, account.row, &change, None, Some(&grant.key)).await?;
                step.commit().await?;
                Ok(Granted { balance: change.balance, replayed: false })
            }
        }
    }

    pub(super) async fn hold(&self, request: &HoldRequest) -> Done<Placed> {
        let mut client = self.client().await?;
        let result = self.hold_on(&mut client, request).await;
        client.ended(result)
    }

    async fn hold_on(&self, client: &mut Object, request: &HoldRequest) -> Done<Placed> {
        let id = request.id.uuid();
        let lifetime = micros(request.lifetime);
        let (account, operation) = (request.account.as_str(), request.operation.as_str());
        let key = request.key.as_ref().map(Key::as_str);
        if request.amount > 0 && request.lifetime >= Duration::from_millis(1) {
            let sql = if key.is_some() { &self.sql.hold_with_key } else { &self.sql.hold };
            let statement = client.prepare_cached(sql).await?;
            let values: [&(dyn ToSql + Sync); 6] = [&id, &account, &operation, &request.amount, &lifetime, &key];
            let values = if key.is_some() { &values[..] } else { &values[..5] };
            if let Some(row) = client.query_opt(&statement, values).await? {
                let balance = Balance { available: row.try_get(0)?, held: row.try_get(1)? };
                return Ok(placed(request.id, HoldState::Open, row.try_get(2)?, balance, false));
            }
            // Why not? Most often there are too few credits, or the key is another hold's: neither needs a lock to be told.
            let facts = client.prepare_cached(&self.sql.facts).await?;
            let row = client.query_one(&facts, &[&account, &id]).await?;
            let payer: Option<i64> = row.try_get(0)?;
            let balance = payer.map(|_| balance(&row, 1)).transpose()?;
            let same_id = row.try_get::<_, Option<Uuid>>(3)?.map(|_| found(&row, 3)).transpose()?;
            let same_id = same_id.map(|found| found.hold);
            let same_key = self.hold_of_key(&*client, payer, &request.operation, request.key.as_ref()).await?;
            if let Next::Same(hold) = moves::hold(balance, same_id.as_ref(), same_key.as_ref(), request)? {
                let balance = balance.unwrap_or_default();
                return Ok(placed(hold.id, hold.state, moves::time(hold.expires_at), balance, true));
            }
        }
        let step = client.transaction().await?;
        let account = self.lock_account(&step, &request.account).await?;
        let same_id = self.found(&step, request.id).await?.map(|found| found.hold);
        let payer = account.map(|account| account.row);
        let same_key = self.hold_of_key(&step, payer, &request.operation, request.key.as_ref()).await?;
        let balance = account.map(|account| account.balance);
        match moves::hold(balance, same_id.as_ref(), same_key.as_ref(), request)? {
            Next::Same(hold) => {
                let balance = balance.unwrap_or_default();
                Ok(placed(hold.id, hold.state, moves::time(hold.expires_at), balance, true))
            }
            Next::Do(change) => {
                let Some(account) = account else {
                    return Err(CreditsError::UnknownAccount { account: request.account.clone() }.into());
                };
                let schema = &self.schema;
                let statement = step
                    .prepare_cached(&format!(
                        "INSERT INTO {schema}.hold (id, account, operation, amount, key, state, expires_at)
                        VALUES ($1, $2, $3, $4, $6, 0, least(
                            statement_timestamp() + $5::bigint * interval '1 microsecond', '9999-01-01 00:00:00+00'
                        )) RETURNING expires_at"
                    ))
                    .await?;
                let values: [&(dyn ToSql + Sync); 6] =
                    [&id, &account.row, &operation, &request.amount, &lifetime, &key];
                let expires_at = step.query_one(&statement, &values).await?.try_get(0)?;
                if let Some(key) = &request.key {
                    self.name(&step, account.row, &request.operation, key, request.id).await?;
                }
                self.write(&step, account.row, &change, Some(request.id), None).await?;
                step.commit().await?;
                Ok(placed(request.id, HoldState::Open, expires_at, change.balance, false))
            }
        }
    }

    /// The hold that a key belongs to.
    async fn hold_of_key(
        &self,
        client: &impl GenericClient,
        payer: Option<i64>,
        operation: &Operation,
        key: Option<&Key>,
    ) -> Done<Option<Hold>> {
        let (Some(payer), Some(key)) = (payer, key) else { return Ok(None) };
        let statement = client.prepare_cached(&self.sql.hold_of_key).await?;
        let row = client.query_opt(&statement, &[&payer, &operation.as_str(), &key.as_str()]).await?;
        Ok(row.map(|row| found(&row, 0)).transpose()?.map(|found| found.hold))
    }

    /// Makes a key this hold's.
    async fn name(
        &self,
        step: &Transaction<'_>,
        account: i64,
        operation: &Operation,
        key: &Key,
        hold: HoldId,
    ) -> Done<()> {
        let statement = step
            .prepare_cached(&format!(
                "INSERT INTO {}.hold_key (account, operation, key, hold) VALUES ($1, $2, $3, $4)
                ON CONFLICT (account, operation, key) DO UPDATE SET hold = excluded.hold",
                self.schema
            ))
            .await?;
        step.execute(&statement, &[&account, &operation.as_str(), &key.as_str(), &hold.uuid()]).await?;
        Ok(())
    }

    pub(super) async fn capture(&self, id: HoldId, amount: i64) -> Done<Captured> {
        let mut client = self.client().await?;
        let result = self.capture_on(&mut client, id, amount).await;
        client.ended(result)
    }

    async fn capture_on(&self, client: &mut Object, id: HoldId, amount: i64) -> Done<Captured> {
        if amount > 0 {
            let statement = client.prepare_cached(&self.sql.capture).await?;
            if let Some(row) = client.query_opt(&statement, &[&id.uuid(), &amount]).await? {
                return Ok(Captured { amount, balance: balance(&row, 0)?, late: false, replayed: false });
            }
        }
        let step = client.transaction().await?;
        let Found { hold, now, account } = self.locked(&step, id).await?;
        let key = hold.key_set_free();
        let same_key = self.hold_of_key(&step, Some(account.row), &hold.operation, key).await?;
        match moves::capture(account.balance, &hold, same_key.as_ref(), amount, now)? {
            Next::Same((amount, late)) => Ok(Captured { amount, balance: account.balance, late, replayed: true }),
            Next::Do(change) => {
                if let Some(key) = key {
                    self.name(&step, account.row, &hold.operation, key, id).await?;
                }
                self.settle(&step, &hold, account, &change).await?;
                step.commit().await?;
                let late = matches!(change.state, Some(HoldState::CapturedLate(_)));
                Ok(Captured { amount, balance: change.balance, late, replayed: false })
            }
        }
    }

    pub(super) async fn void(&self, id: HoldId) -> Done<Voided> {
        let mut client = self.client().await?;
        let result = self.void_on(&mut client, id).await;
        client.ended(result)
    }

    async fn void_on(&self, client: &mut Object, id: HoldId) -> Done<Voided> {
        let statement = client.prepare_cached(&self.sql.void).await?;
        if let Some(row) = client.query_opt(&statement, &[&id.uuid()]).await? {
            return Ok(Voided { balance: balance(&row, 0)?, replayed: false });
        }
        let step = client.transaction().await?;
        let Found { hold, now, account } = self.locked(&step, id).await?;
        match moves::void(account.balance, &hold, now)? {
            Next::Same(()) => Ok(Voided { balance: account.balance, replayed: true }),
            Next::Do(change) => {
                self.settle(&step, &hold, account, &change).await?;
                step.commit().await?;
                Ok(Voided { balance: change.balance, replayed: false })
            }
        }
    }

    pub(super) async fn extend(&self, id: HoldId, lifetime: Duration) -> Done<Extended> {
        let mut client = self.client().await?;
        let result = self.extend_on(&mut client, id, lifetime).await;
        client.ended(result)
    }

    async fn extend_on(&self, client: &mut Object, id: HoldId, lifetime: Duration) -> Done<Extended> {
        let step = client.transaction().await?;
        let Found { hold, now, .. } = self.locked(&step, id).await?;
        let expires_at = moves::time(moves::extend(&hold, lifetime, now)?);
        let statement = format!("UPDATE {}.hold SET expires_at = $2 WHERE id = $1", self.schema);
        let statement = step.prepare_cached(&statement).await?;
        step.execute(&statement, &[&id.uuid(), &expires_at]).await?;
        step.commit().await?;
        Ok(Extended { expires_at })
    }

    pub(super) async fn expire(&self, limit: u32) -> Done<Expired> {
        let mut client = self.client().await?;
        let result = self.expire_on(&mut client, limit).await;
        client.ended(result)
    }

    async fn expire_on(&self, client: &mut Object, limit: u32) -> Done<Expired> {
        let schema = &self.schema;
        let step = client.transaction().await?;
        // Another instance's reaper passes these by, and this one those of another.
        let due = step
            .prepare_cached(&format!(
                "SELECT id, account, amount FROM {schema}.hold WHERE state = 0 AND expires_at <= statement_timestamp()
                ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED"
            ))
            .await?;
        let due = step.query(&due, &[&i64::from(limit)]).await?;
        if due.is_empty() {
            return Ok(Expired::default());
        }
        let mut owners: Vec<i64> = due.iter().map(|row| row.try_get(1)).collect::<Result<_, _>>()?;
        owners.sort_unstable();
        owners.dedup();
        // In one order for all, so that no two wait for each other.
        let lock = step
            .prepare_cached(&format!(
                "SELECT id, available, held, name FROM {schema}.account WHERE id = ANY ($1) ORDER BY id FOR UPDATE"
            ))
            .await?;
        let rows = step.query(&lock, &[&owners]).await?;
        let mut accounts = Vec::with_capacity(rows.len());
        for row in &rows {
            accounts.push((row.try_get::<_, i64>(0)?, balance(row, 1)?, account_id(row.try_get(3)?)?));
        }
        let (mut ids, mut lines) = (Vec::new(), Lines::default());
        let mut expired = Expired::default();
        for row in &due {
            let owner: i64 = row.try_get(1)?;
            let Some((_, before, name)) = accounts.iter_mut().find(|(row, ..)| *row == owner) else {
                return Err(CreditsError::InvalidStore { why: "a hold has no account".to_owned() }.into());
            };
            let id = HoldId::from(row.try_get::<_, Uuid>(0)?);
            let amount: i64 = row.try_get(2)?;
            let hold = Hold {
                id,
                account: name.clone(),
                operation: Operation::new("expired").map_err(damaged)?,
                amount,
                key: None,
                state: HoldState::Open,
                expires_at: 0,
            };
            let change = moves::expire(*before, &hold)?;
            lines.add(owner, &change, id);
            *before = change.balance;
            ids.push(id.uuid());
            expired.holds += 1;
            expired.credits = expired.credits.saturating_add(amount);
        }
        let statement = format!("UPDATE {schema}.hold SET state = 3 WHERE id = ANY ($1)");
        step.execute(&step.prepare_cached(&statement).await?, &[&ids]).await?;
        let available: Vec<i64> = accounts.iter().map(|(_, balance, _)| balance.available).collect();
        let held: Vec<i64> = accounts.iter().map(|(_, balance, _)| balance.held).collect();
        let rows: Vec<i64> = accounts.iter().map(|(row, ..)| *row).collect();
        let statement = step
            .prepare_cached(&format!(
                "UPDATE {schema}.account SET available = now.available, held = now.held
                FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS now (id, available, held)
                WHERE account.id = now.id"
            ))
            .await?;
        step.execute(&statement, &[&rows, &available, &held]).await?;
        self.write_lines(&step, &lines).await?;
        step.commit().await?;
        Ok(expired)
    }

    pub(super) async fn balance(&self, name: &AccountId) -> Done<Balance> {
        let mut client = self.client().await?;
        let result = self.account(&client, name).await.map(|account| account.balance);
        client.ended(result)
    }

    async fn account(&self, client: &Object, name: &AccountId) -> Done<Account> {
        let statement = format!("SELECT id, available, held FROM {}.account WHERE name = $1", self.schema);
        let statement = client.prepare_cached(&statement).await?;
        match client.query_opt(&statement, &[&name.as_str()]).await? {
            Some(row) => Ok(Account { row: row.try_get(0)?, balance: balance(&row, 1)? }),
            None => Err(CreditsError::UnknownAccount { account: name.clone() }.into()),
        }
    }

    pub(super) async fn history(&self, name: &AccountId, before: Option<i64>, limit: u32) -> Done<Page> {
        let mut client = self.client().await?;
        let result = self.history_on(&client, name, before, limit).await;
        client.ended(result)
    }

    async fn history_on(&self, client: &Object, name: &AccountId, before: Option<i64>, limit: u32) -> Done<Page> {
        let account = self.account(client, name).await?;
        let schema = &self.schema;
        let statement = client
            .prepare_cached(&format!(
                "SELECT journal.number, journal.at, journal.kind, journal.available, journal.held,
                journal.available_after, journal.hold, hold.operation, journal.key
                FROM {schema}.journal LEFT JOIN {schema}.hold ON hold.id = journal.hold
                WHERE journal.account = $1 AND journal.number < $2 ORDER BY journal.number DESC LIMIT $3"
            ))
            .await?;
        let limit = limit.min(PAGE_MAX);
        // One more than asked for tells whether there is more.
        let (before, asked) = (before.unwrap_or(i64::MAX), i64::from(limit) + 1);
        let rows = client.query(&statement, &[&account.row, &before, &asked]).await?;
        let entries = rows.iter().take(limit as usize).map(entry).collect::<Result<Vec<_>, _>>()?;
        let next = entries.last().filter(|_| rows.len() > entries.len()).map(|entry| entry.number);
        Ok(Page { entries, next })
    }

    pub(super) async fn totals(&self) -> Done<Totals> {
        let mut client = self.client().await?;
        let result = self.totals_on(&client).await;
        client.ended(result)
    }

    async fn totals_on(&self, client: &Object) -> Done<Totals> {
        let statement = format!(
            "SELECT count(*), least(coalesce(sum(amount), 0), {})::bigint FROM {}.hold WHERE state = 0",
            i64::MAX,
            self.schema
        );
        let row = client.query_one(&client.prepare_cached(&statement).await?, &[]).await?;
        Ok(Totals { holds: row.try_get::<_, i64>(0)?.unsigned_abs(), credits: row.try_get(1)? })
    }

    pub(super) async fn verify(&self) -> Done<Verified> {
        let mut client = self.client().await?;
        let result = self.verify_on(&mut client).await;
        client.ended(result)
    }

    async fn verify_on(&self, client: &mut Object) -> Done<Verified> {
        let schema = &self.schema;
        let step = client.transaction().await?;
        // All statements see one state, and take the time that they need.
        step.batch_execute(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0",
        )
        .await?;
        let counts = format!(
            "SELECT (SELECT count(*) FROM {schema}.account), (SELECT count(*) FROM {schema}.hold),
            (SELECT count(*) FROM {schema}.journal)"
        );
        let row = step.query_one(&counts, &[]).await?;
        let count = |column: usize| row.try_get::<_, i64>(column).map(i64::unsigned_abs);
        let mut verified =
            Verified { accounts: count(0)?, holds: count(1)?, entries: count(2)?, violations: Vec::new() };
        // Sums are of any size, so they come as text.
        let wrong = format!(
            "SELECT name, account.available, account.held, coalesce(told.available, 0)::text, coalesce(told.held, 0)::text,
                coalesce(told.granted, 0)::text, coalesce(told.captured, 0)::text, coalesce(stands.held, 0)::text
            FROM {schema}.account LEFT JOIN (
                SELECT account, sum(available) available, sum(held) held, sum(available) FILTER (WHERE kind = 0) granted,
                    -sum(available + held) FILTER (WHERE kind IN (2, 5)) captured
                FROM {schema}.journal GROUP BY account
            ) told ON told.account = account.id LEFT JOIN (
                SELECT account, sum(amount) held FROM {schema}.hold WHERE state = 0 GROUP BY account
            ) stands ON stands.account = account.id
            WHERE account.available <> coalesce(told.available, 0) OR account.held <> coalesce(told.held, 0)
                OR account.held <> coalesce(stands.held, 0) OR least(account.available, account.held) < 0
                OR coalesce(told.granted, 0) - coalesce(told.captured, 0) <> account.available::numeric + account.held
            LIMIT {VIOLATIONS_MAX}"
        );
        for row in step.query(&wrong, &[]).await? {
            let sum = |column: usize| -> Done<i128> {
                let text: &str = row.try_get(column)?;
                text.parse().map_err(|_| CreditsError::InvalidStore { why: format!("a sum is {text}") }.into())
            };
            let sums = Sums { available: sum(3)?, held: sum(4)?, granted: sum(5)?, captured: sum(6)?, open: sum(7)? };
            moves::violations(&account_id(row.try_get(0)?)?, balance(&row, 1)?, sums, &mut verified.violations);
        }
        // Open holds with an entry that settles them, and settled ones without.
        let astray = format!(
            "SELECT name, count(*) FROM {schema}.hold JOIN {schema}.account ON account.id = hold.account
            WHERE (hold.state <> 0) <> EXISTS (
                SELECT 1 FROM {schema}.journal WHERE journal.hold = hold.id AND journal.kind IN (2, 3, 4)
            ) GROUP BY name LIMIT {VIOLATIONS_MAX}"
        );
        for row in step.query(&astray, &[]).await? {
            let what = format!("holds whose state is not what the journal says: {}", row.try_get::<_, i64>(1)?);
            verified.violations.push(Violation { account: account_id(row.try_get(0)?)?, what });
        }
        verified.violations.truncate(VIOLATIONS_MAX);
        Ok(verified)
    }

    async fn lock_account(&self, step: &Transaction<'_>, name: &AccountId) -> Done<Option<Account>> {
        let statement = step.prepare_cached(&self.sql.lock_account).await?;
        let row = step.query_opt(&statement, &[&name.as_str()]).await?;
        row.map(|row| Ok(Account { row: row.try_get(0)?, balance: balance(&row, 1)? })).transpose()
    }

    async fn found(&self, step: &Transaction<'_>, id: HoldId) -> Done<Option<Found>> {
        let statement = step.prepare_cached(&self.sql.facts_of_hold).await?;
        let row = step.query_opt(&statement, &[&id.uuid()]).await?;
        row.map(|row| found(&row, 0)).transpose()
    }

    /// A hold and its account, which nobody else changes until the step has ended.
    async fn locked(&self, step: &Transaction<'_>, id: HoldId) -> Done<Found> {
        let statement = step.prepare_cached(&self.sql.lock_hold).await?;
        let Some(row) = step.query_opt(&statement, &[&id.uuid()]).await? else {
            return Err(CreditsError::UnknownHold { hold: id }.into());
        };
        let account: i64 = row.try_get(0)?;
        let lock = format!("SELECT 1 FROM {}.account WHERE id = $1 FOR UPDATE", self.schema);
        step.execute(&step.prepare_cached(&lock).await?, &[&account]).await?;
        Ok(self.found(step, id).await?.ok_or(CreditsError::UnknownHold { hold: id })?)
    }

    async fn settle(&self, step: &Transaction<'_>, hold: &Hold, account: Account, change: &Change) -> Done<()> {
        if let Some(state) = change.state {
            let (state, captured) = state.stored();
            let statement = format!("UPDATE {}.hold SET state = $2, captured = $3 WHERE id = $1", self.schema);
            let statement = step.prepare_cached(&statement).await?;
            step.execute(&statement, &[&hold.id.uuid(), &state, &captured]).await?;
        }
        self.write(step, account.row, change, Some(hold.id), None).await
    }

    async fn write(
        &self,
        step: &Transaction<'_>,
        account: i64,
        change: &Change,
        hold: Option<HoldId>,
        key: Option<&Key>,
    ) -> Done<()> {
        let schema = &self.schema;
        let Balance { available, held } = change.balance;
        let statement = format!("UPDATE {schema}.account SET available = $2, held = $3 WHERE id = $1");
        step.execute(&step.prepare_cached(&statement).await?, &[&account, &available, &held]).await?;
        match (hold, key) {
            (Some(hold), _) => {
                let mut lines = Lines::default();
                lines.add(account, change, hold);
                self.write_lines(step, &lines).await
            }
            (None, key) => {
                let statement = format!(
                    "INSERT INTO {schema}.journal (account, kind, key, available, held, available_after)
                    VALUES ($1, 0, $2, $3, 0, $4)"
                );
                let statement = step.prepare_cached(&statement).await?;
                let (key, line) = (key.map(Key::as_str), change.first);
                step.execute(&statement, &[&account, &key, &line.available, &line.available_after]).await?;
                Ok(())
            }
        }
    }

    async fn write_lines(&self, step: &Transaction<'_>, lines: &Lines) -> Done<()> {
        let statement = step
            .prepare_cached(&format!(
                "INSERT INTO {}.journal (account, kind, hold, available, held, available_after)
                SELECT account, kind, hold, available, held, available_after
                FROM unnest($1::bigint[], $2::smallint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[])
                    WITH ORDINALITY AS line (account, kind, hold, available, held, available_after, place)
                ORDER BY place",
                self.schema
            ))
            .await?;
        let Lines { accounts, kinds, holds, available, held, available_after } = lines;
        step.execute(&statement, &[accounts, kinds, holds, available, held, available_after]).await?;
        Ok(())
    }
}

/// Entries to be written, column by column.
#[derive(Default)]
struct Lines {
    accounts: Vec<i64>,
    kinds: Vec<i16>,
    holds: Vec<Uuid>,
    available: Vec<i64>,
    held: Vec<i64>,
    available_after: Vec<i64>,
}

impl Lines {
    fn add(&mut self, account: i64, change: &Change, hold: HoldId) {
        for line in change.lines() {
            self.accounts.push(account);
            self.kinds.push(line.kind.number());
            self.holds.push(hold.uuid());
            self.available.push(line.available);
            self.held.push(line.held);
            self.available_after.push(line.available_after);
        }
    }
}

fn micros(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX).min(LIFETIME_MAX)
}

fn placed(hold: HoldId, state: HoldState, expires_at: SystemTime, balance: Balance, replayed: bool) -> Placed {
    Placed { hold, state, expires_at, balance, replayed }
}

fn balance(row: &Row, column: usize) -> Done<Balance> {
    Ok(Balance { available: row.try_get(column)?, held: row.try_get(column + 1)? })
}

fn found(row: &Row, first: usize) -> Done<Found> {
    let state = HoldState::from_stored(row.try_get(first + 5)?, row.try_get(first + 6)?)?;
    let hold = Hold {
        id: row.try_get::<_, Uuid>(first)?.into(),
        account: account_id(row.try_get(first + 1)?)?,
        operation: Operation::new(row.try_get::<_, &str>(first + 2)?).map_err(damaged)?,
        amount: row.try_get(first + 3)?,
        key: row.try_get::<_, Option<&str>>(first + 4)?.map(Key::new).transpose().map_err(damaged)?,
        state,
        expires_at: row.try_get(first + 7)?,
    };
    let account = Account { row: row.try_get(first + 9)?, balance: balance(row, first + 10)? };
    Ok(Found { hold, now: row.try_get(first + 8)?, account })
}

fn entry(row: &Row) -> Done<Entry> {
    Ok(Entry {
        number: row.try_get(0)?,
        at: row.try_get(1)?,
        kind: EntryKind::from_number(row.try_get(2)?)?,
        available: row.try_get(3)?,
        held: row.try_get(4)?,
        available_after: row.try_get(5)?,
        hold: row.try_get::<_, Option<Uuid>>(6)?.map(HoldId::from),
        operation: row.try_get::<_, Option<&str>>(7)?.map(Operation::new).transpose().map_err(damaged)?,
        key: row.try_get::<_, Option<&str>>(8)?.map(Key::new).transpose().map_err(damaged)?,
    })
}

/// A name that no ledger would have written.
fn damaged(error: CreditsError) -> Trouble {
    Trouble::Refused(CreditsError::InvalidStore { why: error.to_string() })
}

fn account_id(name: &str) -> Done<AccountId> {
    AccountId::new(name).map_err(damaged)
}
