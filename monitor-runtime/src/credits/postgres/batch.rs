//! Steps of many calls in one transaction of two round trips: lock their accounts and read what is known of their holds;
//! let the moves decide, one step after the other; write all of it and commit. A step that is alone is one statement.
//!
//! An account is always locked before its holds, and accounts in the order of their numbers, so that no two transactions
//! wait for each other.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, SystemTime};

use futures_util::future::{join, join3, join5};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::super::error::CreditsError;
use super::super::ledger::{Balance, Captured, Extended, HoldRequest, Placed, Voided};
use super::super::moves::{self, Change, Hold, Micros, Next};
use super::super::name::{AccountId, HoldId, Key, Operation};
use super::super::state::HoldState;
use super::connection::{Connection, Done, Value};
use super::rows::{self, Lines, account_id, damaged};
use super::step::{Ask, Asked, Said};

/// What a batch does at an account that another session has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locks {
    /// It waits for a while, as long as a transaction usually takes.
    Wait,
    /// It leaves the account out.
    Skip,
}

/// What came of a step of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Said(Result<Said, CreditsError>),
    /// Another session has the account locked.
    Locked,
    /// The hold is another account's, whose lock the batch does not have.
    Elsewhere(AccountId),
}

/// The statements, with the schema's name in them.
pub(super) struct Batches {
    lock: String,
    lock_free: String,
    exist: String,
    facts: String,
    keys: String,
    names: String,
    write: String,
    write_keys: String,
    hold: String,
    hold_with_key: String,
    capture: String,
    void: String,
}

