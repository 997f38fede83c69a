//! Random commands on an engine and on a plain model, which knows nothing of the moves: both say the same.

use std::collections::HashMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::conformance::World;
use super::super::{AccountId, CreditsError, Grant, HoldId, HoldRequest, Key, Operation};
use super::engines;

#[derive(Clone, Debug)]
enum Command {
    Grant { account: usize, amount: i64, key: usize },
    Hold { hold: usize, account: usize, amount: i64, key: Option<usize>, seconds: u64 },
    Capture { hold: usize, amount: i64 },
    Void { hold: usize },
    Extend { hold: usize, seconds: u64 },
    Pass { seconds: u64 },
    Expire,
}

const ACCOUNTS: usize = 3;
const HOLDS: usize = 8;
const KEYS: usize = 3;

fn command() -> impl Strategy<Value = Command> {
    let amount = || prop_oneof![8 => 1..20_i64, 1 => -2..1_i64, 1 => (i64::MAX - 2)..=i64::MAX];
    prop_oneof![
        2 => (0..ACCOUNTS, amount(), 0..KEYS * 4).prop_map(|(account, amount, key)| Command::Grant { account, amount, key }),
        5 => (0..HOLDS, 0..ACCOUNTS, amount(), prop::option::weighted(0.3, 0..KEYS), 0..40_u64).prop_map(
            |(hold, account, amount, key, seconds)| Command::Hold { hold, account, amount, key, seconds }
        ),
        4 => (0..HOLDS, amount()).prop_map(|(hold, amount)| Command::Capture { hold, amount }),
        2 => (0..HOLDS).prop_map(|hold| Command::Void { hold }),
        1 => (0..HOLDS, 0..40_u64).prop_map(|(hold, seconds)| Command::Extend { hold, seconds }),
        2 => (1..20_u64).prop_map(|seconds| Command::Pass { seconds }),
        1 => Just(Command::Expire),
    ]
}

/// What an answer comes to.
#[derive(Debug, PartialEq)]
enum Said {
    Done,
    Again,
    Late,
    Refused(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Open,
    Captured(i64),
    Voided,
    Expired,
    Late(i64),
}

struct Held {
    account: usize,
    amount: i64,
    key: Option<usize>,
    dies: u64,
    end: End,
}

/// Sums are made when they are asked for, in numbers that cannot overflow.
#[derive(Default)]
struct Model {
    now: u64,
    grants: HashMap<(usize, usize), i64>,
    holds: HashMap<usize, Held>,
    keys: HashMap<(usize, usize), usize>,
}

impl Model {
    fn exists(&self, account: usize) -> bool {
        self.grants.keys().any(|(owner, _)| *owner == account)
    }

    fn held(&self, account: usize) -> i128 {
        let open = self.holds.values().filter(|held| held.account == account && held.end == End::Open);
        open.map(|held| i128::from(held.amount)).sum()
    }

    fn available(&self, account: usize) -> i128 {
        let granted = self.grants.iter().filter(|((owner, _), _)| *owner == account);
        let taken = self.holds.values().filter(|held| held.account == account).map(|held| match held.end {
            End::Open => held.amount,
            End::Captured(amount) | End::Late(amount) => amount,
            End::Voided | End::Expired => 0,
        });
        granted.map(|(_, amount)| i128::from(*amount)).sum::<i128>() - taken.map(i128::from).sum::<i128>()
    }

    /// Another hold has the key of this one, and is open or was paid.
    fn is_superseded(&self, hold: usize) -> bool {
        let held = &self.holds[&hold];
        let owner = held.key.and_then(|key| self.keys.get(&(held.account, key))).filter(|owner| **owner != hold);
        owner.is_some_and(|owner| !matches!(self.holds[owner].end, End::Voided | End::Expired))
    }

