//! The line in front of a lane, pure: who waits, and who is next. What settles a hold goes first and is never refused; holds
//! are bounded; accounts take turns.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::super::name::AccountId;
use super::step::Step;

/// Steps in one batch at most.
pub(super) const BATCH: usize = 256;
/// Of one account so many that settle and so many holds: a batch is short, so that others who come during it wait little.
pub(super) const BATCH_OF_ONE_ACCOUNT: usize = 64;

/// Steps that wait, by account.
#[derive(Default)]
pub(super) struct Line {
    accounts: HashMap<AccountId, Waiting>,
    /// Accounts with something to settle, each once, the next first.
    settles: VecDeque<AccountId>,
    /// Accounts with holds to be placed.
    holds: VecDeque<AccountId>,
    holds_waiting: usize,
}

/// Steps of one account, in the order in which they came.
#[derive(Default)]
struct Waiting {
    settles: VecDeque<Step>,
    holds: VecDeque<Step>,
}

impl Line {
    /// How many holds wait.
    pub(super) fn holds(&self) -> usize {
        self.holds_waiting
    }

    /// How many of this account.
    pub(super) fn holds_of(&self, account: &AccountId) -> usize {
        self.accounts.get(account).map_or(0, |waiting| waiting.holds.len())
    }

    /// How many steps of this account.
    pub(super) fn steps_of(&self, account: &AccountId) -> usize {
        self.accounts.get(account).map_or(0, |waiting| waiting.settles.len() + waiting.holds.len())
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// At the end of its account's line, or at its head if it had been there before.
    pub(super) fn push(&mut self, step: Step, was_there: bool) {
        let account = step.asked.account.clone();
        let is_hold = step.asked.ask.is_hold();
        let waiting = self.accounts.entry(account.clone()).or_default();
        let (steps, turns) = match is_hold {
            true => (&mut waiting.holds, &mut self.holds),
            false => (&mut waiting.settles, &mut self.settles),
        };
        if steps.is_empty() {
            turns.push_back(account);
        }
        if was_there {
            steps.push_front(step);
        } else {
            steps.push_back(step);
        }
        self.holds_waiting += usize::from(is_hold);
    }

    /// The next batch: what settles, then holds, of `accounts` accounts at most.
    pub(super) fn next(&mut self, accounts: usize) -> Vec<Step> {
        let mut batch = Vec::new();
        for is_hold in [false, true] {
            let turns = if is_hold { self.holds.len() } else { self.settles.len() };
            for _ in 0..turns.min(accounts) {
                let room = (BATCH - batch.len()).min(BATCH_OF_ONE_ACCOUNT);
                if room == 0 {
                    break;
                }
                let ring = if is_hold { &mut self.holds } else { &mut self.settles };
                let Some(account) = ring.pop_front() else { break };
                let Entry::Occupied(mut entry) = self.accounts.entry(account.clone()) else { continue };
                let waiting = entry.get_mut();
                let steps = if is_hold { &mut waiting.holds } else { &mut waiting.settles };
                let taken = steps.len().min(room);
                batch.extend(steps.drain(..taken));
                if !steps.is_empty() {
                    ring.push_back(account);
                }
                if waiting.settles.is_empty() && waiting.holds.is_empty() {
                    entry.remove();
                }
                self.holds_waiting -= if is_hold { taken } else { 0 };
            }
        }
        batch
    }

    /// All steps of an account, in order.
    pub(super) fn take(&mut self, account: &AccountId) -> Vec<Step> {
        let Some(waiting) = self.accounts.remove(account) else { return Vec::new() };
        self.settles.retain(|turn| turn != account);
        self.holds.retain(|turn| turn != account);
        self.holds_waiting -= waiting.holds.len();
        waiting.settles.into_iter().chain(waiting.holds).collect()
    }

    /// Steps that have waited long enough.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Step> {
        let mut overdue = Vec::new();
        self.accounts.retain(|_, waiting| {
            for steps in [&mut waiting.settles, &mut waiting.holds] {
                if steps.iter().all(|step| step.waiter.deadline > now) {
                    continue;
                }
                let (late, early) = steps.drain(..).partition(|step| step.waiter.deadline <= now);
                *steps = early;
                let late: VecDeque<Step> = late;
                overdue.extend(late);
            }
            !(waiting.settles.is_empty() && waiting.holds.is_empty())
        });
        if !overdue.is_empty() {
            let Line { accounts, settles, holds, holds_waiting } = self;
            settles.retain(|turn| accounts.get(turn).is_some_and(|waiting| !waiting.settles.is_empty()));
            holds.retain(|turn| accounts.get(turn).is_some_and(|waiting| !waiting.holds.is_empty()));
            *holds_waiting = accounts.values().map(|waiting| waiting.holds.len()).sum();
        }
        overdue
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::ledger::HoldRequest;
    use super::super::super::name::{HoldId, Operation};
    use super::super::step::{Ask, Asked, Waiter};
    use super::*;

    fn account(name: &str) -> AccountId {
        AccountId::new(name).expect("a name")
    }

    fn step(name: &str, is_hold: bool, deadline: Instant) -> Step {
        let (id, account) = (HoldId::new(), account(name));
        let ask = match is_hold {
            false => Ask::Void(id),
            true => Ask::Hold(HoldRequest {
                id,
                account: account.clone(),
                operation: Operation::new("work").expect("a name"),
                amount: 1,
                lifetime: Duration::from_secs(1),
                key: None,
            }),
        };
        Step { asked: Asked { account, ask }, waiter: Waiter::new(deadline, |_| {}) }
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn what_settles_goes_first_and_the_rest_in_order() {
        let mut line = Line::default();
        let mut ids = Vec::new();
        for n in 0..10 {
            let step = step("ada", n % 3 != 0, later());
            ids.push((n % 3 != 0, step.asked.ask.id()));
            line.push(step, false);
        }
        ids.sort_by_key(|(is_hold, _)| *is_hold);
        let batch: Vec<_> = line.next(usize::MAX).iter().map(|step| step.asked.ask.id()).collect();
        assert_eq!(batch, ids.iter().map(|(_, id)| *id).collect::<Vec<_>>());
        assert!(line.is_empty() && line.holds() == 0);
    }

    #[test]
    fn a_crowd_of_one_account_leaves_room_for_all_others() {
        let mut line = Line::default();
        for _ in 0..1000 {
            line.push(step("crowd", true, later()), false);
        }
        for n in 0..100 {
            line.push(step(&format!("other {n}"), true, later()), false);
        }
        assert_eq!((line.holds(), line.holds_of(&account("crowd"))), (1100, 1000));
        let batch = line.next(usize::MAX);
        let of_crowd = batch.iter().filter(|step| step.asked.account == account("crowd")).count();
        assert_eq!((of_crowd, batch.len()), (BATCH_OF_ONE_ACCOUNT, BATCH_OF_ONE_ACCOUNT + 100));
        let mut rest = 0;
        while !line.is_empty() {
            let batch = line.next(usize::MAX);
            assert!(batch.len() <= BATCH && !batch.is_empty());
            rest += batch.len();
        }
        assert_eq!((rest, line.holds()), (1100 - BATCH_OF_ONE_ACCOUNT - 100, 0));
    }

    #[test]
    fn accounts_take_turns_when_a_batch_is_full() {
        let mut line = Line::default();
        for n in 0..400 {
            line.push(step(&format!("account {n}"), false, later()), false);
            line.push(step(&format!("account {n}"), true, later()), false);
        }
        let mut seen = std::collections::HashSet::new();
        let mut settles = 0;
        while !line.is_empty() {
            for step in line.next(usize::MAX) {
                assert!(seen.insert(step.asked.ask.id()), "twice");
                assert!(!step.asked.ask.is_hold() || settles == 400, "a hold before a settle");
                settles += usize::from(!step.asked.ask.is_hold());
            }
        }
        assert_eq!(seen.len(), 800);
    }

    #[test]
    fn those_who_waited_too_long_leave_and_those_put_back_are_next() {
        let mut line = Line::default();
        let now = Instant::now();
        for n in 0..20 {
            line.push(step(&format!("account {}", n % 4), n % 2 == 0, if n % 3 == 0 { now } else { later() }), false);
        }
        assert_eq!(line.overdue(now).len(), 7);
        assert!(line.overdue(now).is_empty());
        let back = step("account 1", true, later());
        let id = back.asked.ask.id();
        line.push(step("account 1", true, later()), false);
        line.push(back, true);
        let of_one = line.take(&account("account 1"));
        assert_eq!(of_one.iter().find(|step| step.asked.ask.is_hold()).expect("a hold").asked.ask.id(), id);
        let left = line.next(usize::MAX).len();
        assert_eq!(left + of_one.len(), 20 - 7 + 2);
        assert!(line.is_empty() && line.holds() == 0);
    }
}
