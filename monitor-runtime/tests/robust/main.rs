//! A service under all that may come: nothing that watches it may break it, and its numbers stay right.
#![cfg(all(feature = "actix", not(loom)))]

mod callbacks;
mod deltas;
mod events;
mod own_pages;
mod start;
mod support;
