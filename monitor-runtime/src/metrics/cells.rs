//! A plain stand-in until the real room is here.
use std::sync::Mutex;
use std::cell::RefCell;
use std::collections::HashMap;
pub(crate) const UNRESOLVED: u32 = u32::MAX;
static NEXT: Mutex<u32> = Mutex::new(0);
static CELLS: Mutex<Vec<u64>> = Mutex::new(Vec::new());
thread_local!{ static HERE: RefCell<HashMap<u32,f64>> = RefCell::default(); }
pub(crate) fn reserve(n: usize) -> Option<u32> { let mut x = NEXT.lock().ok()?; let r = *x; *x += n as u32; CELLS.lock().ok()?.resize(*x as usize, 0); Some(r) }
pub(crate) fn add_home(_: u32, _: u64) -> bool { false }
fn at(cell: u32, f: impl FnOnce(&mut u64)) { if let Some(c) = CELLS.lock().ok().as_mut().and_then(|c| c.get_mut(cell as usize)) { f(c) } }
pub(crate) fn add(cell: u32, n: u64) { at(cell, |c| *c += n); HERE.with_borrow_mut(|h| *h.entry(cell).or_default() += n as f64); }
pub(crate) fn add_f64(cell: u32, n: f64) { at(cell, |c| *c = (f64::from_bits(*c) + n).to_bits()); HERE.with_borrow_mut(|h| *h.entry(cell).or_default() += n); }
pub(crate) fn set_f64(cell: u32, n: f64) { at(cell, |c| *c = n.to_bits()) }
pub(crate) fn observe(first: u32, bucket: usize, sum: usize, value: f64) { add(first + bucket as u32, 1); add_f64(first + sum as u32, value); }
pub(crate) fn sum(cell: u32) -> u64 { let mut v = 0; at(cell, |c| v = *c); v }
pub(crate) fn sum_f64(cell: u32) -> f64 { f64::from_bits(sum(cell)) }
pub(crate) fn here(cell: u32) -> u64 { here_f64(cell) as u64 }
pub(crate) fn here_f64(cell: u32) -> f64 { HERE.with_borrow(|h| h.get(&cell).copied().unwrap_or_default()) }
