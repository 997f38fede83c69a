//! Where the sessions of the cookies are kept: beside the users, as digests, so that a sign-out ends one and a restart
//! does not. Cookies are actix-session's.

use std::collections::HashMap;

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::cookie::time::Duration;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::middleware::Next;

use crate::metrics::SESSIONS_OPEN;
use crate::problem::Problem;
use crate::random;
use crate::store_error::StoreError;
use crate::users::{Session, SessionsMax, Store, digest, now_s};

/// A user has a few devices; all users together fit into a small table.
const SESSIONS_MAX: SessionsMax = SessionsMax { a_user: 20, all: 10_000 };
/// Where actix-identity keeps the user in the state of a session, as JSON.
const USER: &str = "actix_identity.user_id";

type State = HashMap<String, String>;

/// The open sessions.
#[derive(Clone)]
pub(crate) struct Sessions {
    store: Store,
}

impl Sessions {
    /// The sessions of this store; those that a former life left open are open.
    pub(crate) async fn of(store: Store) -> Result<Sessions, StoreError> {
        SESSIONS_OPEN.set(store.count_sessions(now_s()).await? as f64);
        Ok(Sessions { store })
    }

    /// Ends all sessions of this user.
    pub(crate) async fn end_all(&self, user: &str) -> Result<(), StoreError> {
        let ended = self.store.drop_sessions(user.to_owned()).await?;
        SESSIONS_OPEN.add(-(ended as f64));
        Ok(())
    }

    async fn keep(&self, key: &SessionKey, state: &State, ttl: &Duration) -> Result<(), anyhow::Error> {
        let now_s = now_s();
        let session = Session {
            digest: digest(key.as_ref()),
            name: state.get(USER).and_then(|user| serde_json::from_str(user).ok()).unwrap_or_default(),
            state: serde_json::to_string(state)?,
            expires_s: now_s.saturating_add(ttl.whole_seconds()),
        };
        SESSIONS_OPEN.add(self.store.keep_session(session, now_s, SESSIONS_MAX).await? as f64);
        Ok(())
    }
}

impl SessionStore for Sessions {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let state = self.store.session(digest(key.as_ref()), now_s()).await;
        match state.map_err(|error| LoadError::Other(error.into()))? {
            Some(state) => serde_json::from_str(&state).map_err(|error| LoadError::Deserialization(error.into())),
            None => Ok(None),
        }
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        let key = new_key().map_err(SaveError::Other)?;
        self.keep(&key, &state, ttl).await.map_err(SaveError::Other)?;
        Ok(key)
    }

    async fn update(&self, key: SessionKey, state: State, ttl: &Duration) -> Result<SessionKey, UpdateError> {
        self.keep(&key, &state, ttl).await.map_err(UpdateError::Other)?;
        Ok(key)
    }

    /// The time to live is extended when the state changes, and then it is kept anew.
    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        if self.store.drop_session(digest(key.as_ref())).await? {
            SESSIONS_OPEN.dec();
        }
        Ok(())
    }
}

/// Answers for a store that fails, of which actix-session says nothing but 500.
pub(crate) async fn explain(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    next.call(request)
        .await
        .map_err(|error| if is_of_the_store(&error) { Problem::Sessions(error.to_string()).into() } else { error })
}

/// Nobody else makes errors of these types.
fn is_of_the_store(error: &Error) -> bool {
    error.as_error::<InternalError<anyhow::Error>>().is_some()
        || error.as_error::<InternalError<SaveError>>().is_some()
        || error.as_error::<InternalError<UpdateError>>().is_some()
}

fn new_key() -> Result<SessionKey, anyhow::Error> {
    let text = random::hexadecimal().map_err(|error: Problem| anyhow::anyhow!(error.to_string()))?;
    Ok(text.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::rt::System;

    const DAY: Duration = Duration::days(1);

    fn open_now() -> f64 {
        monitor_runtime::sample_value("sessions_open", &[]).expect("a gauge")
    }

    fn state() -> State {
        HashMap::from([("user".to_owned(), "ada".to_owned())])
    }

    #[test]
    fn many_sessions_of_a_user_crowd_out_that_user_s_own() {
        System::new().block_on(async {
            let sessions = Sessions::of(Store::in_memory().expect("a store")).await.expect("sessions");
            let of = |user: &str| HashMap::from([(USER.to_owned(), format!("\"{user}\""))]);
            let all = |max: u32| (0..max).map(|_| of("eve")).chain([of("ada")]);
            let mut keys = Vec::new();
            for state in [of("ada")].into_iter().chain(all(SESSIONS_MAX.a_user + 1)) {
                keys.push((state.clone(), sessions.save(state, &DAY).await.expect("saved")));
            }
            let load = async |key| sessions.load(key).await.expect("asked");
            for (n, (state, key)) in keys.iter().enumerate() {
                // The second is the first of eve's.
                assert_eq!(load(key).await.as_ref(), (n != 1).then_some(state), "{n}");
            }
            sessions.end_all("eve").await.expect("ended");
            assert_eq!(load(&keys[2].1).await, None);
            assert_eq!(load(&keys[0].1).await, Some(of("ada")));
        });
    }

    #[test]
    fn where_all_sessions_are_too_many_the_user_who_has_the_most_loses_one() {
        System::new().block_on(async {
            let store = Store::in_memory().expect("a store");
            let keep = async |n: u32, name: &str| {
                let session =
                    Session { digest: n.to_string(), name: name.to_owned(), state: String::new(), expires_s: i64::MAX };
                store.keep_session(session, 0, SessionsMax { a_user: 3, all: 6 }).await.expect("kept")
            };
            for (n, name) in ["ada", "eve-1", "eve-1", "eve-2", "eve-2", "eve-2", "grace"].into_iter().enumerate() {
                keep(n as u32, name).await;
            }
            let mut left = Vec::new();
            for n in 0..7 {
                if store.session(n.to_string(), 0).await.expect("asked").is_some() {
                    left.push(n);
                }
            }
            assert_eq!(left, [0, 1, 2, 4, 5, 6], "the oldest of the three is gone");
        });
    }

    #[test]
    fn a_session_lives_until_it_is_ended_or_its_time_is_over() {
        System::new().block_on(async {
            let store = Store::in_memory().expect("a store");
            let sessions = Sessions::of(store.clone()).await.expect("sessions");
            let open = async |ttl| sessions.save(state(), &ttl).await.expect("saved");
            let load = async |key| sessions.load(key).await.expect("asked");
            let (first, over) = (open(DAY).await, open(Duration::ZERO).await);
            assert_eq!(load(&first).await, Some(state()));
            assert_eq!(load(&over).await, None);
            let second = open(DAY).await;
            assert_eq!(open_now(), 2.0, "whoever comes sweeps away what is over");

            // A former life of the service left them open.
            let sessions = Sessions::of(store).await.expect("sessions");
            assert_eq!(sessions.load(&first).await.expect("asked"), Some(state()));
            sessions.delete(&first).await.expect("deleted");
            sessions.delete(&first).await.expect("deleted already");
            assert_eq!(sessions.load(&first).await.expect("asked"), None);
            assert_eq!(sessions.load(&second).await.expect("asked"), Some(state()));
            assert_eq!(open_now(), 1.0);
        });
    }
}
