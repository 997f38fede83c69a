//! Paid functions of every shape: held before, captured after a success, given back otherwise.

use std::pin::Pin;
use std::rc::Rc;

use async_trait::async_trait;
use monitor_runtime::credits::{self, AccountId, Credits, CreditsError, Grant, Memory, Operation, Refusal};
use monitor_runtime::scope::Scope;

type Answer<T> = Result<T, CreditsError>;

const EXPORT: &str = "export";

#[monitor_runtime::with_credits(cost = 5)]
async fn literal(text: &str) -> Answer<usize> {
    let number: usize = text.parse().map_err(|_| CreditsError::NoHold)?;
    std::future::ready(()).await;
    Ok(number)
}

#[monitor_runtime::with_credits(cost = pages * 2, operation = EXPORT)]
fn of_the_arguments(pages: u32) -> Answer<String> {
    Ok(format!("{pages} pages"))
}

struct User {
    id: String,
    key: Option<String>,
}

#[monitor_runtime::with_credits(cost = 1, account = user.id, ledger = credits, idempotency_key = user.key, operation = "all")]
async fn all(user: User, credits: &Credits) -> Answer<(User, Credits)> {
    Ok((user, credits.clone()))
}

struct Shop {
    price: i64,
    sold: Vec<u32>,
}

impl Shop {
    #[monitor_runtime::with_credits(cost = self.price)]
    fn reborrowed(&mut self, at: usize) -> Answer<Option<&mut u32>> {
        Ok(self.sold.get_mut(at))
    }

    #[monitor_runtime::with_credits(cost = self.price)]
    async fn borrowed<'a, T: Clone + Send>(&self, item: &'a T) -> Answer<&'a T> {
        std::future::ready(()).await;
        Ok(item)
    }

    #[monitor_runtime::with_credits(cost = self.price)]
    fn boxed<'a>(&'a self, text: &'a str) -> Pin<Box<dyn Future<Output = Answer<&'a str>> + Send + 'a>> {
        // The price is read here too, so that it is read without the attribute.
        Box::pin(async move { Ok(if self.price < 0 { "" } else { text }) })
    }

    #[monitor_runtime::with_credits(cost = 2)]
    fn local<'a>(&'a self, text: Rc<str>) -> Pin<Box<dyn Future<Output = Answer<Rc<str>>> + 'a>> {
        Box::pin(async move { Ok(text) })
    }

    #[monitor_runtime::with_credits(cost = 2)]
    fn hidden(fails: bool) -> impl Future<Output = Answer<u8>> {
        async move { if fails { Err(CreditsError::NoHold) } else { Ok(3) } }
    }
}

#[monitor_runtime::with_credits(cost = 2)]
async fn opaque() -> Result<impl std::fmt::Display, CreditsError> {
    Ok("text")
}

#[monitor_runtime::with_credits(cost = 10)]
async fn less(used: i64) -> Answer<()> {
    credits::charge(used)
}

#[derive(Debug, PartialEq)]
enum Own {
    Report,
    Refused,
}

impl Refusal for Own {
    fn refused(_: CreditsError) -> Self {
        Own::Refused
    }
}

#[monitor_runtime::with_credits(cost = 2)]
async fn own() -> Own {
    Own::Report
}

#[async_trait]
trait Store {
    async fn get(&self, key: &str) -> Answer<String>;

    #[monitor_runtime::with_credits(cost = 2)]
    async fn get_twice(&self, key: &str) -> Answer<String> {
        Ok(self.get(key).await? + key)
    }
}

#[async_trait]
impl Store for Shop {
    #[monitor_runtime::with_credits(cost = self.price)]
    async fn get(&self, key: &str) -> Answer<String> {
        std::future::ready(()).await;
        if key.is_empty() { Err(CreditsError::NoHold) } else { Ok(key.to_owned()) }
    }
}

struct Block;

#[monitor_runtime::with_credits(cost = 1)]
impl Block {
    const ONE: u8 = 1;

    const fn free() -> u8 {
        Self::ONE
    }

    fn one(&self) -> Answer<u8> {
        Ok(Self::free())
    }

    async fn two(&self) -> Answer<u8> {
        Ok(2)
    }
}

#[monitor_runtime::with_credits(cost = 1, operation = "twice")]
#[monitor_runtime::with_credits(cost = 2, operation = "thrice")]
async fn paid_twice() -> Answer<()> {
    Ok(())
}

