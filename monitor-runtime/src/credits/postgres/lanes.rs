//! The lanes: each takes the steps of its accounts in batches, one batch at a time on a connection of its own. While one is
//! under way the next gathers. An account with a crowd has a lane for such, so that batches of the others are short. An
//! account that another session keeps locked steps aside, into a lane for such, and holds nobody else up.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::super::error::CreditsError;
use super::super::name::{AccountId, HoldId};
use super::batch::{Batches, Locks, Outcome};
use super::connection::{Connection, Connections, Trouble};
use super::line::Line;
use super::step::{Asked, Said, Step, Waiter};
use super::steps::Steps;

/// Holds that wait in all: those beyond are refused at once, so that a slow store is seen as one.
const HOLDS_WAITING: usize = 16_384;
/// Of one account.
const HOLDS_WAITING_OF_ONE_ACCOUNT: usize = 4096;
/// As many steps of one account that wait are a crowd.
const CROWD: usize = 32;
/// How long an account stays with the crowds when it is none any more.
const CROWD_FOR: Duration = Duration::from_secs(1);
/// Holds whose account is remembered. That of another is looked up.
const REMEMBERED: usize = 200_000;
/// How often a batch is taken again that met another, or whose connection broke.
pub(super) const TRIES: u32 = 6;
/// The pause before a second connection is tried in vain; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(10);

/// All lanes of a ledger.
pub(super) struct Lanes {
    state: Mutex<State>,
    /// One for each line.
    wakes: Vec<Notify>,
    connections: Connections,
    batches: Batches,
    /// Those beside the lanes, whose connections lead where those of the lanes do.
    steps: Arc<Steps>,
    /// How long a step waits for its answer.
    patience: Duration,
    /// How often those who wait are looked at.
    tick: Duration,
    /// Whether each transaction may have another session: a statement without one is then not set.
    is_shared: bool,
}

struct State {
    /// One for each lane; the last is that of the accounts that stepped aside, and the one before that of the crowds.
    lines: Vec<Line>,
    aside: HashSet<AccountId>,
    /// Crowds, and when each was last seen to be one.
    crowds: HashMap<AccountId, Instant>,
    /// The accounts of holds that were asked for here, the oldest first.
    known: BTreeMap<HoldId, AccountId>,
    is_closed: bool,
}

impl State {
    fn lane_of(&self, account: &AccountId) -> usize {
        let lanes = self.lines.len() - 2;
        if self.aside.contains(account) {
            return lanes + 1;
        }
        if self.crowds.contains_key(account) {
            return lanes;
        }
        let mut hasher = DefaultHasher::new();
        account.hash(&mut hasher);
        (hasher.finish() % lanes as u64) as usize
    }
}

impl Lanes {
    /// So many lanes, and two more: for crowds, and for those that stepped aside.
    pub(super) fn new(
        lanes: usize,
        connections: Connections,
        batches: Batches,
        steps: Arc<Steps>,
        patience: Duration,
        is_shared: bool,
    ) -> Lanes {
        let lines = (0..lanes + 2).map(|_| Line::default()).collect::<Vec<_>>();
        let wakes = lines.iter().map(|_| Notify::new()).collect();
        let (aside, crowds, known) = (HashSet::new(), HashMap::new(), BTreeMap::new());
        let state = Mutex::new(State { lines, aside, crowds, known, is_closed: false });
        let tick = (patience / 20).clamp(Duration::from_millis(5), Duration::from_millis(100));
        Lanes { state, wakes, connections, batches, steps, patience, tick, is_shared }
    }

    /// Puts a step into its line; a hold that finds too many there is told so at once.
    pub(super) fn push(&self, mut step: Step) {
        let mut state = self.state();
        let lane = state.lane_of(&step.asked.account);
        if step.asked.ask.is_hold() {
            let all: usize = state.lines.iter().map(Line::holds).sum();
            let why = if all >= HOLDS_WAITING {
                format!("{HOLDS_WAITING} holds wait for PostgreSQL already")
            } else if state.lines[lane].holds_of(&step.asked.account) >= HOLDS_WAITING_OF_ONE_ACCOUNT {
                format!("{HOLDS_WAITING_OF_ONE_ACCOUNT} holds of this account wait for PostgreSQL already")
            } else {
                let id = step.asked.ask.id();
                state.known.insert(id, step.asked.account.clone());
                if state.known.len() > REMEMBERED {
                    state.known.pop_first();
                }
                String::new()
            };
            if !why.is_empty() {
                drop(state);
                return step.waiter.tell(Err(CreditsError::Unavailable { why }));
            }
        }
        let account = (lane < self.crowds()).then(|| step.asked.account.clone());
        state.lines[lane].push(step, false);
        let mut lane = lane;
        if let Some(account) = account.filter(|account| state.lines[lane].steps_of(account) >= CROWD) {
            let now = Instant::now();
            let home = std::mem::replace(&mut lane, self.crowds());
            let State { lines, crowds, .. } = &mut *state;
            // Those that went away while they were one.
            crowds.retain(|account, seen| now.duration_since(*seen) <= CROWD_FOR || lines[lane].steps_of(account) > 0);
            crowds.insert(account.clone(), now);
            let crowd = state.lines[home].take(&account);
            crowd.into_iter().for_each(|step| state.lines[lane].push(step, false));
        }
        drop(state);
        self.wakes[lane].notify_one();
    }

