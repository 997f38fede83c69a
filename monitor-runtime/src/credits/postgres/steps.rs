//! The steps that go in no batch: grants, the reaper, and whatever reads. A step that changes an account locks it first, and
//! of those that wait for one account one at a time has a connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::super::error::CreditsError;
use super::super::ledger::{Balance, Expired, Grant, Granted, Page, Totals, Verified, Violation};
use super::super::memory::{PAGE_MAX, VIOLATIONS_MAX};
use super::super::moves::{self, Hold, Next, Sums};
use super::super::name::{AccountId, HoldId, Operation};
use super::super::state::HoldState;
use super::connection::{Connection, Connections, Done, Trouble};
use super::rows::{self, Lines, account_id, damaged};
use super::schema;

/// Expired holds that the reaper looks at to find accounts.
const LOOKED_AT: u32 = 10_000;

pub(super) struct Steps {
    connections: Connections,
    schema: String,
    turns: Turns,
}

#[derive(Clone, Copy)]
struct Account {
    row: i64,
    balance: Balance,
}

impl Steps {
    pub(super) fn new(connections: Connections, schema: &str) -> Steps {
        Steps { connections, schema: schema.to_owned(), turns: Turns::default() }
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// The connections led where nothing is to be had any more.
    pub(super) fn forget(&self) {
        self.connections.forget();
    }

    /// Makes the tables, or brings them up to date.
    pub(super) async fn migrate(&self) -> Done<()> {
        let mut client = self.connections.get().await?;
        let result = schema::migrate(&mut client, &self.schema).await;
        client.ended(result).await
    }

    pub(super) async fn grant(&self, grant: &Grant) -> Done<Granted> {
        let turn = self.turns.of(&grant.account);
        let _turn = turn.lock().await;
        let mut client = self.connections.get().await?;
        let result = self.grant_on(&mut client, grant).await;
        client.ended(result).await
    }

    async fn grant_on(&self, client: &mut Connection, grant: &Grant) -> Done<Granted> {
        let schema = &self.schema;
        client.begin().await?;
        let dated;
        let grant = if grant.is_by_month() {
            // The server's clock is the one of all instances.
            let now = client.row("SELECT (extract(epoch FROM now()) * 1000000)::int8", &[]).await?;
            let now = now.map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
            dated = grant.dated(moves::time(now));
            &dated
        } else {
            grant
        };
        let name = grant.account.as_str();
        let key = grant.key.as_str();
        let made = format!(
            "INSERT INTO {schema}.account (name, available, held) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING RETURNING id"
        );
        let is_new = client.row(&made, &[(&name, Type::TEXT)]).await?.is_some();
        let lock = format!("SELECT id, available, held FROM {schema}.account WHERE name = $1 FOR UPDATE");
        let Some(row) = client.row(&lock, &[(&name, Type::TEXT)]).await? else {
            return Err(Trouble::Met("an account came and went".to_owned()));
        };
        let account = Account { row: row.try_get(0)?, balance: rows::balance(&row, 1)? };
        let earlier = format!("SELECT available FROM {schema}.journal WHERE account = $1 AND key = $2 AND kind = 0");
        let earlier = client.row(&earlier, &[(&account.row, Type::INT8), (&key, Type::TEXT)]).await?;
        let earlier = earlier.map(|row| row.try_get(0)).transpose()?;
        // Refused, the account goes with the transaction.
        match moves::grant((!is_new).then_some(account.balance), earlier, grant)? {
            Next::Same(balance) => Ok(Granted { balance, replayed: true }),
            Next::Do(change) => {
                let Balance { available, held } = change.balance;
                let update = format!("UPDATE {schema}.account SET available = $2, held = $3 WHERE id = $1");
                let values = [(&account.row as _, Type::INT8), (&available as _, Type::INT8), (&held as _, Type::INT8)];
                client.query(&update, &values).await?;
                let insert = format!(
                    "INSERT INTO {schema}.journal (account, kind, key, available, held, available_after)
                    VALUES ($1, 0, $2, $3, 0, $4)"
                );
                let values = [
                    (&account.row as _, Type::INT8),
                    (&key as _, Type::TEXT),
                    (&change.first.available as _, Type::INT8),
                    (&change.first.available_after as _, Type::INT8),
                ];
                client.query(&insert, &values).await?;
                client.commit().await?;
                Ok(Granted { balance: change.balance, replayed: false })
            }
        }
    }

    /// The account of a hold.
    pub(super) async fn owner(&self, hold: HoldId) -> Done<AccountId> {
        let mut client = self.connections.get().await?;
        let result = self.owner_on(&client, hold).await;
        client.ended(result).await
    }

    async fn owner_on(&self, client: &Connection, hold: HoldId) -> Done<AccountId> {
        let schema = &self.schema;
        let owner = format!(
            "SELECT account.name FROM {schema}.hold JOIN {schema}.account ON account.id = hold.account WHERE hold.id = $1"
        );
        match client.row(&owner, &[(&hold.uuid(), Type::UUID)]).await? {
            Some(row) => account_id(row.try_get(0)?),
            None => Err(CreditsError::UnknownHold { hold }.into()),
        }
    }

    pub(super) async fn expire(&self, limit: u32) -> Done<Expired> {
        let mut client = self.connections.get().await?;
        let result = self.expire_on(&mut client, limit).await;
        client.ended(result).await
    }

    async fn expire_on(&self, client: &mut Connection, limit: u32) -> Done<Expired> {
        let schema = &self.schema;
        let limit = i64::from(limit);
        let due =
            format!("SELECT 1 FROM {schema}.hold WHERE state = 0 AND expires_at <= statement_timestamp() LIMIT 1");
        // Looked at first, without a lock: most often there are none.
        if client.row(&due, &[]).await?.is_none() {
            return Ok(Expired::default());
        }
        client.begin().await?;
        // Another instance's reaper passes these accounts by, and this one those of another. In one order for all, so that
        // no two wait for each other.
        let lock = |how: &str| {
            format!(
                "SELECT id, available, held, name FROM {schema}.account WHERE id IN (
                    SELECT account FROM (
                        SELECT account, expires_at FROM {schema}.hold
                        WHERE state = 0 AND expires_at <= statement_timestamp()
                        ORDER BY expires_at LIMIT {LOOKED_AT}
                    ) due GROUP BY account ORDER BY min(expires_at) LIMIT $1
                ) ORDER BY id FOR UPDATE {how}"
            )
        };
        let mut locked = client.query(&lock("SKIP LOCKED"), &[(&limit, Type::INT8)]).await?;
        if locked.is_empty() {
            // All of them are busy: one is waited for.
            client.run("SET LOCAL lock_timeout = 100").await?;
            locked = match client.query(&lock(""), &[(&1_i64, Type::INT8)]).await {
                Err(Trouble::Locked(_)) => return Ok(Expired::default()),
                locked => locked?,
            };
        }
        let mut accounts = Vec::with_capacity(locked.len());
        let mut places = HashMap::new();
        for row in &locked {
            places.insert(row.try_get::<_, i64>(0)?, accounts.len());
            accounts.push((row.try_get::<_, i64>(0)?, rows::balance(row, 1)?, account_id(row.try_get(3)?)?));
        }
        let owners: Vec<i64> = accounts.iter().map(|(row, ..)| *row).collect();
        let due = format!(
            "SELECT id, account, amount FROM {schema}.hold
            WHERE state = 0 AND expires_at <= statement_timestamp() AND account = ANY ($2)
            ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED"
        );
        let due = client.query(&due, &[(&limit, Type::INT8), (&owners, Type::INT8_ARRAY)]).await?;
        let (mut ids, mut lines) = (Vec::new(), Lines::default());
        let mut expired = Expired::default();
        for row in &due {
            let owner: i64 = row.try_get(1)?;
            let Some((_, before, name)) = places.get(&owner).and_then(|place| accounts.get_mut(*place)) else {
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
        if ids.is_empty() {
            return Ok(expired);
        }
        let statement = format!("UPDATE {schema}.hold SET state = 3 WHERE id = ANY ($1)");
        client.query(&statement, &[(&ids, Type::UUID_ARRAY)]).await?;
        let available: Vec<i64> = accounts.iter().map(|(_, balance, _)| balance.available).collect();
        let held: Vec<i64> = accounts.iter().map(|(_, balance, _)| balance.held).collect();
        let statement = format!(
            "UPDATE {schema}.account SET available = after.available, held = after.held
            FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS after (id, available, held)
            WHERE account.id = after.id"
        );
        let values =
            [(&owners as _, Type::INT8_ARRAY), (&available as _, Type::INT8_ARRAY), (&held as _, Type::INT8_ARRAY)];
        client.query(&statement, &values).await?;
        client.query(&rows::journal(schema, 1), &lines.values()).await?;
        client.commit().await?;
        Ok(expired)
    }

    pub(super) async fn balance(&self, name: &AccountId) -> Done<Balance> {
        let mut client = self.connections.get().await?;
        let result = self.account(&client, name).await.map(|account| account.balance);
        client.ended(result).await
    }

    async fn account(&self, client: &Connection, name: &AccountId) -> Done<Account> {
        let statement = format!("SELECT id, available, held FROM {}.account WHERE name = $1", self.schema);
        match client.row(&statement, &[(&name.as_str(), Type::TEXT)]).await? {
            Some(row) => Ok(Account { row: row.try_get(0)?, balance: rows::balance(&row, 1)? }),
            None => Err(CreditsError::UnknownAccount { account: name.clone() }.into()),
        }
    }

    pub(super) async fn history(&self, name: &AccountId, before: Option<i64>, limit: u32) -> Done<Page> {
        let mut client = self.connections.get().await?;
        let result = self.history_on(&client, name, before, limit).await;
        client.ended(result).await
    }

    async fn history_on(&self, client: &Connection, name: &AccountId, before: Option<i64>, limit: u32) -> Done<Page> {
        let account = self.account(client, name).await?;
        let schema = &self.schema;
        let statement = format!(
            "SELECT journal.number, journal.at, journal.kind, journal.available, journal.held,
            journal.available_after, journal.hold, hold.operation, journal.key
            FROM {schema}.journal LEFT JOIN {schema}.hold ON hold.id = journal.hold
            WHERE journal.account = $1 AND journal.number < $2 ORDER BY journal.number DESC LIMIT $3"
        );
        let limit = limit.min(PAGE_MAX);
        // One more than asked for tells whether there is more.
        let (before, asked) = (before.unwrap_or(i64::MAX), i64::from(limit) + 1);
        let values = [(&account.row as _, Type::INT8), (&before as _, Type::INT8), (&asked as _, Type::INT8)];
        let rows = client.query(&statement, &values).await?;
        let entries = rows.iter().take(limit as usize).map(rows::entry).collect::<Result<Vec<_>, _>>()?;
        let next = entries.last().filter(|_| rows.len() > entries.len()).map(|entry| entry.number);
        Ok(Page { entries, next })
    }

    pub(super) async fn totals(&self) -> Done<Totals> {
        let mut client = self.connections.get().await?;
        let result = self.totals_on(&client).await;
        client.ended(result).await
    }

    async fn totals_on(&self, client: &Connection) -> Done<Totals> {
        let statement = format!(
            "SELECT count(*), least(coalesce(sum(amount), 0), {})::bigint FROM {}.hold WHERE state = 0",
            i64::MAX,
            self.schema
        );
        match client.row(&statement, &[]).await? {
            Some(row) => Ok(Totals { holds: row.try_get::<_, i64>(0)?.unsigned_abs(), credits: row.try_get(1)? }),
            None => Ok(Totals::default()),
        }
    }

    pub(super) async fn verify(&self) -> Done<Verified> {
        let mut client = self.connections.get().await?;
        let result = self.verify_on(&mut client).await;
        client.ended(result).await
    }

    async fn verify_on(&self, client: &mut Connection) -> Done<Verified> {
        let schema = &self.schema;
        client.begin().await?;
        // All statements see one state, and take the time that they need.
        client
            .run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0")
            .await?;
        let counts = format!(
            "SELECT (SELECT count(*) FROM {schema}.account), (SELECT count(*) FROM {schema}.hold),
            (SELECT count(*) FROM {schema}.journal)"
        );
        let mut verified = Verified::default();
        if let Some(row) = client.row(&counts, &[]).await? {
            let count = |column: usize| row.try_get::<_, i64>(column).map(i64::unsigned_abs);
            (verified.accounts, verified.holds, verified.entries) = (count(0)?, count(1)?, count(2)?);
        }
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
        for row in client.query(&wrong, &[]).await? {
            let sum = |column: usize| -> Done<i128> {
                let text: &str = row.try_get(column)?;
                text.parse().map_err(|_| CreditsError::InvalidStore { why: format!("a sum is {text}") }.into())
            };
            let sums = Sums { available: sum(3)?, held: sum(4)?, granted: sum(5)?, captured: sum(6)?, open: sum(7)? };
            moves::violations(&account_id(row.try_get(0)?)?, rows::balance(&row, 1)?, sums, &mut verified.violations);
        }
        // Open holds with an entry that settles them, and settled ones without.
        let astray = format!(
            "SELECT name, count(*) FROM {schema}.hold JOIN {schema}.account ON account.id = hold.account
            WHERE (hold.state <> 0) <> EXISTS (
                SELECT 1 FROM {schema}.journal WHERE journal.hold = hold.id AND journal.kind IN (2, 3, 4)
            ) GROUP BY name LIMIT {VIOLATIONS_MAX}"
        );
        for row in client.query(&astray, &[]).await? {
            let what = format!("holds whose state is not what the journal says: {}", row.try_get::<_, i64>(1)?);
            verified.violations.push(Violation { account: account_id(row.try_get(0)?)?, what });
        }
        verified.violations.truncate(VIOLATIONS_MAX);
        Ok(verified)
    }
}

/// One at a time of those that want an account.
#[derive(Default)]
struct Turns(Mutex<HashMap<AccountId, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    fn of(&self, account: &AccountId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(account).and_then(Weak::upgrade) {
            return turn;
        }
        // Those that nobody waits for any more go when there are as many as the map has room for.
        if turns.len() == turns.capacity() {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::default();
        turns.insert(account.clone(), Arc::downgrade(&turn));
        turn
    }
}