impl Batches {
    pub(super) fn new(schema: &str) -> Batches {
        // Not by the order of the primary key: a plan for a small table would read all of it in that order.
        let lock = format!("SELECT id, name, available, held FROM {schema}.account WHERE name = ANY ($1)");
        let lock = |how: &str| format!("{lock} ORDER BY id + 0 FOR UPDATE {how}");
        // One row of a primary key for each, whatever a planner believes of the tables.
        let hold_by = |id: &str| format!("(SELECT * FROM {schema}.hold WHERE hold.id = {id} OFFSET 0)");
        let hold = "hold.account, hold.operation, hold.amount, hold.key, hold.state, hold.captured, hold.expires_at";
        let write = |named: &str| {
            format!(
                "WITH paid AS (
                    UPDATE {schema}.account SET available = after.available, held = after.held
                    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS after (id, available, held)
                    WHERE account.id = after.id
                ), placed AS (
                    INSERT INTO {schema}.hold (id, account, operation, amount, key, state, captured, expires_at)
                    SELECT * FROM unnest($4::uuid[], $5::bigint[], $6::text[], $7::bigint[], $8::text[],
                        $9::smallint[], $10::bigint[], $11::timestamptz[])
                ), settled AS (
                    UPDATE {schema}.hold SET state = after.state, captured = after.captured,
                        expires_at = after.expires_at
                    FROM unnest($12::uuid[], $13::smallint[], $14::bigint[], $15::timestamptz[])
                        AS after (id, state, captured, expires_at)
                    WHERE hold.id = after.id
                ) {named}
                {}",
                rows::journal(schema, 16)
            )
        };
        let named = format!(
            ", named AS (
                INSERT INTO {schema}.hold_key (account, operation, key, hold)
                SELECT * FROM unnest($22::bigint[], $23::text[], $24::text[], $25::uuid[])
                ON CONFLICT (account, operation, key) DO UPDATE SET hold = excluded.hold
            )"
        );
        let expires = "least(statement_timestamp() + $5 * interval '1 microsecond', '9999-01-01 00:00:00+00')";
        // `state + 0`: by its id, never by the index of open holds, which a planner prefers when it believes them few.
        let settled = |kind: i16, set: &str, may: &str, captured: &str, name: &str| {
            format!(
                "WITH owner AS (
                    SELECT id FROM {schema}.account WHERE name = {name} FOR UPDATE
                ), settled AS (
                    UPDATE {schema}.hold SET {set} FROM owner
                    WHERE hold.id = $1 AND hold.account = owner.id AND state + 0 = 0
                        AND expires_at > statement_timestamp() {may}
                    RETURNING hold.account, hold.amount
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
                    UPDATE {schema}.account SET available = available - $4, held = held + $4
                    WHERE name = $2 AND available >= $4
                        AND NOT EXISTS (SELECT 1 FROM {schema}.hold WHERE id = $1) {is_free}
                    RETURNING id, available, held
                ), placed AS (
                    INSERT INTO {schema}.hold (id, account, operation, amount, key, state, expires_at)
                    SELECT $1, id, $3, $4, {key}, 0, {expires} FROM paid RETURNING expires_at
                ), {named} written AS (
                    INSERT INTO {schema}.journal (account, kind, hold, available, held, available_after)
                    SELECT id, 1, $1, -$4, $4, available FROM paid
                ) SELECT paid.available, paid.held, placed.expires_at FROM paid, placed"
            )
        };
        let is_free = format!(
            "AND NOT EXISTS (
                SELECT 1 FROM {schema}.hold_key
                WHERE hold_key.account = account.id AND hold_key.operation = $3 AND hold_key.key = $6
            )"
        );
        let named_alone = format!(
            "named AS (
                INSERT INTO {schema}.hold_key (account, operation, key, hold) SELECT id, $3, $6, $1 FROM paid
            ),"
        );
        Batches {
            lock: lock(""),
            lock_free: lock("SKIP LOCKED"),
            exist: format!("SELECT name FROM {schema}.account WHERE name = ANY ($1)"),
            facts: format!(
                "SELECT statement_timestamp(), hold.id, {hold},
                    owner.id, owner.account, owner.operation, owner.amount, owner.key, owner.state, owner.captured,
                    owner.expires_at
                FROM unnest($1::uuid[]) AS asked (id)
                LEFT JOIN LATERAL {} hold ON true
                LEFT JOIN LATERAL (
                    SELECT hold_key.hold FROM {schema}.hold_key
                    WHERE hold.state = 3 AND hold_key.account = hold.account
                        AND hold_key.operation = hold.operation COLLATE \"C\" AND hold_key.key = hold.key COLLATE \"C\"
                    OFFSET 0
                ) named ON true
                LEFT JOIN LATERAL {} owner ON true",
                hold_by("asked.id"),
                hold_by("named.hold"),
            ),
            keys: format!(
                "SELECT hold.id, {hold}
                FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (account, operation, key)
                JOIN LATERAL (
                    SELECT account.id FROM {schema}.account WHERE account.name = asked.account COLLATE \"C\" OFFSET 0
                ) payer ON true
                JOIN LATERAL (
                    SELECT hold_key.hold FROM {schema}.hold_key
                    WHERE hold_key.account = payer.id AND hold_key.operation = asked.operation COLLATE \"C\"
                        AND hold_key.key = asked.key COLLATE \"C\"
                    OFFSET 0
                ) named ON true
                JOIN LATERAL {} hold ON true",
                hold_by("named.hold"),
            ),
            names: format!("SELECT id, name FROM {schema}.account WHERE id = ANY ($1)"),
            write: write(""),
            write_keys: write(&named),
            hold: placed("NULL", "", ""),
            hold_with_key: placed("$6", &is_free, &named_alone),
            capture: settled(2, "state = 1, captured = $2", "AND amount >= $2", "$2", "$3"),
            void: settled(3, "state = 2", "", "0::bigint", "$2"),
        }
    }

    /// Takes a step that is alone, if nothing stands in its way; none when a batch has to find out what does.
    pub(super) async fn single(&self, client: &Connection, asked: &Asked) -> Done<Option<Said>> {
        let name = asked.account.as_str();
        match &asked.ask {
            Ask::Hold(request) if request.amount > 0 && request.lifetime >= Duration::from_millis(1) => {
                let (id, lifetime, operation) =
                    (request.id.uuid(), micros(request.lifetime), request.operation.as_str());
                let key = request.key.as_ref().map(Key::as_str);
                let values: [Value<'_>; 6] = [
                    (&id, Type::UUID),
                    (&name, Type::TEXT),
                    (&operation, Type::TEXT),
                    (&request.amount, Type::INT8),
                    (&lifetime, Type::INT8),
                    (&key, Type::TEXT),
                ];
                let row = match key {
                    Some(_) => client.row(&self.hold_with_key, &values).await?,
                    None => client.row(&self.hold, &values[..5]).await?,
                };
                let Some(row) = row else { return Ok(None) };
                let (balance, expires_at) = (rows::balance(&row, 0)?, row.try_get(2)?);
                let state = HoldState::Open;
                let placed = Placed { hold: request.id, state, expires_at, balance, replayed: false };
                Ok(Some(Said::Placed(placed)))
            }
            Ask::Capture(id, amount) if *amount > 0 => {
                let id = id.uuid();
                let values: [Value<'_>; 3] = [(&id, Type::UUID), (amount, Type::INT8), (&name, Type::TEXT)];
                let Some(row) = client.row(&self.capture, &values).await? else { return Ok(None) };
                let balance = rows::balance(&row, 0)?;
                Ok(Some(Said::Captured(Captured { amount: *amount, balance, late: false, replayed: false })))
            }
            Ask::Void(id) => {
                let id = id.uuid();
                let row = client.row(&self.void, &[(&id, Type::UUID), (&name, Type::TEXT)]).await?;
                let Some(row) = row else { return Ok(None) };
                Ok(Some(Said::Voided(Voided { balance: rows::balance(&row, 0)?, replayed: false })))
            }
            Ask::Hold(_) | Ask::Capture(..) | Ask::Extend(..) => Ok(None),
        }
    }

    /// Takes these steps in one transaction, in this order: all that came of them is written, or an error is told. Nothing
    /// is said of a step unless it is known to be durable.
    pub(super) async fn take(&self, client: &mut Connection, asked: &[&Asked], locks: Locks) -> Done<Vec<Outcome>> {
        let mut book = self.look(client, asked, locks).await?;
        let outcomes = asked.iter().map(|asked| book.take(asked)).collect();
        self.write(client, book).await?;
        Ok(outcomes)
    }

    /// Locks the accounts, and reads what the moves ask for.
    async fn look(&self, client: &mut Connection, asked: &[&Asked], locks: Locks) -> Done<Book> {
        let mut names: Vec<&str> = asked.iter().map(|asked| asked.account.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let ids: Vec<Uuid> = asked.iter().map(|asked| asked.ask.id().uuid()).collect();
        let mut keys = Keys::default();
        for asked in asked {
            if let Ask::Hold(HoldRequest { account, operation, key: Some(key), .. }) = &asked.ask {
                keys.accounts.push(account.as_str());
                keys.operations.push(operation.as_str());
                keys.keys.push(key.as_str());
            }
        }
        let lock = if locks == Locks::Wait { &self.lock } else { &self.lock_free };
        let has_keys = !keys.keys.is_empty();
        // Before, so that nothing stands between what is sent together.
        client.prepare(lock, &[Type::TEXT_ARRAY]).await?;
        client.prepare(&self.facts, &[Type::UUID_ARRAY]).await?;
        if has_keys {
            client.prepare(&self.keys, &[Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY]).await?;
        }
        if locks == Locks::Skip {
            client.prepare(&self.exist, &[Type::TEXT_ARRAY]).await?;
        }
        client.prepare(if has_keys { &self.write_keys } else { &self.write }, &write_kinds(has_keys)).await?;

        client.enters();
        let (names_value, ids_value) = ([(&names as _, Type::TEXT_ARRAY)], [(&ids as _, Type::UUID_ARRAY)]);
        let keys_value = [
            (&keys.accounts as _, Type::TEXT_ARRAY),
            (&keys.operations as _, Type::TEXT_ARRAY),
            (&keys.keys as _, Type::TEXT_ARRAY),
        ];
        let client = &*client;
        let begin = client.send_begin();
        let locked = client.query(lock, &names_value);
        let facts = client.query(&self.facts, &ids_value);
        // Sent in this order, one behind the other. The facts are read after the lock, so they are what is committed.
        let (locked, facts, of_keys, exist) = if !has_keys && locks == Locks::Wait {
            let (begun, locked, facts) = join3(begin, locked, facts).await;
            begun?;
            (locked?, facts?, Vec::new(), Vec::new())
        } else {
            let of_keys = async {
                match has_keys {
                    true => client.query(&self.keys, &keys_value).await,
                    false => Ok(Vec::new()),
                }
            };
            let exist = async {
                match locks {
                    Locks::Skip => client.query(&self.exist, &names_value).await,
                    Locks::Wait => Ok(Vec::new()),
                }
            };
            let (begun, locked, facts, of_keys, exist) = join5(begin, locked, facts, of_keys, exist).await;
            begun?;
            (locked?, facts?, of_keys?, exist?)
        };

        let mut book = Book::default();
        for row in &locked {
            let (number, name) = (row.try_get(0)?, account_id(row.try_get(1)?)?);
            book.names.insert(number, name.clone());
            book.accounts.insert(name, Account { number, balance: rows::balance(row, 2)?, changed: false });
        }
        for row in &exist {
            let name = account_id(row.try_get(0)?)?;
            if !book.accounts.contains_key(&name) {
                book.locked.push(name);
            }
        }
        // A hold of an account that the batch has not locked: whose it is has to be asked.
        let mut strangers: Vec<i64> = Vec::new();
        for row in &facts {
            if let Some(owner) = row.try_get::<_, Option<i64>>(2)?
                && !book.names.contains_key(&owner)
            {
                strangers.push(owner);
            }
        }
        let mut all_names = book.names.clone();
        if !strangers.is_empty() {
            for row in client.query(&self.names, &[(&strangers, Type::INT8_ARRAY)]).await? {
                all_names.insert(row.try_get(0)?, account_id(row.try_get(1)?)?);
            }
        }
        for row in &facts {
            book.now = rows::micros_of(row.try_get(0)?);
            book.know(row, 1, &all_names)?;
            if let Some(owner) = book.know(row, 9, &all_names)? {
                book.owns(owner);
            }
        }
        for row in &of_keys {
            if let Some(owner) = book.know(row, 0, &all_names)? {
                book.owns(owner);
            }
        }
        Ok(book)
    }

    /// Writes all that has changed, and commits.
    async fn write(&self, client: &mut Connection, book: Book) -> Done<()> {
        let Changes { accounts, placed, settled, keys, lines } = book.changes();
        if lines.is_empty() && settled.ids.is_empty() {
            // Nothing was locked for long: the end of the step rolls it back.
            return Ok(());
        }
        let mut values: Vec<Value<'_>> = vec![
            (&accounts.numbers, Type::INT8_ARRAY),
            (&accounts.available, Type::INT8_ARRAY),
            (&accounts.held, Type::INT8_ARRAY),
            (&placed.ids, Type::UUID_ARRAY),
            (&placed.accounts, Type::INT8_ARRAY),
            (&placed.operations, Type::TEXT_ARRAY),
            (&placed.amounts, Type::INT8_ARRAY),
            (&placed.keys, Type::TEXT_ARRAY),
            (&placed.states, Type::INT2_ARRAY),
            (&placed.captured, Type::INT8_ARRAY),
            (&placed.expires_at, Type::TIMESTAMPTZ_ARRAY),
            (&settled.ids, Type::UUID_ARRAY),
            (&settled.states, Type::INT2_ARRAY),
            (&settled.captured, Type::INT8_ARRAY),
            (&settled.expires_at, Type::TIMESTAMPTZ_ARRAY),
        ];
        values.extend(lines.values());
        let has_keys = !keys.holds.is_empty();
        if has_keys {
            values.push((&keys.accounts, Type::INT8_ARRAY));
            values.push((&keys.operations, Type::TEXT_ARRAY));
            values.push((&keys.keys, Type::TEXT_ARRAY));
            values.push((&keys.holds, Type::UUID_ARRAY));
        }
        let sql = if has_keys { &self.write_keys } else { &self.write };
        client.prepare(sql, &write_kinds(has_keys)).await?;
        let (written, committed) = join(client.query(sql, &values), client.send_commit()).await;
        // Both: after an error a commit succeeds, and rolls back.
        written?;
        committed?;
        client.leaves();
        Ok(())
    }
}