    /// The lane of the crowds.
    fn crowds(&self) -> usize {
        self.wakes.len() - 2
    }

    /// The account of a hold that was asked for here.
    pub(super) fn account_of(&self, hold: HoldId) -> Option<AccountId> {
        self.state().known.get(&hold).cloned()
    }

    /// The lanes end when they have done what waits.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.wakes.iter().for_each(Notify::notify_one);
    }

    /// The numbers of the lanes.
    pub(super) fn numbers(&self) -> std::ops::Range<usize> {
        0..self.wakes.len()
    }

    /// Drives a lane until [`close`](Self::close).
    pub(super) async fn drive(self: Arc<Self>, lane: usize) {
        let is_aside = lane == self.wakes.len() - 1;
        let mut connection = None;
        let mut is_away = false;
        // Aside, all are tried in turn with one of them being waited for.
        let mut waits = false;
        loop {
            let locks = if is_aside && !waits { Locks::Skip } else { Locks::Wait };
            let accounts = if is_aside && waits { 1 } else { usize::MAX };
            let (batch, is_closed) = {
                let mut state = self.state();
                (state.lines[lane].next(accounts), state.is_closed)
            };
            if batch.is_empty() {
                if is_closed {
                    return;
                }
                // One that seldom works keeps no connection.
                connection = connection.filter(|_| !is_aside);
                self.wakes[lane].notified().await;
                continue;
            }
            waits = !waits;
            let (asked, mut waiters): (Vec<Asked>, Vec<Waiter>) =
                batch.into_iter().map(|step| (step.asked, step.waiter)).unzip();
            let outcomes = {
                let mut run = pin!(self.run(&mut connection, &mut is_away, &asked, locks));
                self.watched(lane, &mut waiters, run.as_mut()).await
            };
            // Dropped in the middle of a step, a connection is of no more use.
            connection = connection.filter(Connection::is_ready);
            if let Some(outcomes) = outcomes {
                self.tell(lane, asked, waiters, outcomes);
            }
        }
    }

    /// Waits for a batch, and tells those whose time is over; none when all of them were told.
    async fn watched(
        &self,
        lane: usize,
        waiters: &mut [Waiter],
        mut run: std::pin::Pin<&mut impl Future<Output = Vec<Outcome>>>,
    ) -> Option<Vec<Outcome>> {
        loop {
            if let Ok(outcomes) = tokio::time::timeout(self.tick, run.as_mut()).await {
                return Some(outcomes);
            }
            let now = Instant::now();
            let overdue = self.state().lines[lane].overdue(now);
            let why = || format!("PostgreSQL did not answer within {:?}", self.patience);
            let too_late = || Err(CreditsError::Unavailable { why: why() });
            for mut step in overdue {
                step.waiter.tell(too_late());
            }
            for waiter in waiters.iter_mut().filter(|waiter| waiter.deadline <= now) {
                waiter.tell(too_late());
            }
            if waiters.iter().all(Waiter::is_told) {
                return None;
            }
        }
    }

    /// Takes all these steps, together if that is possible.
    async fn run(
        &self,
        connection: &mut Option<Connection>,
        is_away: &mut bool,
        asked: &[Asked],
        locks: Locks,
    ) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = asked.iter().map(|_| None).collect();
        let mut groups = VecDeque::from([((0..asked.len()).collect::<Vec<_>>(), locks)]);
        while let Some((group, locks)) = groups.pop_front() {
            let steps: Vec<&Asked> = group.iter().map(|index| &asked[*index]).collect();
            let trouble = match self.tried(connection, is_away, &steps, locks).await {
                Ok(found) => {
                    for (index, outcome) in group.iter().zip(found) {
                        outcomes[*index] = Some(outcome);
                    }
                    continue;
                }
                Err(trouble) => trouble,
            };
            let is_one_account = steps.iter().all(|step| step.account == steps[0].account);
            let all = match trouble {
                // Those that nobody else has go on.
                Trouble::Locked(_) if locks == Locks::Wait => {
                    groups.push_front((group, Locks::Skip));
                    continue;
                }
                Trouble::Locked(_) if group.len() == 1 => Outcome::Locked,
                Trouble::Broken(why) | Trouble::Failing(why) => Outcome::Said(Err(CreditsError::Unavailable { why })),
                Trouble::Met(why) if group.len() == 1 => Outcome::Said(Err(CreditsError::Unavailable { why })),
                Trouble::Refused(error) if group.len() == 1 => Outcome::Said(Err(error)),
                // One of them is at fault: the others must not suffer.
                Trouble::Locked(_) | Trouble::Met(_) | Trouble::Refused(_) => {
                    for part in parts(&group, asked, is_one_account).into_iter().rev() {
                        groups.push_front((part, locks));
                    }
                    continue;
                }
            };
            for index in group {
                outcomes[index] = Some(all.clone());
            }
        }
        let none = || Outcome::Said(Err(CreditsError::unavailable("the step was not taken")));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(none)).collect()
    }

    /// Tries a batch, again when that may help.
    async fn tried(
        &self,
        connection: &mut Option<Connection>,
        is_away: &mut bool,
        steps: &[&Asked],
        locks: Locks,
    ) -> Result<Vec<Outcome>, Trouble> {
        let mut tries = 1;
        let mut pause = PAUSE;
        loop {
            let trouble = match self.once(connection, steps, locks).await {
                Ok(outcomes) => {
                    *is_away = false;
                    return Ok(outcomes);
                }
                Err(trouble) => trouble,
            };
            // While it is away, one try tells.
            let may_help = tries < TRIES && !*is_away;
            match trouble {
                Trouble::Met(_) if tries < TRIES => {}
                Trouble::Broken(_) => {
                    *connection = None;
                    self.connections.forget();
                    self.steps.forget();
                    if !may_help {
                        *is_away = true;
                        return Err(trouble);
                    }
                    if tries > 1 {
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                }
                trouble => return Err(trouble),
            }
            tries += 1;
        }
    }

    async fn once(
        &self,
        connection: &mut Option<Connection>,
        steps: &[&Asked],
        locks: Locks,
    ) -> Result<Vec<Outcome>, Trouble> {
        let client = match connection {
            Some(client) => client,
            None => connection.insert(self.connections.get().await?),
        };
        client.asks();
        if let [asked] = steps
            && locks == Locks::Wait
            && !self.is_shared
        {
            let result = self.batches.single(client, asked).await;
            if let Some(said) = client.ended(result).await? {
                return Ok(vec![Outcome::Said(Ok(said))]);
            }
            client.asks();
        }
        let result = self.batches.take(client, steps, locks).await;
        client.ended(result).await
    }

    /// Tells what came of a batch; what was not taken waits on.
    fn tell(&self, lane: usize, asked: Vec<Asked>, waiters: Vec<Waiter>, outcomes: Vec<Outcome>) {
        let (mut told, mut back) = (Vec::new(), Vec::new());
        for ((mut asked, waiter), outcome) in asked.into_iter().zip(waiters).zip(outcomes) {
            match outcome {
                Outcome::Said(result) => told.push((asked, waiter, result)),
                Outcome::Locked => back.push((Step { asked, waiter }, true)),
                Outcome::Elsewhere(account) => {
                    asked.account = account;
                    back.push((Step { asked, waiter }, false));
                }
            }
        }
        let aside = self.wakes.len() - 1;
        let mut wake = HashSet::new();
        let mut state = self.state();
        if lane == self.crowds() {
            let mut steps: HashMap<&AccountId, usize> = HashMap::new();
            for (asked, ..) in &told {
                *steps.entry(&asked.account).or_default() += 1;
            }
            let now = Instant::now();
            for (account, steps) in steps {
                let waiting = state.lines[lane].steps_of(account);
                match state.crowds.get_mut(account) {
                    Some(seen) if steps + waiting >= CROWD / 4 => *seen = now,
                    Some(seen) if waiting == 0 && now.duration_since(*seen) > CROWD_FOR => {
                        state.crowds.remove(account);
                    }
                    _ => {}
                }
            }
        }
        for (asked, _, result) in &told {
            if !matches!(result, Ok(Said::Placed(_) | Said::Extended(_))) && !is_unavailable(result) {
                state.known.remove(&asked.ask.id());
            }
            // Its lock was had: it goes back to where it belongs.
            if lane == aside && !is_unavailable(result) && state.aside.remove(&asked.account) {
                let home = state.lane_of(&asked.account);
                for step in state.lines[aside].take(&asked.account) {
                    state.lines[home].push(step, false);
                }
                wake.insert(home);
            }
        }
        // At the head of their lines, in the order in which they were.
        for (step, is_locked) in back.into_iter().rev() {
            if is_locked && state.aside.insert(step.asked.account.clone()) {
                for step in state.lines[lane].take(&step.asked.account) {
                    state.lines[aside].push(step, false);
                }
            }
            if step.waiter.is_told() {
                continue;
            }
            let home = state.lane_of(&step.asked.account);
            state.lines[home].push(step, true);
            wake.insert(home);
        }
        drop(state);
        wake.into_iter().for_each(|lane| self.wakes[lane].notify_one());
        for (_, mut waiter, result) in told {
            waiter.tell(result);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_unavailable(result: &Result<Said, CreditsError>) -> bool {
    result.as_ref().is_err_and(CreditsError::is_unavailable)
}

/// A batch by its accounts; one of one account by its steps.
fn parts(group: &[usize], asked: &[Asked], is_one_account: bool) -> Vec<Vec<usize>> {
    if is_one_account {
        return group.iter().map(|index| vec![*index]).collect();
    }
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut places = HashMap::new();
    for index in group {
        let place = *places.entry(&asked[*index].account).or_insert(parts.len());
        if place == parts.len() {
            parts.push(Vec::new());
        }
        parts[place].push(*index);
    }
    parts
}