    fn take(&mut self, command: &Command) -> Said {
        match *command {
            Command::Grant { account, amount, key } => {
                if amount < 1 {
                    return Said::Refused("amount");
                }
                if let Some(before) = self.grants.get(&(account, key)) {
                    return if *before == amount { Said::Again } else { Said::Refused("conflict") };
                }
                if self.available(account) + self.held(account) + i128::from(amount) > i128::from(i64::MAX) {
                    return Said::Refused("too many");
                }
                self.grants.insert((account, key), amount);
                Said::Done
            }
            Command::Hold { hold, account, amount, key, seconds } => {
                if amount < 1 {
                    return Said::Refused("amount");
                }
                if seconds == 0 {
                    return Said::Refused("lifetime");
                }
                if let Some(held) = self.holds.get(&hold) {
                    let same = held.account == account && held.amount == amount && held.key == key;
                    return if same { Said::Again } else { Said::Refused("conflict") };
                }
                let owner = key.and_then(|key| self.keys.get(&(account, key))).map(|hold| &self.holds[hold]);
                if let Some(owner) = owner
                    && !matches!(owner.end, End::Voided | End::Expired)
                {
                    return if owner.amount == amount { Said::Again } else { Said::Refused("conflict") };
                }
                if !self.exists(account) {
                    return Said::Refused("unknown account");
                }
                if self.available(account) < i128::from(amount) {
                    return Said::Refused("insufficient");
                }
                if let Some(key) = key {
                    self.keys.insert((account, key), hold);
                }
                self.holds.insert(hold, Held { account, amount, key, dies: self.now + seconds, end: End::Open });
                Said::Done
            }
            Command::Capture { hold, amount } => {
                if amount < 1 {
                    // An unknown hold has nothing to be captured, whatever the amount.
                    return Said::Refused(if self.holds.contains_key(&hold) { "amount" } else { "unknown hold" });
                }
                let Some(held) = self.holds.get(&hold) else { return Said::Refused("unknown hold") };
                if amount > held.amount {
                    return Said::Refused("exceeds");
                }
                let (account, dead) = (held.account, held.dies <= self.now);
                let end = match held.end {
                    End::Captured(before) if before == amount => return Said::Again,
                    End::Late(before) if before == amount => return Said::Again,
                    End::Captured(_) | End::Late(_) | End::Voided => return Said::Refused("settled"),
                    End::Open if !dead => End::Captured(amount),
                    // What it holds is there to be charged.
                    End::Open => End::Late(amount),
                    End::Expired if self.is_superseded(hold) => return Said::Refused("superseded"),
                    End::Expired if self.available(account) < i128::from(amount) => {
                        return Said::Refused("insufficient");
                    }
                    End::Expired => End::Late(amount),
                };
                if let Some(held) = self.holds.get_mut(&hold) {
                    held.end = end;
                    if let (End::Late(_), Some(key)) = (end, held.key) {
                        self.keys.insert((account, key), hold);
                    }
                }
                if matches!(end, End::Late(_)) { Said::Late } else { Said::Done }
            }
            Command::Void { hold } => {
                let now = self.now;
                let Some(held) = self.holds.get_mut(&hold) else { return Said::Refused("unknown hold") };
                match held.end {
                    End::Open => {
                        held.end = if held.dies <= now { End::Expired } else { End::Voided };
                        Said::Done
                    }
                    End::Voided | End::Expired => Said::Again,
                    End::Captured(_) | End::Late(_) => Said::Refused("settled"),
                }
            }
            Command::Extend { hold, seconds } => {
                let now = self.now;
                let Some(held) = self.holds.get_mut(&hold) else { return Said::Refused("unknown hold") };
                if seconds == 0 {
                    return Said::Refused("lifetime");
                }
                if held.end != End::Open || held.dies <= now {
                    return Said::Refused("settled");
                }
                held.dies = held.dies.max(now + seconds);
                Said::Done
            }
            Command::Pass { seconds } => {
                self.now += seconds;
                Said::Done
            }
            Command::Expire => {
                for held in self.holds.values_mut() {
                    if held.end == End::Open && held.dies <= self.now {
                        held.end = End::Expired;
                    }
                }
                Said::Done
            }
        }
    }
}

/// One run's names on an engine.
struct Run<'a> {
    world: &'a dyn World,
    accounts: Vec<AccountId>,
    holds: Vec<HoldId>,
}

