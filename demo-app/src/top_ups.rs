//! Credits for nothing, up to a bound that holds whatever is asked at a time: an account's top-ups take turns, over all
//! instances of the service.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::spawn;
use actix_web::rt::time::timeout;
use monitor_runtime::credits::{AccountId, Balance, Credits, Grant};
use tokio::sync::Mutex;

use crate::problem::Problem;
use crate::users::Store;

/// Beyond it, a demonstration's user has had enough for nothing.
const BALANCE_MAX: i64 = 10_000;
/// Accounts share turns by their hash: more of them wait for each other only by chance.
const TURNS: usize = 64;
/// How long a request waits for its turn.
const WAIT: Duration = Duration::from_secs(3);

/// Who tops up now.
#[derive(Clone)]
pub(crate) struct TopUps {
    store: Store,
    turns: Arc<[Mutex<()>; TURNS]>,
    hasher: RandomState,
}

impl TopUps {
    pub(crate) fn of(store: Store) -> TopUps {
        TopUps { store, turns: Arc::new(std::array::from_fn(|_| Mutex::default())), hasher: RandomState::new() }
    }

    /// Grants `amount` unless the account would have too much. It is done to its end, whether or not the client waits:
    /// a turn that ended before its grant would be none.
    pub(crate) async fn grant(&self, user: String, amount: i64, credits: Credits) -> Result<Balance, Problem> {
        let all = self.clone();
        let done = spawn(async move {
            let turn = &all.turns[all.hasher.hash_one(&user) as usize % TURNS];
            let _turn = timeout(WAIT, turn.lock()).await.map_err(|_| Problem::Busy)?;
            let account = AccountId::new(&user)?;
            let granted = all.store.alone(user, async {
                if credits.balance(account.clone()).await?.posted() + amount > BALANCE_MAX {
                    return Err(Problem::Bad(format!(
                        "an account of this demonstration has at most {BALANCE_MAX} credits"
                    )));
                }
                Ok(credits.grant(Grant::new(account, amount)).await?.balance)
            });
            granted.await?
        });
        done.await.map_err(|error| Problem::Internal(error.to_string()))?
    }
}