fn write_kinds(has_keys: bool) -> Vec<Type> {
    let mut kinds = vec![Type::INT8_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY];
    kinds.extend([Type::UUID_ARRAY, Type::INT8_ARRAY, Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::TEXT_ARRAY]);
    kinds.extend([Type::INT2_ARRAY, Type::INT8_ARRAY, Type::TIMESTAMPTZ_ARRAY]);
    kinds.extend([Type::UUID_ARRAY, Type::INT2_ARRAY, Type::INT8_ARRAY, Type::TIMESTAMPTZ_ARRAY]);
    kinds.extend(rows::LINE_KINDS);
    if has_keys {
        kinds.extend([Type::INT8_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::UUID_ARRAY]);
    }
    kinds
}

/// A thousand years, in microseconds: what is longer would leave the calendar.
const LIFETIME_MAX: i64 = 1000 * 365 * 86_400 * 1_000_000;

fn micros(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX).min(LIFETIME_MAX)
}

/// Keys that are asked for.
#[derive(Default)]
struct Keys<'a> {
    accounts: Vec<&'a str>,
    operations: Vec<&'a str>,
    keys: Vec<&'a str>,
}

struct Account {
    number: i64,
    balance: Balance,
    changed: bool,
}

/// A hold, as it will be when the batch is written.
struct Known {
    hold: Hold,
    /// The number of its account.
    owner: i64,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is stored like this.
    Stored,
    /// The batch places it.
    Placed,
    /// The batch changes it.
    Changed,
}