fn recursion(depth: u32) -> Pin<Box<dyn Future<Output = Answer<u32>> + Send>> {
    #[monitor_runtime::with_credits(cost = 1)]
    async fn step(depth: u32) -> Answer<u32> {
        if depth == 0 { Ok(0) } else { Ok(recursion(depth - 1).await? + 1) }
    }
    Box::pin(step(depth))
}

#[monitor_runtime::with_credits(cost = 0)]
async fn free() -> Answer<u8> {
    Ok(1)
}

fn is_send<T: Send>(value: T) -> T {
    value
}

fn main() -> Result<(), CreditsError> {
    let credits = Credits::new(Memory::new());
    let ada = AccountId::new("ada")?;
    credits.grant(Grant::new(ada.clone(), 1_000)).wait()?;
    let scope = Scope::of("ada").ledger(credits.clone());
    let left = std::cell::Cell::new(1_000);
    let costs = |cost: i64| {
        left.set(left.get() - cost);
        // What is given back is so a moment later, by the ledger's keeper.
        for _ in 0..1_000 {
            if credits.balance(ada.clone()).wait().is_ok_and(|balance| balance.available == left.get()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("{:?} is not {}", credits.balance(ada.clone()).wait(), left.get());
    };
    let mut shop = Shop { price: 3, sold: vec![7] };

    scope.run(|| {
        assert_eq!(ui::run(literal("7")), Ok(7));
        costs(5);
        assert!(ui::run(literal("x")).is_err());
        // Never polled: never asked.
        drop(literal("7"));
        costs(0);
        assert_eq!(of_the_arguments(3).as_deref(), Ok("3 pages"));
        costs(6);
        assert_eq!(shop.reborrowed(0).map(|item| item.copied()), Ok(Some(7)));
        assert_eq!(ui::run(is_send(shop.borrowed(&5))), Ok(&5));
        assert_eq!(ui::run(is_send(shop.boxed("text"))), Ok("text"));
        costs(9);
        assert_eq!(ui::run(shop.local("rc".into())), Ok("rc".into()));
        assert_eq!(ui::run(is_send(Shop::hidden(false))), Ok(3));
        assert!(ui::run(Shop::hidden(true)).is_err());
        costs(4);
        assert!(ui::run(opaque()).is_ok_and(|text| text.to_string() == "text"));
        costs(2);
        assert_eq!(ui::run(less(4)), Ok(()));
        costs(4);
        assert_eq!(ui::run(less(0)), Ok(()));
        assert!(ui::run(less(11)).is_err());
        costs(0);
        assert_eq!(ui::run(own()), Own::Report);
        costs(2);
        assert_eq!(ui::run(shop.get("a")).as_deref(), Ok("a"));
        costs(3);
        assert_eq!(ui::run(shop.get_twice("a")).as_deref(), Ok("aa"));
        costs(5);
        assert!(ui::run(shop.get_twice("")).is_err());
        assert_eq!((Block.one(), ui::run(Block.two())), (Ok(1), Ok(2)));
        costs(2);
        assert_eq!(ui::run(paid_twice()), Ok(()));
        costs(3);
        assert_eq!(ui::run(recursion(3)), Ok(3));
        costs(4);
    });

    let user = User { id: "ada".to_owned(), key: Some("k".to_owned()) };
    let (user, ledger) = ui::run(all(user, &credits))?;
    assert_eq!((user.id.as_str(), user.key.as_deref()), ("ada", Some("k")));
    costs(1);
    assert!(ui::run(all(user, &ledger)).is_err_and(|error| matches!(error.why(), CreditsError::Duplicate { .. })));
    costs(0);

    // Without a scope, and in one without an account.
    assert_eq!(ui::run(free()), Ok(1));
    assert_eq!(ui::run(own()), Own::Refused);
    assert!(ui::run(literal("7")).is_err_and(|error| *error.why() == CreditsError::NoScope));
    let nobodys = ui::run(Scope::NOBODY.around(literal("7")));
    assert!(nobodys.is_err_and(|error| *error.why() == CreditsError::NoAccount));
    let alone = Scope::of("ada");
    assert!(alone.run(|| Block.one()).is_err_and(|error| *error.why() == CreditsError::NoLedger));

    let names: Vec<_> = credits::operations().iter().map(|operation| operation.name()).collect();
    assert!(names.contains(&EXPORT) && names.iter().any(|name| name.ends_with("::literal")), "{names:?}");
    assert!(names.iter().all(|name| Operation::new(name).is_ok()));
    Ok(())
}