impl<'a> Run<'a> {
    fn on(world: &'a dyn World) -> Run<'a> {
        let run = HoldId::new();
        let account = |n| AccountId::new(format!("{run} {n}")).expect("a name");
        Run {
            world,
            accounts: (0..ACCOUNTS).map(account).collect(),
            holds: (0..HOLDS).map(|_| HoldId::new()).collect(),
        }
    }

    fn take(&self, command: &Command) -> Said {
        let ledger = self.world.ledger();
        let seconds = Duration::from_secs;
        let key = |key: usize| Key::new(format!("key {key}")).expect("a key");
        let said = |again: bool, late: bool| match (again, late) {
            (true, _) => Said::Again,
            (false, true) => Said::Late,
            (false, false) => Said::Done,
        };
        let result = match command {
            Command::Grant { account, amount, key: number } => {
                let grant = Grant::once(self.accounts[*account].clone(), *amount, key(*number));
                ledger.grant(grant).wait().map(|granted| said(granted.replayed, false))
            }
            Command::Hold { hold, account, amount, key: number, seconds: lifetime } => {
                let request = HoldRequest {
                    id: self.holds[*hold],
                    account: self.accounts[*account].clone(),
                    operation: Operation::new("work").expect("a name"),
                    amount: *amount,
                    lifetime: seconds(*lifetime),
                    key: number.map(key),
                };
                ledger.hold(request).wait().map(|placed| said(placed.replayed, false))
            }
            Command::Capture { hold, amount } => {
                let captured = ledger.capture(self.holds[*hold], *amount).wait();
                captured.map(|captured| said(captured.replayed, captured.late))
            }
            Command::Void { hold } => ledger.void(self.holds[*hold]).wait().map(|voided| said(voided.replayed, false)),
            Command::Extend { hold, seconds: longer } => {
                ledger.extend(self.holds[*hold], seconds(*longer)).wait().map(|_| Said::Done)
            }
            Command::Pass { seconds: passed } => {
                self.world.advance(seconds(*passed));
                Ok(Said::Done)
            }
            Command::Expire => ledger.expire(1000).wait().map(|_| Said::Done),
        };
        result.unwrap_or_else(|error| {
            Said::Refused(match error {
                CreditsError::InvalidAmount { .. } => "amount",
                CreditsError::InvalidLifetime => "lifetime",
                CreditsError::Conflict { .. } => "conflict",
                CreditsError::TooManyCredits { .. } => "too many",
                CreditsError::UnknownAccount { .. } => "unknown account",
                CreditsError::UnknownHold { .. } => "unknown hold",
                CreditsError::Insufficient { .. } => "insufficient",
                CreditsError::ExceedsHold { .. } => "exceeds",
                CreditsError::AlreadySettled { .. } => "settled",
                CreditsError::Superseded { .. } => "superseded",
                error => panic!("{error}"),
            })
        })
    }

    /// Takes the commands on both, and compares what they say and what accounts have.
    fn agrees(&self, commands: &[Command]) -> Result<(), TestCaseError> {
        let mut model = Model::default();
        for command in commands {
            prop_assert_eq!(self.take(command), model.take(command), "{:?}", command);
            for (number, account) in self.accounts.iter().enumerate() {
                match self.world.ledger().balance(account.clone()).wait() {
                    Ok(balance) => {
                        let has = (i128::from(balance.available), i128::from(balance.held));
                        prop_assert_eq!(has, (model.available(number), model.held(number)), "after {:?}", command);
                    }
                    Err(_) => prop_assert!(!model.exists(number)),
                }
            }
        }
        Ok(())
    }
}

/// Runs `cases` random runs on one engine, and verifies it at the end.
pub(super) fn agrees(world: &dyn World, cases: u32) {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner.run(&vec(command(), 1..60), |commands| Run::on(world).agrees(&commands)).expect("they agree");
    let verified = world.ledger().verify().wait().expect("a ledger to verify");
    assert_eq!(verified.violations, []);
}

#[test]
fn memory_is_as_the_model() {
    agrees(&engines::InMemory::new(), 500);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_is_as_the_model() {
    agrees(&engines::InFile::new(), 30);
}

#[cfg(feature = "postgres")]
#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn postgres_is_as_the_model() {
    agrees(&engines::InServer::new(), 30);
}