/// What is known of the accounts and holds of a batch, changed by one step after the other.
#[derive(Default)]
struct Book {
    now: Micros,
    accounts: HashMap<AccountId, Account>,
    /// The names of those.
    names: HashMap<i64, AccountId>,
    /// Accounts that are there and that another session has.
    locked: Vec<AccountId>,
    holds: HashMap<HoldId, Known>,
    /// Which hold a key of a locked account belongs to, and whether that is to be written.
    keys: HashMap<(i64, Operation, Key), (HoldId, bool)>,
    lines: Lines,
    /// Those placed by the batch, in order.
    placed: Vec<HoldId>,
}

impl Book {
    /// Reads a hold from these columns, if there is one.
    fn know(&mut self, row: &Row, first: usize, names: &HashMap<i64, AccountId>) -> Done<Option<HoldId>> {
        let Some(id) = row.try_get::<_, Option<Uuid>>(first)? else { return Ok(None) };
        let (id, owner) = (HoldId::from(id), row.try_get(first + 1)?);
        let Some(account) = names.get(&owner) else {
            return Err(CreditsError::InvalidStore { why: "a hold has no account".to_owned() }.into());
        };
        if let Entry::Vacant(place) = self.holds.entry(id) {
            let hold = Hold {
                id,
                account: account.clone(),
                operation: Operation::new(row.try_get::<_, &str>(first + 2)?).map_err(damaged)?,
                amount: row.try_get(first + 3)?,
                key: row.try_get::<_, Option<&str>>(first + 4)?.map(Key::new).transpose().map_err(damaged)?,
                state: HoldState::from_stored(row.try_get(first + 5)?, row.try_get(first + 6)?)?,
                expires_at: rows::micros_of(row.try_get(first + 7)?),
            };
            place.insert(Known { hold, owner, fate: Fate::Stored });
        }
        Ok(Some(id))
    }

