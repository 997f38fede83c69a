//! What every ledger must do, as a suite that any engine can be put through: it panics at what is not so.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::{
    AccountId, Balance, Captured, CreditsError, EntryKind, Expired, Grant, HoldId, HoldRequest, HoldState, Key, Ledger,
    Operation, Placed,
};

/// A ledger under test, and its clock.
pub trait World: Sync {
    /// The ledger.
    fn ledger(&self) -> &dyn Ledger;

    /// Moves the ledger's clock on.
    fn advance(&self, duration: Duration);
}

/// Puts a ledger through the suite. It may have been used before; nobody else may use it meanwhile.
///
/// # Panics
/// At the first promise that is not kept.
pub fn check(world: &dyn World) {
    let checks: [(&str, Check); 18] = [
        ("grants", grants),
        ("a month is granted once", months),
        ("hold and capture", hold_and_capture),
        ("hold and void", hold_and_void),
        ("refusals", refusals),
        ("holds are told by their ids", same_ids),
        ("holds are told by their keys", same_keys),
        ("settled once", settled_once),
        ("expiry", expiry),
        ("late captures", late_captures),
        ("one key is paid once", one_key_is_paid_once),
        ("extensions", extensions),
        ("history", history),
        ("huge numbers", huge_numbers),
        ("names", names),
        ("many at a time", many_at_a_time),
        ("one of two", one_of_two),
        ("two reapers", two_reapers),
    ];
    for (name, check) in checks {
        let case = Case { world, ledger: world.ledger(), run: HoldId::new().to_string() };
        eprintln!("conformance: {name}");
        check(&case);
        let verified = case.ledger.verify().wait().expect("a ledger to verify");
        assert_eq!(verified.violations, [], "after {name}");
        assert!(verified.accounts > 0 && verified.entries > 0, "{name} left something: {verified:?}");
    }
}

type Check = fn(&Case<'_>);

struct Case<'a> {
    world: &'a dyn World,
    ledger: &'a dyn Ledger,
    /// Accounts of a run are its own.
    run: String,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Case<'_> {
    fn account(&self, name: &str) -> AccountId {
        AccountId::new(format!("{name} {}", self.run)).expect("a name")
    }

    fn account_with(&self, name: &str, credits: i64) -> AccountId {
        let account = self.account(name);
        self.ledger.grant(Grant::new(account.clone(), credits)).wait().expect("a grant");
        account
    }

    fn request(&self, account: &AccountId, amount: i64) -> HoldRequest {
        HoldRequest {
            id: HoldId::new(),
            account: account.clone(),
            operation: Operation::new("report").expect("a name"),
            amount,
            lifetime: MINUTE,
            key: None,
        }
    }

    fn hold(&self, account: &AccountId, amount: i64) -> HoldId {
        let placed = self.ledger.hold(self.request(account, amount)).wait().expect("a hold");
        assert!(!placed.replayed && placed.state == HoldState::Open);
        placed.hold
    }

    fn has(&self, account: &AccountId, available: i64, held: i64) {
        let balance = self.ledger.balance(account.clone()).wait().expect("a balance");
        assert_eq!(balance, Balance { available, held }, "{account}");
        assert_eq!(balance.posted(), available + held);
    }

    /// The kinds of an account's entries with what they added, the oldest first.
    fn tells(&self, account: &AccountId, told: &[(EntryKind, i64, i64)]) {
        let page = self.ledger.history(account.clone(), None, 1000).wait().expect("a history");
        let entries: Vec<_> =
            page.entries.iter().rev().map(|entry| (entry.kind, entry.available, entry.held)).collect();
        assert_eq!(entries, told, "{account}");
        let mut available = 0;
        for entry in page.entries.iter().rev() {
            available += entry.available;
            assert_eq!(entry.available_after, available);
        }
    }

    fn expire(&self) -> Expired {
        self.ledger.expire(1000).wait().expect("a reaper")
    }
}

