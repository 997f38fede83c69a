//! The users of the demo: who may have which name, who is who, and how often one may try. Where they are kept is the
//! stores'.

mod attempts;
mod password;
mod postgres;
mod schema;
mod session;
mod sqlite;

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

pub(crate) use self::session::{IssuedToken, Session, SessionsMax};

use self::attempts::{Attempts, TooMany, origin};
use self::password::Passwords;
use self::postgres::PostgresStore;
use self::sqlite::SqliteStore;
use crate::problem::Problem;
use crate::random;
use crate::store_error::StoreError;

/// The users of the manual. Whoever reads it knows their passwords, so they exist where only this machine listens.
pub(crate) const DEMO_USERS: [(&str, &str); 3] = [("ada", "lovelace"), ("grace", "hopper"), ("edsger", "dijkstra")];

const NAME_MAX: usize = 64;
const PASSWORD_MIN: usize = 8;
/// Longer ones help nobody but those who want the hash to take long.
const PASSWORD_MAX: usize = 1024;
/// A user's oldest token goes when another is issued beyond these.
const TOKENS_MAX: u32 = 10;
const TOKEN_PREFIX: &str = "demo_";

/// Who there is, and who is who.
pub(crate) struct Users {
    store: Store,
    passwords: Passwords,
    /// By name and origin: guessing one password.
    guesses: Attempts,
    /// By origin: guessing the passwords of many.
    sign_ins: Attempts,
    /// By origin.
    sign_ups: Attempts,
    /// By user: sessions opened with tokens.
    token_sign_ins: Attempts,
}

/// Where users, their tokens and their sessions are kept.
#[derive(Clone)]
pub(crate) enum Store {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl Users {
    /// No user is there but those who were.
    pub(crate) async fn new(store: Store) -> Result<Users, Problem> {
        Ok(Users {
            store,
            passwords: Passwords::new().await?,
            guesses: Attempts::new(20, Duration::from_secs(15)),
            sign_ins: Attempts::new(300, Duration::from_secs(1)),
            sign_ups: Attempts::new(60, Duration::from_secs(5)),
            token_sign_ins: Attempts::new(30, Duration::from_secs(10)),
        })
    }

    /// Makes the users of the manual who are not there yet.
    pub(crate) async fn add_demo_users(&self) -> Result<(), Problem> {
        for (name, password) in DEMO_USERS {
            if self.store.password_hash(name.to_owned()).await?.is_none() {
                let hash = self.passwords.hash(password.to_owned()).await?;
                self.store.add_user(name.to_owned(), hash).await?;
            }
        }
        Ok(())
    }

    /// Makes a user; whoever has the name already keeps it.
    pub(crate) async fn sign_up(&self, name: &str, password: String, from: Option<IpAddr>) -> Result<(), Problem> {
        check_name(name)?;
        check_password(&password)?;
        self.sign_ups.take(from.map(origin))?;
        let hash = self.passwords.hash(password).await?;
        if self.store.add_user(name.to_owned(), hash).await? { Ok(()) } else { Err(Problem::NameTaken) }
    }

    /// Makes a user, or gives one a new password.
    pub(crate) async fn set_password(&self, name: &str, password: String) -> Result<(), Problem> {
        let hash = self.passwords.hash(password).await?;
        Ok(self.store.set_password(name.to_owned(), hash).await?)
    }

    /// Whether somebody has this name.
    pub(crate) async fn exists(&self, name: &str) -> Result<bool, Problem> {
        Ok(check_name(name).is_ok() && self.store.password_hash(name.to_owned()).await?.is_some())
    }

    /// The user of this name, where this is the password.
    pub(crate) async fn by_password(
        &self,
        name: &str,
        password: String,
        from: Option<IpAddr>,
    ) -> Result<String, Problem> {
        let from = from.map(origin);
        self.sign_ins.take(from)?;
        self.guesses.take((name, from))?;
        // What no user can have needs no look at the store.
        let hash = match check_name(name) {
            Ok(()) => self.store.password_hash(name.to_owned()).await?,
            Err(_) => None,
        };
        // A part of it is enough of one that nobody can have.
        let password = if password.len() > PASSWORD_MAX { String::new() } else { password };
        if !self.passwords.check(password, hash).await? {
            return Err(Problem::WrongPassword);
        }
        self.sign_ins.give_back(from);
        self.guesses.forgive((name, from));
        Ok(name.to_owned())
    }