    /// This stored hold has its key.
    fn owns(&mut self, id: HoldId) {
        if let Some(Known { hold: Hold { operation, key: Some(key), .. }, owner, .. }) = self.holds.get(&id) {
            self.keys.entry((*owner, operation.clone(), key.clone())).or_insert((id, false));
        }
    }

    /// The hold that this key belongs to now.
    fn owner(&self, account: i64, operation: &Operation, key: Option<&Key>) -> Option<&Hold> {
        let (id, _) = self.keys.get(&(account, operation.clone(), key?.clone()))?;
        self.holds.get(id).map(|known| &known.hold)
    }

    fn take(&mut self, asked: &Asked) -> Outcome {
        if self.locked.contains(&asked.account) {
            return Outcome::Locked;
        }
        let said = match &asked.ask {
            Ask::Hold(request) => self.hold(request).map(Said::Placed),
            settle => {
                let id = settle.id();
                let Some(known) = self.holds.get(&id) else {
                    return Outcome::Said(Err(CreditsError::UnknownHold { hold: id }));
                };
                if known.hold.account != asked.account || !self.names.contains_key(&known.owner) {
                    return Outcome::Elsewhere(known.hold.account.clone());
                }
                match settle {
                    Ask::Capture(_, amount) => self.capture(id, *amount).map(Said::Captured),
                    Ask::Void(_) => self.void(id).map(Said::Voided),
                    Ask::Extend(_, lifetime) => self.extend(id, *lifetime).map(Said::Extended),
                    Ask::Hold(_) => unreachable!("a hold is placed above"),
                }
            }
        };
        Outcome::Said(said)
    }