fn grants(case: &Case<'_>) {
    let account = case.account("grants");
    let key = Key::new("sign-up").expect("a key");
    let unknown = case.ledger.balance(account.clone()).wait();
    assert_eq!(unknown, Err(CreditsError::UnknownAccount { account: account.clone() }));
    for replayed in [false, true, true] {
        let granted = case.ledger.grant(Grant::once(account.clone(), 100, key.clone())).wait().expect("a grant");
        assert_eq!((granted.balance, granted.replayed), (Balance { available: 100, held: 0 }, replayed));
    }
    let other = case.ledger.grant(Grant::once(account.clone(), 101, key.clone())).wait();
    assert!(matches!(other, Err(CreditsError::Conflict { .. })), "{other:?}");
    for amount in [0, -1, i64::MIN] {
        let refused = case.ledger.grant(Grant::new(account.clone(), amount)).wait();
        assert_eq!(refused, Err(CreditsError::InvalidAmount { amount }));
    }
    // A key belongs to its account.
    let second = case.account("grants, another");
    assert!(!case.ledger.grant(Grant::once(second.clone(), 7, key)).wait().expect("a grant").replayed);
    case.has(&account, 100, 0);
    case.has(&second, 7, 0);
    case.tells(&account, &[(EntryKind::Grant, 100, 0)]);
}