    /// A new token of this user. It is told once, and kept as a digest.
    pub(crate) async fn issue_token(&self, name: &str) -> Result<(i64, String), Problem> {
        let token = format!("{TOKEN_PREFIX}{}", random::hexadecimal()?);
        let id = self.store.add_token(digest(&token), name.to_owned(), now_s(), TOKENS_MAX).await?;
        Ok((id, token))
    }

    /// The tokens of this user, the oldest first.
    pub(crate) async fn tokens(&self, name: &str) -> Result<Vec<IssuedToken>, Problem> {
        Ok(self.store.tokens(name.to_owned()).await?)
    }

    /// Makes one token of this user worthless, or all of them; gives how many there were.
    pub(crate) async fn revoke_tokens(&self, name: &str, id: Option<i64>) -> Result<u64, Problem> {
        Ok(self.store.drop_tokens(name.to_owned(), id).await?)
    }

    /// The user whom this token was issued to, to open a session. Attempts are limited by address and by user.
    pub(crate) async fn sign_in_by_token(
        &self,
        token: Option<&str>,
        from: Option<IpAddr>,
    ) -> Result<Option<String>, Problem> {
        let from = from.map(origin);
        self.sign_ins.take(from)?;
        let Some(token) = token else { return Ok(None) };
        let Some(name) = self.by_token(token).await? else { return Ok(None) };
        self.token_sign_ins.take(&name)?;
        self.sign_ins.give_back(from);
        Ok(Some(name))
    }

    /// The user whom this token was issued to. A token cannot be guessed, so attempts need no limit.
    pub(crate) async fn by_token(&self, token: &str) -> Result<Option<String>, Problem> {
        if !token.starts_with(TOKEN_PREFIX) || token.len() != TOKEN_PREFIX.len() + 64 {
            return Ok(None);
        }
        Ok(self.store.user_of_token(digest(token)).await?)
    }
}

impl Store {
    pub(crate) fn in_file(path: &Path) -> Result<Store, StoreError> {
        SqliteStore::open(path).map(Store::Sqlite)
    }

    pub(crate) fn in_memory() -> Result<Store, StoreError> {
        SqliteStore::in_memory().map(Store::Sqlite)
    }

    pub(crate) async fn in_database(url: &str) -> Result<Store, StoreError> {
        PostgresStore::open(url).await.map(Store::Postgres)
    }

    /// Does `work` while no other instance of the service does such work for this user. A file has one instance alone.
    pub(crate) async fn alone<T>(&self, name: String, work: impl Future<Output = T>) -> Result<T, StoreError> {
        match self {
            Store::Sqlite(_) => Ok(work.await),
            Store::Postgres(store) => store.alone(name, work).await,
        }
    }
}

/// One method of both stores.
macro_rules! of_both {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $given:ty;)*) => {
        impl Store {$(
            pub(crate) async fn $name(&self, $($argument: $kind),*) -> Result<$given, StoreError> {
                match self {
                    Store::Sqlite(store) => store.$name($($argument),*).await,
                    Store::Postgres(store) => PostgresStore::in_time(store.$name($($argument),*)).await,
                }
            }
        )*}
    };
}

of_both! {
    add_user(name: String, hash: String) -> bool;
    set_password(name: String, hash: String) -> ();
    password_hash(name: String) -> Option<String>;
    add_token(digest: String, name: String, now_s: i64, max: u32) -> i64;
    tokens(name: String) -> Vec<IssuedToken>;
    drop_tokens(name: String, id: Option<i64>) -> u64;
    user_of_token(digest: String) -> Option<String>;
    session(digest: String, now_s: i64) -> Option<String>;
    keep_session(session: Session, now_s: i64, max: SessionsMax) -> i64;
    drop_sessions(name: String) -> u64;
    drop_session(digest: String) -> bool;
    count_sessions(now_s: i64) -> i64;
}

impl From<TooMany> for Problem {
    fn from(too_many: TooMany) -> Problem {
        Problem::TooManyAttempts { wait: too_many.wait }
    }
}