    fn hold(&mut self, request: &HoldRequest) -> Result<Placed, CreditsError> {
        let account = self.accounts.get(&request.account);
        let balance = account.map(|account| account.balance);
        let number = account.map(|account| account.number);
        let same_id = self.holds.get(&request.id).map(|known| &known.hold);
        let same_key = number.and_then(|number| self.owner(number, &request.operation, request.key.as_ref()));
        let change = match moves::hold(balance, same_id, same_key, request)? {
            Next::Same(Hold { id, state, expires_at, .. }) => {
                let (expires_at, balance) = (moves::time(expires_at), balance.unwrap_or_default());
                return Ok(Placed { hold: id, state, expires_at, balance, replayed: true });
            }
            Next::Do(change) => change,
        };
        let Some(number) = number else {
            return Err(CreditsError::UnknownAccount { account: request.account.clone() });
        };
        let HoldRequest { id, account, operation, amount, lifetime, key } = request.clone();
        let expires_at = moves::after(self.now, lifetime);
        if let Some(key) = &key {
            self.keys.insert((number, operation.clone(), key.clone()), (id, true));
        }
        let hold = Hold { id, account, operation, amount, key, state: HoldState::Open, expires_at };
        self.holds.insert(id, Known { hold, owner: number, fate: Fate::Placed });
        self.placed.push(id);
        self.change(id, &change);
        let expires_at = moves::time(expires_at);
        Ok(Placed { hold: id, state: HoldState::Open, expires_at, balance: change.balance, replayed: false })
    }

    fn capture(&mut self, id: HoldId, amount: i64) -> Result<Captured, CreditsError> {
        let (known, balance) = self.found(id)?;
        let freed = known.hold.key_set_free().cloned();
        let (owner, operation) = (known.owner, known.hold.operation.clone());
        let same_key = self.owner(owner, &operation, freed.as_ref());
        match moves::capture(balance, &known.hold, same_key, amount, self.now)? {
            Next::Same((amount, late)) => Ok(Captured { amount, balance, late, replayed: true }),
            Next::Do(change) => {
                let late = matches!(change.state, Some(HoldState::CapturedLate(_)));
                if let Some(key) = freed {
                    // It is paid now: its key is its own again.
                    self.keys.insert((owner, operation, key), (id, true));
                }
                self.change(id, &change);
                Ok(Captured { amount, balance: change.balance, late, replayed: false })
            }
        }
    }

    fn void(&mut self, id: HoldId) -> Result<Voided, CreditsError> {
        let (known, balance) = self.found(id)?;
        match moves::void(balance, &known.hold, self.now)? {
            Next::Same(()) => Ok(Voided { balance, replayed: true }),
            Next::Do(change) => {
                self.change(id, &change);
                Ok(Voided { balance: change.balance, replayed: false })
            }
        }
    }

    fn extend(&mut self, id: HoldId, lifetime: Duration) -> Result<Extended, CreditsError> {
        let (known, _) = self.found(id)?;
        let expires_at = moves::extend(&known.hold, lifetime, self.now)?;
        if let Some(known) = self.holds.get_mut(&id) {
            known.hold.expires_at = expires_at;
            known.is_changed();
        }
        Ok(Extended { expires_at: moves::time(expires_at) })
    }

