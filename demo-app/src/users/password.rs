//! Passwords: hashed with Argon2id, on threads of their own.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::password_hash::phc::{Ident, Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::oneshot;

use crate::problem::Problem;
use crate::random;

/// So many are made at a time. Each takes 19 MiB, which its thread keeps for the next: given back each time, they would
/// stay with the allocator, several times over.
const THREADS: usize = 2;
/// So many may wait for their turn.
const WAITING_MAX: usize = 64;

/// What a thread does with its memory.
type Work = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

/// Makes and checks hashes.
#[derive(Clone)]
pub(crate) struct Passwords {
    work: SyncSender<Work>,
    /// The hash of no password: whoever tries an unknown name waits as long as for a wrong password.
    nobody: Arc<str>,
}

impl Passwords {
    pub(crate) async fn new() -> Result<Passwords, Problem> {
        let work = start_threads().map_err(|error| Problem::Internal(error.to_string()))?;
        let mut passwords = Passwords { work, nobody: Arc::from("") };
        passwords.nobody = passwords.hash(random::hexadecimal()?).await?.into();
        Ok(passwords)
    }

    /// The hash of a password, with its salt and its costs, as it may be kept.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        let salt = random::bytes::<16>()?;
        self.on_a_thread(move |memory| new_hash(&password, &salt, memory)).await?.map_err(Problem::Internal)
    }

    /// Whether this is the password of this hash; without a hash it is not, after the same time.
    pub(crate) async fn check(&self, password: String, hash: Option<String>) -> Result<bool, Problem> {
        let nobody = self.nobody.clone();
        let check = move |memory: &mut Vec<Block>| {
            let right = is_of(&password, hash.as_deref().unwrap_or(&nobody), memory)?;
            Ok(right && hash.is_some())
        };
        self.on_a_thread(check).await?.map_err(Problem::Internal)
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (done, wait) = oneshot::channel();
        let work = move |memory: &mut Vec<Block>| {
            // It fails where whoever asked has left.
            let _ = done.send(work(memory));
        };
        self.work.try_send(Box::new(work)).map_err(|_| Problem::Busy)?;
        wait.await.map_err(|_| Problem::Internal("a thread was lost".to_owned()))
    }
}

/// They end with the last sender.
fn start_threads() -> io::Result<SyncSender<Work>> {
    let (sender, work) = sync_channel(WAITING_MAX);
    let work = Arc::new(Mutex::new(work));
    for _ in 0..THREADS {
        let work = work.clone();
        let run = move || {
            let mut memory = Vec::new();
            while let Some(work) = next(&work) {
                work(&mut memory);
            }
        };
        thread::Builder::new().name("passwords".to_owned()).spawn(run)?;
    }
    Ok(sender)
}

fn next(work: &Mutex<Receiver<Work>>) -> Option<Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn new_hash(password: &str, salt: &[u8], memory: &mut Vec<Block>) -> Result<String, String> {
    let params = Params::default();
    let hash = PasswordHash {
        algorithm: Ident::from(Algorithm::default()),
        version: Some(Version::default().into()),
        params: params.clone().try_into().map_err(text)?,
        salt: Some(Salt::new(salt).map_err(text)?),
        hash: Some(output(password, salt, Argon2::from(params), memory)?),
    };
    Ok(hash.to_string())
}

fn is_of(password: &str, hash: &str, memory: &mut Vec<Block>) -> Result<bool, String> {
    let hash = PasswordHash::new(hash).map_err(text)?;
    let (Some(salt), Some(wanted)) = (&hash.salt, &hash.hash) else { return Ok(false) };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(text)?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).map_err(text)?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&hash).map_err(text)?);
    // Equal in a time that says nothing of where they differ.
    Ok(*wanted == output(password, salt, argon2, memory)?)
}

fn output(password: &str, salt: &[u8], argon2: Argon2<'_>, memory: &mut Vec<Block>) -> Result<Output, String> {
    memory.resize(argon2.params().block_count(), Block::new());
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut output, memory.as_mut_slice())
        .map_err(text)?;
    Output::new(&output).map_err(text)
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::rt::System;
    use argon2::{PasswordHasher, PasswordVerifier};

    #[test]
    fn a_hash_knows_its_password_and_repeats_nothing_of_it() {
        System::new().block_on(async {
            let passwords = Passwords::new().await.expect("random bytes");
            let hash = passwords.hash("lovelace".to_owned()).await.expect("a hash");
            assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !hash.contains("lovelace"), "{hash}");
            let again = passwords.hash("lovelace".to_owned()).await.expect("a hash");
            assert_ne!(hash, again, "each has a salt of its own");
            let check = async |password: &str, hash| passwords.check(password.to_owned(), hash).await.expect("checked");
            assert!(check("lovelace", Some(hash.clone())).await);
            assert!(!check("Lovelace", Some(hash)).await);
            assert!(!check("lovelace", None).await);
            // What argon2's own interface makes is known here, and the other way round.
            let own = Argon2::default().hash_password(b"lovelace").expect("a hash").to_string();
            assert!(check("lovelace", Some(own)).await);
            let ours = PasswordHash::new(&again).expect("a hash");
            Argon2::default().verify_password(b"lovelace", &ours).expect("its password");
        });
    }
}