fn months(case: &Case<'_>) {
    let account = case.account("months");
    let grant = |period: &str| Grant::for_period(account.clone(), 50, period).expect("a period");
    let new = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for period in ["2026-10", "2026-11"] {
                    let granted = case.ledger.grant(grant(period)).wait().expect("a grant");
                    new.fetch_add(usize::from(!granted.replayed), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(new.into_inner(), 2);
    case.has(&account, 100, 0);

    // The ledger's clock says which month it is, whatever it was to whoever asks: see `Grant::dated`.
    let account = case.account("this month");
    let mut early = Grant::this_month(account.clone(), 50);
    early.key = Key::new("period 1970-01").expect("a key");
    assert!(!case.ledger.grant(early).wait().expect("a grant").replayed);
    assert!(case.ledger.grant(Grant::this_month(account.clone(), 50)).wait().expect("a grant").replayed);
    case.has(&account, 50, 0);
}

fn hold_and_capture(case: &Case<'_>) {
    let account = case.account_with("capture", 20);
    let all = case.hold(&account, 5);
    let part = case.hold(&account, 10);
    case.has(&account, 5, 15);
    let captured = case.ledger.capture(all, 5).wait().expect("a capture");
    let balance = Balance { available: 5, held: 10 };
    assert_eq!(captured, Captured { amount: 5, balance, late: false, replayed: false });
    case.ledger.capture(part, 3).wait().expect("a capture");
    case.has(&account, 12, 0);
    case.tells(
        &account,
        &[
            (EntryKind::Grant, 20, 0),
            (EntryKind::Hold, -5, 5),
            (EntryKind::Hold, -10, 10),
            (EntryKind::Capture, 0, -5),
            (EntryKind::Capture, 7, -10),
        ],
    );
    let newest = case.ledger.history(account, None, 1).wait().expect("a history").entries.remove(0);
    assert_eq!((newest.hold, newest.key), (Some(part), None));
    assert_eq!(newest.operation.expect("an operation").as_str(), "report");
}

fn hold_and_void(case: &Case<'_>) {
    let account = case.account_with("void", 5);
    let hold = case.hold(&account, 5);
    case.has(&account, 0, 5);
    let voided = case.ledger.void(hold).wait().expect("a void");
    assert_eq!((voided.balance, voided.replayed), (Balance { available: 5, held: 0 }, false));
    assert!(case.ledger.void(hold).wait().expect("the same").replayed);
    case.tells(&account, &[(EntryKind::Grant, 5, 0), (EntryKind::Hold, -5, 5), (EntryKind::Void, 5, -5)]);
}

fn refusals(case: &Case<'_>) {
    let account = case.account_with("refusals", 5);
    let hold = |amount| case.ledger.hold(case.request(&account, amount)).wait().map(|_| ());
    assert_eq!(hold(6), Err(CreditsError::Insufficient { required: 6, available: 5 }));
    assert_eq!(hold(i64::MAX), Err(CreditsError::Insufficient { required: i64::MAX, available: 5 }));
    for amount in [0, -1, i64::MIN] {
        assert_eq!(hold(amount), Err(CreditsError::InvalidAmount { amount }));
    }
    let short = HoldRequest { lifetime: Duration::ZERO, ..case.request(&account, 1) };
    assert_eq!(case.ledger.hold(short).wait(), Err(CreditsError::InvalidLifetime));
    let stranger = case.account("stranger");
    let refused = case.ledger.hold(case.request(&stranger, 1)).wait();
    assert_eq!(refused, Err(CreditsError::UnknownAccount { account: stranger.clone() }));
    let history = case.ledger.history(stranger.clone(), None, 10).wait();
    assert_eq!(history, Err(CreditsError::UnknownAccount { account: stranger }));

    let unknown = HoldId::new();
    let none = CreditsError::UnknownHold { hold: unknown };
    assert_eq!(case.ledger.capture(unknown, 1).wait(), Err(none.clone()));
    assert_eq!(case.ledger.void(unknown).wait(), Err(none.clone()));
    assert_eq!(case.ledger.extend(unknown, MINUTE).wait(), Err(none));

    let stands = case.hold(&account, 3);
    let capture = |amount| case.ledger.capture(stands, amount).wait().map(|_| ());
    assert_eq!(capture(4), Err(CreditsError::ExceedsHold { amount: 4, held: 3 }));
    for amount in [0, -1, i64::MIN] {
        assert_eq!(capture(amount), Err(CreditsError::InvalidAmount { amount }));
    }
    case.has(&account, 2, 3);
    case.tells(&account, &[(EntryKind::Grant, 5, 0), (EntryKind::Hold, -3, 3)]);
}

fn same_ids(case: &Case<'_>) {
    let account = case.account_with("ids", 10);
    let request = case.request(&account, 4);
    let first = case.ledger.hold(request.clone()).wait().expect("a hold");
    let second = case.ledger.hold(request.clone()).wait().expect("the same");
    assert_eq!(second, Placed { replayed: true, ..first });
    for other in [
        HoldRequest { amount: 5, ..request.clone() },
        HoldRequest { operation: Operation::new("export").expect("a name"), ..request.clone() },
        HoldRequest { account: case.account_with("ids, another", 10), ..request.clone() },
        HoldRequest { key: Some(Key::new("k").expect("a key")), ..request.clone() },
    ] {
        let refused = case.ledger.hold(other).wait();
        assert!(matches!(refused, Err(CreditsError::Conflict { .. })), "{refused:?}");
    }
    case.ledger.capture(request.id, 4).wait().expect("a capture");
    let settled = case.ledger.hold(request).wait().expect("the same");
    assert_eq!((settled.state, settled.replayed), (HoldState::Captured(4), true));
    case.has(&account, 6, 0);
}

fn same_keys(case: &Case<'_>) {
    let account = case.account_with("keys", 20);
    let key = || Some(Key::new("order 7").expect("a key"));
    let first = HoldRequest { key: key(), ..case.request(&account, 4) };
    let again = || HoldRequest { key: key(), ..case.request(&account, 4) };
    case.ledger.hold(first.clone()).wait().expect("a hold");
    let placed = case.ledger.hold(again()).wait().expect("the same");
    assert_eq!((placed.hold, placed.state, placed.replayed), (first.id, HoldState::Open, true));
    let other = case.ledger.hold(HoldRequest { amount: 5, ..again() }).wait();
    assert!(matches!(other, Err(CreditsError::Conflict { .. })), "{other:?}");

    // A call that failed may be repeated: its key is free again.
    case.ledger.void(first.id).wait().expect("a void");
    let second = again();
    let placed = case.ledger.hold(second.clone()).wait().expect("a hold");
    assert_eq!((placed.hold, placed.replayed), (second.id, false));
    case.ledger.capture(second.id, 4).wait().expect("a capture");
    let placed = case.ledger.hold(again()).wait().expect("the same");
    assert_eq!((placed.hold, placed.state), (second.id, HoldState::Captured(4)));
    case.has(&account, 16, 0);

    // A key belongs to its account and its operation.
    let export = HoldRequest { operation: Operation::new("export").expect("a name"), ..again() };
    assert!(!case.ledger.hold(export).wait().expect("a hold").replayed);
    let stranger = case.account_with("keys, another", 4);
    assert!(!case.ledger.hold(HoldRequest { account: stranger, ..again() }).wait().expect("a hold").replayed);
    case.has(&account, 12, 4);

    // Of many with one key one holds.
    let (crowd, holds) = (case.account_with("keys, a crowd", 100), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let request = HoldRequest { key: key(), ..case.request(&crowd, 4) };
                let placed = case.ledger.hold(request).wait().expect("a hold");
                holds.fetch_add(usize::from(!placed.replayed), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(holds.into_inner(), 1);
    case.has(&crowd, 96, 4);
}

fn settled_once(case: &Case<'_>) {
    let account = case.account_with("once", 10);
    let taken = case.hold(&account, 4);
    case.ledger.capture(taken, 3).wait().expect("a capture");
    let again = case.ledger.capture(taken, 3).wait().expect("the same");
    assert_eq!((again.amount, again.late, again.replayed), (3, false, true));
    let settled = |hold, state| CreditsError::AlreadySettled { hold, state };
    let state = HoldState::Captured(3);
    assert_eq!(case.ledger.capture(taken, 4).wait(), Err(settled(taken, state)));
    assert_eq!(case.ledger.void(taken).wait(), Err(settled(taken, state)));
    assert_eq!(case.ledger.extend(taken, MINUTE).wait(), Err(settled(taken, state)));

    let given_back = case.hold(&account, 2);
    case.ledger.void(given_back).wait().expect("a void");
    assert_eq!(case.ledger.capture(given_back, 2).wait(), Err(settled(given_back, HoldState::Voided)));
    assert_eq!(case.ledger.extend(given_back, MINUTE).wait(), Err(settled(given_back, HoldState::Voided)));
    case.has(&account, 7, 0);
}

fn expiry(case: &Case<'_>) {
    let account = case.account_with("expiry", 10);
    case.expire();
    let (one, other) = (case.hold(&account, 3), case.hold(&account, 4));
    assert_eq!(case.expire(), Expired::default());
    let totals = case.ledger.totals().wait().expect("totals");
    assert!(totals.holds >= 2 && totals.credits >= 7, "{totals:?}");

    case.world.advance(MINUTE);
    assert!(case.ledger.expire(1).wait().expect("a reaper").holds == 1, "no more than it was asked for");
    case.expire();
    case.has(&account, 10, 0);
    assert_eq!(case.expire(), Expired::default());
    for hold in [one, other] {
        assert!(case.ledger.void(hold).wait().expect("the same").replayed);
        let extended = case.ledger.extend(hold, MINUTE).wait();
        assert_eq!(extended, Err(CreditsError::AlreadySettled { hold, state: HoldState::Expired }));
    }
    case.tells(
        &account,
        &[
            (EntryKind::Grant, 10, 0),
            (EntryKind::Hold, -3, 3),
            (EntryKind::Hold, -4, 4),
            (EntryKind::Expire, 3, -3),
            (EntryKind::Expire, 4, -4),
        ],
    );

    // What has expired has, whether or not the reaper came.
    let hold = case.hold(&account, 5);
    case.world.advance(MINUTE);
    let extended = case.ledger.extend(hold, MINUTE).wait();
    assert_eq!(extended, Err(CreditsError::AlreadySettled { hold, state: HoldState::Expired }));
    assert!(!case.ledger.void(hold).wait().expect("a void").replayed);
    case.has(&account, 10, 0);
    // A key whose hold has expired is free.
    let key = Some(Key::new("order 8").expect("a key"));
    case.ledger.hold(HoldRequest { key: key.clone(), ..case.request(&account, 1) }).wait().expect("a hold");
    case.world.advance(MINUTE);
    case.expire();
    let placed = case.ledger.hold(HoldRequest { key, ..case.request(&account, 2) }).wait().expect("a hold");
    assert!(!placed.replayed);
}

fn late_captures(case: &Case<'_>) {
    let account = case.account_with("late", 10);
    let (reaped, waiting) = (case.hold(&account, 4), case.hold(&account, 3));
    case.world.advance(MINUTE);
    // Before the reaper came.
    let captured = case.ledger.capture(waiting, 2).wait().expect("a charge");
    assert!(captured.late && !captured.replayed);
    case.has(&account, 4, 4);
    case.expire();
    case.has(&account, 8, 0);
    // After it came.
    let captured = case.ledger.capture(reaped, 4).wait().expect("a charge");
    assert!(captured.late && !captured.replayed);
    let again = case.ledger.capture(reaped, 4).wait().expect("the same");
    assert!(again.late && again.replayed);
    case.has(&account, 4, 0);
    let state = HoldState::CapturedLate(4);
    let settled = CreditsError::AlreadySettled { hold: reaped, state };
    assert_eq!(case.ledger.capture(reaped, 3).wait(), Err(settled.clone()));
    assert_eq!(case.ledger.void(reaped).wait(), Err(settled));

    // When the credits are gone, the work was not paid, and the caller is told.
    let lost = case.hold(&account, 4);
    case.world.advance(MINUTE);
    case.expire();
    case.hold(&account, 1);
    let refused = case.ledger.capture(lost, 4).wait();
    assert_eq!(refused, Err(CreditsError::Insufficient { required: 4, available: 3 }));
    case.has(&account, 3, 1);
    case.tells(
        &account,
        &[
            (EntryKind::Grant, 10, 0),
            (EntryKind::Hold, -4, 4),
            (EntryKind::Hold, -3, 3),
            (EntryKind::Expire, 3, -3),
            (EntryKind::LateCapture, -2, 0),
            (EntryKind::Expire, 4, -4),
            (EntryKind::LateCapture, -4, 0),
            (EntryKind::Hold, -4, 4),
            (EntryKind::Expire, 4, -4),
            (EntryKind::Hold, -1, 1),
        ],
    );
}

fn one_key_is_paid_once(case: &Case<'_>) {
    let account = case.account_with("one key", 20);
    let key = |name: &str| Some(Key::new(name).expect("a key"));
    let place = |name: &str, amount| {
        let request = HoldRequest { key: key(name), ..case.request(&account, amount) };
        let placed = case.ledger.hold(request).wait().expect("a hold");
        assert!(!placed.replayed);
        placed.hold
    };
    let of = |name: &str| {
        let request = HoldRequest { key: key(name), ..case.request(&account, 3) };
        let placed = case.ledger.hold(request).wait().expect("the same");
        assert!(placed.replayed);
        (placed.hold, placed.state)
    };
    let expired = |name: &str, amount| {
        let hold = place(name, amount);
        case.world.advance(MINUTE);
        case.expire();
        hold
    };
    let superseded = |hold, by, state| Err(CreditsError::Superseded { hold, by, state });

    // The first outlived its hold, and a second with its key was begun: whatever the second becomes, one is paid.
    let first = expired("captured", 3);
    let second = place("captured", 3);
    assert_eq!(case.ledger.capture(first, 3).wait(), superseded(first, second, HoldState::Open));
    case.has(&account, 17, 3);
    case.ledger.capture(second, 2).wait().expect("a capture");
    for _ in 0..2 {
        assert_eq!(case.ledger.capture(first, 3).wait(), superseded(first, second, HoldState::Captured(2)));
    }
    case.has(&account, 18, 0);
    assert_eq!(of("captured"), (second, HoldState::Captured(2)));

    // The second was given back, or expired too: the first is paid, and the key is its own again.
    for (name, amount) in [("voided", 3), ("expired", 2)] {
        let first = expired(name, 3);
        let second = if name == "expired" { expired(name, amount) } else { place(name, amount) };
        case.ledger.void(second).wait().expect("a void");
        let captured = case.ledger.capture(first, 3).wait().expect("a charge");
        assert!(captured.late && !captured.replayed, "{name}");
        assert_eq!(of(name), (first, HoldState::CapturedLate(3)), "{name}");
        if name == "expired" {
            let state = HoldState::CapturedLate(3);
            assert_eq!(case.ledger.capture(second, amount).wait(), superseded(second, first, state));
        }
    }
    case.has(&account, 12, 0);

    // The second was paid late: the first is not.
    let (first, second) = (expired("late", 3), expired("late", 3));
    assert!(case.ledger.capture(second, 3).wait().expect("a charge").late);
    assert_eq!(case.ledger.capture(first, 3).wait(), superseded(first, second, HoldState::CapturedLate(3)));
    // What was paid late is paid: its key holds nothing new, also where no reaper came between.
    let alone = place("alone", 3);
    case.world.advance(MINUTE);
    assert!(case.ledger.capture(alone, 3).wait().expect("a charge").late);
    assert_eq!(of("alone"), (alone, HoldState::CapturedLate(3)));
    // Another operation's hold with the same key, and a hold without a key, are nobody's duplicates.
    let first = expired("export", 3);
    let export = Operation::new("export").expect("a name");
    let request = HoldRequest { operation: export, key: key("export"), ..case.request(&account, 3) };
    case.ledger.hold(request).wait().expect("a hold");
    assert!(case.ledger.capture(first, 3).wait().expect("a charge").late);
    case.has(&account, 0, 3);

    // Many late captures of one key at a time: one is paid.
    let crowd = case.account_with("one key, a crowd", 40);
    let holds: Vec<_> = (0..8)
        .map(|_| {
            let request = HoldRequest { key: key("k"), ..case.request(&crowd, 4) };
            let hold = case.ledger.hold(request).wait().expect("a hold").hold;
            case.world.advance(MINUTE);
            case.expire();
            hold
        })
        .collect();
    let paid: usize = thread::scope(|scope| {
        let captures: Vec<_> =
            holds.iter().map(|hold| scope.spawn(|| case.ledger.capture(*hold, 4).wait().is_ok())).collect();
        captures.into_iter().map(|capture| usize::from(capture.join().expect("no panic"))).sum()
    });
    assert_eq!(paid, 1);
    case.has(&crowd, 36, 0);
}

fn extensions(case: &Case<'_>) {
    let account = case.account_with("extensions", 10);
    let hold = case.hold(&account, 4);
    case.world.advance(MINUTE / 2);
    let extended = case.ledger.extend(hold, MINUTE).wait().expect("an extension");
    // It is never shortened.
    assert_eq!(case.ledger.extend(hold, MINUTE / 4).wait().expect("an extension"), extended);
    case.world.advance(MINUTE * 3 / 4);
    case.expire();
    case.has(&account, 6, 4);
    let captured = case.ledger.capture(hold, 4).wait().expect("a capture");
    assert!(!captured.late);
    let refused = case.ledger.extend(hold, Duration::ZERO).wait();
    assert_eq!(refused, Err(CreditsError::InvalidLifetime));
}

fn history(case: &Case<'_>) {
    let account = case.account_with("history", 100);
    for _ in 0..12 {
        let hold = case.hold(&account, 1);
        case.ledger.void(hold).wait().expect("a void");
    }
    let all = case.ledger.history(account.clone(), None, 1000).wait().expect("a history");
    assert_eq!((all.entries.len(), all.next), (25, None));
    assert!(all.entries.is_sorted_by(|one, next| one.number > next.number));
    let (mut pages, mut before) = (Vec::new(), None);
    loop {
        let page = case.ledger.history(account.clone(), before, 10).wait().expect("a page");
        assert!(page.entries.len() <= 10);
        pages.extend(page.entries);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, all.entries);
    let exact = case.ledger.history(account.clone(), None, 25).wait().expect("a page");
    assert_eq!(exact.next, None);
    assert_eq!(case.ledger.history(account, None, 0).wait().expect("a page").entries, []);
}

fn huge_numbers(case: &Case<'_>) {
    let account = case.account_with("huge", i64::MAX);
    let more = case.ledger.grant(Grant::new(account.clone(), 1)).wait();
    assert_eq!(more, Err(CreditsError::TooManyCredits { amount: 1 }));
    let hold = case.hold(&account, i64::MAX);
    let more = case.ledger.grant(Grant::new(account.clone(), 1)).wait();
    assert_eq!(more, Err(CreditsError::TooManyCredits { amount: 1 }), "what is held comes back");
    case.ledger.totals().wait().expect("totals");
    case.ledger.capture(hold, i64::MAX).wait().expect("a capture");
    case.has(&account, 0, 0);
    case.ledger.grant(Grant::new(account.clone(), i64::MAX)).wait().expect("a grant");
    let forever = HoldRequest { lifetime: Duration::MAX, ..case.request(&account, 1) };
    let placed = case.ledger.hold(forever).wait().expect("a hold");
    case.world.advance(MINUTE);
    case.expire();
    case.has(&account, i64::MAX - 1, 1);
    case.ledger.void(placed.hold).wait().expect("a void");
}

fn names(case: &Case<'_>) {
    let longest = "é".repeat(120);
    for name in ["'; DROP TABLE account; --", "%_\\", "\u{1f4b3} 名前", "null", &longest] {
        let account = AccountId::new(format!("{name}{}", &case.run[..8])).expect("a name");
        case.ledger.grant(Grant::once(account.clone(), 3, Key::new(name).expect("a key"))).wait().expect("a grant");
        let operation = Operation::new(name).expect("a name");
        let key = Some(Key::new(name).expect("a key"));
        let request = HoldRequest { operation: operation.clone(), key, ..case.request(&account, 2) };
        case.ledger.hold(request.clone()).wait().expect("a hold");
        case.ledger.capture(request.id, 2).wait().expect("a capture");
        let page = case.ledger.history(account, None, 10).wait().expect("a history");
        assert_eq!(page.entries[0].operation, Some(operation));
        assert_eq!(page.entries[2].key.as_ref().map(Key::as_str), Some(name));
    }
}

fn many_at_a_time(case: &Case<'_>) {
    // Credits for 60 of 160 calls, and some of those give theirs back in the end.
    let account = case.account_with("many", 60);
    let (captured, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let request = case.request(&account, 1);
                    match case.ledger.hold(request.clone()).wait() {
                        Ok(_) => {
                            case.ledger.capture(request.id, 1).wait().expect("a capture");
                            captured.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(CreditsError::Insufficient { required: 1, available: 0 }) => {
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert_eq!((captured.into_inner(), refused.into_inner()), (60, 100));
    case.has(&account, 0, 0);
}

fn one_of_two(case: &Case<'_>) {
    let account = case.account_with("one of two", 20);
    let mut paid = 0;
    for _ in 0..20 {
        let hold = case.hold(&account, 1);
        let (captured, voided) = thread::scope(|scope| {
            let capture = scope.spawn(|| case.ledger.capture(hold, 1).wait());
            let void = scope.spawn(|| case.ledger.void(hold).wait());
            (capture.join().expect("no panic"), void.join().expect("no panic"))
        });
        assert!(captured.is_ok() != voided.is_ok(), "{captured:?} and {voided:?}");
        paid += i64::from(captured.is_ok());
    }
    case.has(&account, 20 - paid, 0);
}

fn two_reapers(case: &Case<'_>) {
    case.expire();
    let accounts: Vec<_> = (0..4).map(|n| case.account_with(&format!("reaped {n}"), 10)).collect();
    let holds: HashSet<_> = (0..40).map(|n| case.hold(&accounts[n % 4], 1)).collect();
    case.world.advance(MINUTE);
    let freed: u64 = thread::scope(|scope| {
        let reapers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut freed = 0;
                    for _ in 0..8 {
                        freed += case.ledger.expire(7).wait().expect("a reaper").holds;
                    }
                    freed
                })
            })
            .collect();
        reapers.into_iter().map(|reaper| reaper.join().expect("no panic")).sum()
    });
    // Reapers that pass each other by leave nothing for long.
    let rest = case.expire();
    assert_eq!(freed + rest.holds, holds.len() as u64);
    for account in &accounts {
        case.has(account, 10, 0);
    }
}