    /// A hold, and what its account has.
    fn found(&self, id: HoldId) -> Result<(&Known, Balance), CreditsError> {
        let known = self.holds.get(&id).ok_or(CreditsError::UnknownHold { hold: id })?;
        let account = self
            .accounts
            .get(&known.hold.account)
            .ok_or_else(|| CreditsError::InvalidStore { why: "a hold has no account".to_owned() })?;
        Ok((known, account.balance))
    }

    /// Notes a change of a hold and its account.
    fn change(&mut self, id: HoldId, change: &Change) {
        let Some(known) = self.holds.get_mut(&id) else { return };
        if let Some(state) = change.state {
            known.hold.state = state;
        }
        known.is_changed();
        self.lines.add(known.owner, change, id);
        if let Some(account) = self.accounts.get_mut(&known.hold.account) {
            account.balance = change.balance;
            account.changed = true;
        }
    }

    fn changes(self) -> Changes {
        let mut changes = Changes { lines: self.lines, ..Changes::default() };
        let mut accounts: Vec<&Account> = self.accounts.values().filter(|account| account.changed).collect();
        accounts.sort_unstable_by_key(|account| account.number);
        for account in accounts {
            changes.accounts.numbers.push(account.number);
            changes.accounts.available.push(account.balance.available);
            changes.accounts.held.push(account.balance.held);
        }
        for id in &self.placed {
            if let Some(Known { hold, owner, .. }) = self.holds.get(id) {
                let (state, captured) = hold.state.stored();
                let placed = &mut changes.placed;
                placed.ids.push(id.uuid());
                placed.accounts.push(*owner);
                placed.operations.push(hold.operation.as_str().to_owned());
                placed.amounts.push(hold.amount);
                placed.keys.push(hold.key.as_ref().map(|key| key.as_str().to_owned()));
                placed.states.push(state);
                placed.captured.push(captured);
                placed.expires_at.push(moves::time(hold.expires_at));
            }
        }
        for (id, Known { hold, fate, .. }) in &self.holds {
            if *fate == Fate::Changed {
                let (state, captured) = hold.state.stored();
                changes.settled.ids.push(id.uuid());
                changes.settled.states.push(state);
                changes.settled.captured.push(captured);
                changes.settled.expires_at.push(moves::time(hold.expires_at));
            }
        }
        for ((account, operation, key), (hold, is_new)) in &self.keys {
            if *is_new {
                changes.keys.accounts.push(*account);
                changes.keys.operations.push(operation.as_str().to_owned());
                changes.keys.keys.push(key.as_str().to_owned());
                changes.keys.holds.push(hold.uuid());
            }
        }
        changes
    }
}

impl Known {
    fn is_changed(&mut self) {
        if self.fate == Fate::Stored {
            self.fate = Fate::Changed;
        }
    }
}

/// What a batch writes, column by column.
#[derive(Default)]
struct Changes {
    accounts: Accounts,
    placed: PlacedHolds,
    settled: SettledHolds,
    keys: NamedHolds,
    lines: Lines,
}

#[derive(Default)]
struct Accounts {
    numbers: Vec<i64>,
    available: Vec<i64>,
    held: Vec<i64>,
}

#[derive(Default)]
struct PlacedHolds {
    ids: Vec<Uuid>,
    accounts: Vec<i64>,
    operations: Vec<String>,
    amounts: Vec<i64>,
    keys: Vec<Option<String>>,
    states: Vec<i16>,
    captured: Vec<Option<i64>>,
    expires_at: Vec<SystemTime>,
}

#[derive(Default)]
struct SettledHolds {
    ids: Vec<Uuid>,
    states: Vec<i16>,
    captured: Vec<Option<i64>>,
    expires_at: Vec<SystemTime>,
}

#[derive(Default)]
struct NamedHolds {
    accounts: Vec<i64>,
    operations: Vec<String>,
    keys: Vec<String>,
    holds: Vec<Uuid>,
}