/// Unix seconds.
pub(crate) fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// What is kept of a secret that is random enough not to be guessed.
pub(crate) fn digest(secret: &str) -> String {
    random::written(&Sha256::digest(secret))
}

fn check_name(name: &str) -> Result<(), Problem> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let fits = (1..=NAME_MAX).contains(&name.len());
    if fits && name.bytes().all(fine) && name.as_bytes()[0].is_ascii_alphanumeric() {
        Ok(())
    } else {
        Err(Problem::BadName)
    }
}

fn check_password(password: &str) -> Result<(), Problem> {
    if (PASSWORD_MIN..=PASSWORD_MAX).contains(&password.len()) { Ok(()) } else { Err(Problem::BadPassword) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::rt::System;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    async fn users() -> Users {
        Users::new(Store::in_memory().expect("a store")).await.expect("random bytes")
    }

    #[test]
    fn a_name_is_given_once_and_known_by_its_password_alone() {
        System::new().block_on(async {
            let users = users().await;
            let sign_up = async |password: &str| users.sign_up("alan", password.to_owned(), HERE).await;
            sign_up("enigma-1940").await.expect("a free name");
            assert!(matches!(sign_up("bombe-1941").await, Err(Problem::NameTaken)));
            let name = users.by_password("alan", "enigma-1940".to_owned(), HERE).await.expect("the password");
            assert_eq!(name, "alan");
            for (name, password) in [("alan", "bombe-1941"), ("Alan", "enigma-1940"), ("alonzo", "enigma-1940")] {
                let wrong = users.by_password(name, password.to_owned(), HERE).await;
                assert!(matches!(wrong, Err(Problem::WrongPassword)), "{name}: {wrong:?}");
            }
        });
    }

    #[test]
    fn names_and_passwords_have_their_rules() {
        System::new().block_on(async {
            let users = users().await;
            let sign_up = async |name: &str, password: &str| users.sign_up(name, password.to_owned(), HERE).await;
            let long = "x".repeat(NAME_MAX + 1);
            for name in ["", "A", "a b", "-a", "a/b", "\u{e4}da", "ada\n", long.as_str()] {
                assert!(matches!(sign_up(name, "long enough").await, Err(Problem::BadName)), "{name:?}");
            }
            for password in ["", "2 short", "x".repeat(PASSWORD_MAX + 1).as_str()] {
                assert!(matches!(sign_up("ada", password).await, Err(Problem::BadPassword)));
            }
        });
    }

    #[test]
    fn whoever_guesses_must_wait_and_holds_up_nobody_elsewhere() {
        System::new().block_on(async {
            let users = users().await;
            users.add_demo_users().await.expect("users");
            let guess = async |from| users.by_password("ada", "byron-1815".to_owned(), from).await;
            for _ in 0..20 {
                assert!(matches!(guess(HERE).await, Err(Problem::WrongPassword)));
            }
            assert!(matches!(guess(HERE).await, Err(Problem::TooManyAttempts { .. })));
            let right = users.by_password("ada", "lovelace".to_owned(), HERE).await;
            assert!(matches!(right, Err(Problem::TooManyAttempts { .. })), "nor is the right one told: {right:?}");
            let elsewhere = Some("192.0.2.1".parse().expect("an address"));
            users.by_password("ada", "lovelace".to_owned(), elsewhere).await.expect("ada is not locked out");
        });
    }

    #[test]
    fn a_token_is_its_users_until_newer_ones_take_its_place() {
        System::new().block_on(async {
            let users = users().await;
            users.add_demo_users().await.expect("users");
            let first = users.issue_token("ada").await.expect("a token");
            assert_eq!(users.by_token(&first.1).await.expect("asked").as_deref(), Some("ada"));
            for wrong in ["", TOKEN_PREFIX, &first.1[1..], &first.1.replace(|c: char| c.is_ascii_digit(), "a")] {
                assert_eq!(users.by_token(wrong).await.expect("asked"), None);
            }
            users.issue_token("grace").await.expect("a token");
            for _ in 0..TOKENS_MAX {
                users.issue_token("ada").await.expect("a token");
            }
            assert_eq!(users.by_token(&first.1).await.expect("asked"), None);
        });
    }
}
