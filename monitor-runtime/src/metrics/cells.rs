//! Where the numbers stand: a row of cells for each thread, written by that thread alone and added up by a scrape.
//! What a cell means is for its family to know.
//!
//! A cell is an index into every row. The owner of a row adds with a plain load and a plain store, so
//! threads that count the same series share no cache line. Row 0 is everybody's and is written with
//! atomic read-modify-writes: by threads beyond the bound on rows, and by a thread that is being torn
//! down. A row outlives its thread and passes, with its counts, to the next one; so no count is ever
//! moved, and a scrape that adds the rows up sees no count go down.

use std::array;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::LazyLock;

use super::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use super::sync::{Mutex, OnceLock, lock, spin_loop};

/// The index of no cell: what a call site keeps until it has found its series.
pub(crate) const UNRESOLVED: u32 = u32::MAX;

/// Cells of a gauge: its count of steps (a cell like a counter's), then its base and its mark, which
/// only row 0 uses. See [`Cells::set_gauge`].
pub(crate) const GAUGE_CELLS: usize = 3;

/// Gives out `n` cells that stand side by side; `None` when all are given out, or `n` is 0 or more than a page.
pub(crate) fn reserve(n: usize) -> Option<u32> {
    CELLS.reserve(n)
}

/// Like [`reserve`], from the far end: for cells that are seldom written, which would waste the page that
/// [`add_home`] reaches.
pub(crate) fn reserve_far(n: usize) -> Option<u32> {
    CELLS.reserve_far(n)
}

/// The first page of this thread's row: what stands there is written in a few instructions, without a call.
#[derive(Clone, Copy)]
pub(crate) struct Home(&'static [AtomicU64]);

/// A cell of this thread's own row.
#[derive(Clone, Copy)]
pub(crate) struct Slot(&'static AtomicU64);

/// This thread's first page; empty when it has no row, or none yet.
#[inline(always)]
pub(crate) fn home() -> Home {
    Home(HOME.get())
}

impl Home {
    /// `None` when the cell stands elsewhere.
    #[inline(always)]
    pub(crate) fn slot(self, cell: u32) -> Option<Slot> {
        self.0.get(cell as usize).map(Slot)
    }

    /// [`observe`], if the series stands here.
    #[inline(always)]
    pub(crate) fn observe(self, first: u32, bucket: usize, sum: usize, value: f64) -> Option<()> {
        let series = self.0.get(first as usize..)?;
        let (bucket, sum) = (series.get(bucket)?, series.get(sum)?);
        own_add(bucket, 1);
        own_add_f64(sum, value);
        Some(())
    }
}

impl Slot {
    /// Adds to a count.
    #[inline(always)]
    pub(crate) fn add(self, n: u64) {
        own_add(self.0, n);
    }
}

/// Adds to a cell of this thread's first page; false when the cell stands elsewhere, or this thread has no row yet.
#[inline(always)]
pub(crate) fn add_home(cell: u32, n: u64) -> bool {
    home().slot(cell).map(|slot| slot.add(n)).is_some()
}

/// Adds to any cell, wrapping. `UNRESOLVED`, and indices far from any that was given out, are ignored.
#[inline]
pub(crate) fn add(cell: u32, n: u64) {
    if !add_home(cell, n) {
        add_away(cell, n);
    }
}

#[inline(never)]
fn add_away(cell: u32, n: u64) {
    if let Some((row, page)) = away(cell) {
        row.add(&page.0[in_page(cell)], n);
        if row.shared {
            note(cell, n);
        }
    }
}

/// Adds 1 to the cell `first + bucket`, and `value` to the `f64` in the cell `first + sum`, of one series.
#[inline]
pub(crate) fn observe(first: u32, bucket: usize, sum: usize, value: f64) {
    if home().observe(first, bucket, sum, value).is_none() {
        observe_away(first, bucket, sum, value);
    }
}

#[inline(never)]
fn observe_away(first: u32, bucket: usize, sum: usize, value: f64) {
    let Some((row, page)) = away(first) else { return };
    let series = &page.0[in_page(first)..];
    if let (Some(count), Some(sum)) = (series.get(bucket), series.get(sum)) {
        row.add(count, 1);
        row.add_f64(sum, value);
        if row.shared {
            note(first.wrapping_add(bucket as u32), 1);
        }
    }
}

/// Notes what this thread adds to the shared row, if anybody asks [`here`].
fn note(cell: u32, n: u64) {
    let _ = NOTED.try_with(|noted| {
        if let Some(noted) = &mut *noted.borrow_mut() {
            let count = noted.entry(cell).or_insert(0);
            *count = count.wrapping_add(n);
        }
    });
}

/// Adds to the gauge at `first`. Whole numbers go to this thread's own count, as `add(first, n)` does,
/// so that calls in flight share no cache line and come back to exactly zero; other numbers to the base.
pub(crate) fn add_gauge(first: u32, value: f64) {
    const WHOLE: f64 = (1_u64 << 32) as f64;
    if value.fract() == 0.0 && value.abs() <= WHOLE {
        // A step down is added as what wraps around to it.
        add(first, value as i64 as u64);
    } else {
        CELLS.add_base(first, value);
    }
}

/// Sets the gauge at `first`.
pub(crate) fn set_gauge(first: u32, value: f64) {
    CELLS.set_gauge(first, value);
}

/// The count in a cell, over all rows.
pub(crate) fn sum(cell: u32) -> u64 {
    CELLS.rows().fold(0, |total, row| total.wrapping_add(row.read(cell)))
}

/// The `f64` in a cell, over all rows.
pub(crate) fn sum_f64(cell: u32) -> f64 {
    CELLS.rows().fold(0.0, |total, row| total + f64::from_bits(row.read(cell)))
}

/// The value of the gauge at `first`.
pub(crate) fn gauge(first: u32) -> f64 {
    CELLS.gauge(first)
}

/// What this thread's row holds of a count, to be subtracted from what it holds later: so much did this thread add. Of a
/// thread that finds no row of its own, what it added since it was first asked.
pub(crate) fn here(cell: u32) -> u64 {
    // Taken before it is read: one that is taken later holds what its last thread counted meanwhile.
    match KEEPER.try_with(Keeper::row).ok().flatten() {
        Some(own) => own.read(cell),
        None => noted(cell),
    }
}

#[cold]
fn noted(cell: u32) -> u64 {
    // From now on it gets no row: what that holds would be no sequel to what is noted.
    let _ = KEEPER.try_with(|keeper| keeper.shares.set(true));
    let noted = NOTED.try_with(|noted| noted.borrow_mut().get_or_insert_default().get(&cell).copied());
    noted.ok().flatten().unwrap_or(0)
}

/// What a scrape reads with: the rows' pages, looked up once for many cells.
pub(crate) fn reader() -> Reader {
    Reader::new(&CELLS)
}

/// The numbers of the process.
static CELLS: LazyLock<Cells> = LazyLock::new(|| Cells::new(ROWS, SEGMENTS * SEGMENT * PAGE));

thread_local! {
    /// The first page of this thread's row; empty until it has one. No destructor, so that reading it is one load.
    static HOME: Cell<&'static [AtomicU64]> = const { Cell::new(&[]) };
    /// This thread's row. No destructor either.
    static ROW: Cell<Option<&'static Row>> = const { Cell::new(None) };
    /// Gives the row back when the thread ends. Touched on the cold path only.
    static KEEPER: Keeper = const { Keeper { row: Cell::new(None), shares: Cell::new(false) } };
    /// What this thread added to the shared row since it was asked for it, by cell.
    static NOTED: RefCell<Option<HashMap<u32, u64>>> = const { RefCell::new(None) };
}

struct Keeper {
    row: Cell<Option<&'static Row>>,
    /// Whether this thread shares row 0 for good.
    shares: Cell<bool>,
}

impl Keeper {
    fn row(&self) -> Option<&'static Row> {
        if self.row.get().is_none() && !self.shares.get() {
            self.row.set(CELLS.acquire());
        }
        self.row.get()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // What other destructors of this thread still record goes to row 0.
        HOME.set(&[]);
        ROW.set(None);
        if let Some(row) = self.row.take() {
            CELLS.release(row);
        }
    }
}

/// The row that this thread writes to and the page of `cell` in it, unless there is no such cell.
#[inline(always)]
fn away(cell: u32) -> Option<(&'static Row, &'static Page)> {
    let row = ROW.get();
    match row.and_then(|row| row.page(cell)) {
        Some(page) => row.map(|row| (row, page)),
        None => settle(cell),
    }
}

/// Finds this thread a row, and the row a page.
#[cold]
fn settle(cell: u32) -> Option<(&'static Row, &'static Page)> {
    let own = KEEPER.try_with(Keeper::row).ok().flatten();
    let row = own.unwrap_or(CELLS.shared());
    let page = CELLS.page(row, cell)?;
    // A thread that shares row 0 keeps neither, so that it asks again and finds a row that came free.
    if own.is_some() {
        ROW.set(own);
        if let Some(home) = row.page(0) {
            HOME.set(&home.0);
        }
    }
    Some((row, page))
}

// The model checker tries every order of the steps, so it gets few of them.
const ROWS: usize = if cfg!(loom) { 2 } else { 256 };
const PAGE: usize = if cfg!(loom) { 4 } else { 1024 };
const SEGMENT: usize = if cfg!(loom) { 2 } else { 64 };
const SEGMENTS: usize = if cfg!(loom) { 2 } else { 256 };

/// Alone on its cache lines, and on those that the processor fetches along with them: the next page in memory
/// may be another thread's.
#[repr(align(128))]
struct Page([AtomicU64; PAGE]);
type Segment = [OnceLock<Box<Page>>; SEGMENT];

fn in_page(cell: u32) -> usize {
    cell as usize % PAGE
}

/// The rows, and which cells of them are given out.
pub(crate) struct Cells {
    shared: &'static Row,
    /// The rows that were ever made, in the order of making.
    rows: Box<[OnceLock<&'static Row>]>,
    made: AtomicUsize,
    /// Rows whose threads have ended. The lock also hands their counts on: what the last owner stored
    /// is seen by the next one.
    free: Mutex<Vec<&'static Row>>,
    /// Rows that [`acquire`](Self::acquire) can still give, free or not yet made. Read without the lock.
    spare: AtomicUsize,
    reserved: Mutex<Reserved>,
    setting: Mutex<()>,
}

/// Cells below `near` and from `far` on are given out.
struct Reserved {
    near: usize,
    far: usize,
    end: usize,
}

impl Cells {
    fn new(rows: usize, cells: usize) -> Cells {
        Cells {
            shared: Row::new(true),
            rows: (0..rows).map(|_| OnceLock::new()).collect(),
            made: AtomicUsize::new(0),
            // All the room it can need: a thread that ends should not have to allocate.
            free: Mutex::new(Vec::with_capacity(rows)),
            spare: AtomicUsize::new(rows),
            reserved: Mutex::new(Reserved { near: 0, far: cells, end: cells }),
            setting: Mutex::new(()),
        }
    }

    fn reserve(&self, n: usize) -> Option<u32> {
        let mut reserved = lock(&self.reserved);
        let left_in_page = PAGE - reserved.near % PAGE;
        let first = if n <= left_in_page { reserved.near } else { reserved.near + left_in_page };
        if n == 0 || n > PAGE || first + n > reserved.far {
            return None;
        }
        reserved.near = first + n;
        u32::try_from(first).ok()
    }

    fn reserve_far(&self, n: usize) -> Option<u32> {
        let mut reserved = lock(&self.reserved);
        let left_in_page = match reserved.far % PAGE {
            0 => PAGE,
            left => left,
        };
        let end = if n <= left_in_page { reserved.far } else { reserved.far - left_in_page };
        if n == 0 || n > PAGE || reserved.near + n > end {
            return None;
        }
        reserved.far = end - n;
        u32::try_from(reserved.far).ok()
    }

    /// A row for one thread to write to, until it releases it.
    fn acquire(&self) -> Option<&'static Row> {
        if self.spare.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut free = lock(&self.free);
        let row = free.pop().or_else(|| self.make_row())?;
        self.spare.fetch_sub(1, Ordering::Relaxed);
        Some(row)
    }

    fn release(&self, row: &'static Row) {
        let mut free = lock(&self.free);
        free.push(row);
        self.spare.fetch_add(1, Ordering::Relaxed);
    }

    /// Called under the lock of `free`.
    fn make_row(&self) -> Option<&'static Row> {
        let made = self.made.load(Ordering::Relaxed);
        let row = *self.rows.get(made)?.get_or_init(|| Row::new(false));
        self.made.store(made + 1, Ordering::Release);
        Some(row)
    }

    fn shared(&self) -> &'static Row {
        self.shared
    }

    /// Every row, the shared one first.
    fn rows(&self) -> impl Iterator<Item = &'static Row> {
        let made = self.made.load(Ordering::Acquire);
        let own = self.rows.iter().take(made).filter_map(|row| row.get().copied());
        std::iter::once(self.shared).chain(own)
    }

    /// The page of `cell` in `row`, made if need be; `None` if no cell of that page was given out.
    fn page(&self, row: &'static Row, cell: u32) -> Option<&'static Page> {
        row.page(cell).or_else(|| if self.is_reserved(cell) { row.make_page(cell) } else { None })
    }

    /// Under the lock, whose last holder may have given out this very cell: an index reaches a thread
    /// through a relaxed atomic.
    fn is_reserved(&self, cell: u32) -> bool {
        let reserved = lock(&self.reserved);
        let page = cell as usize / PAGE;
        let near = page * PAGE < reserved.near;
        let far = page >= reserved.far / PAGE && reserved.far < reserved.end;
        near || far && (cell as usize) < reserved.end
    }

    /// A gauge is its base and the steps counted since the mark. Setting it stores a new base and marks
    /// where the count stands, so that no thread has to write another thread's row, and the value read
    /// back is exactly the value set.
    fn set_gauge(&self, first: u32, value: f64) {
        let Some((base, mark)) = self.page(self.shared, first).and_then(|page| base_and_mark(page, first)) else {
            return;
        };
        let _one_at_a_time = lock(&self.setting);
        let count = self.rows().fold(0, |total: u64, row| total.wrapping_add(row.read(first)));
        mark.store(BEING_SET, Ordering::Relaxed);
        fence(Ordering::Release);
        base.store(value.to_bits(), Ordering::Relaxed);
        mark.store(count, Ordering::Release);
    }

    fn add_base(&self, first: u32, value: f64) {
        if let Some((base, _)) = self.page(self.shared, first).and_then(|page| base_and_mark(page, first)) {
            shared_add_f64(base, value);
        }
    }

    fn gauge(&self, first: u32) -> f64 {
        let count = || self.rows().fold(0, |total: u64, row| total.wrapping_add(row.read(first)));
        let Some((base, mark)) = self.shared.page(first).and_then(|page| base_and_mark(page, first)) else {
            return count() as i64 as f64;
        };
        let read = || {
            let before = mark.load(Ordering::Acquire);
            let value = f64::from_bits(base.load(Ordering::Relaxed));
            let steps = count().wrapping_sub(before) as i64;
            fence(Ordering::Acquire);
            let whole = before != BEING_SET && mark.load(Ordering::Relaxed) == before;
            whole.then_some(if steps == 0 { value } else { value + steps as f64 })
        };
        for _ in 0..PATIENCE {
            if let Some(value) = read() {
                return value;
            }
            spin_loop();
        }
        // Set again and again while we look, or by a thread that was stopped halfway.
        let _nobody_sets = lock(&self.setting);
        read().unwrap_or_else(|| f64::from_bits(base.load(Ordering::Relaxed)))
    }
}

/// The mark of a gauge while its base is being replaced. No count of steps gets here.
const BEING_SET: u64 = 1 << 63;
/// How often a reader tries for a base and a mark that belong together before it waits for those who set.
const PATIENCE: usize = if cfg!(loom) { 1 } else { 16 };

fn base_and_mark(page: &Page, first: u32) -> Option<(&AtomicU64, &AtomicU64)> {
    let at = in_page(first);
    Some((page.0.get(at + 1)?, page.0.get(at + 2)?))
}

/// One thread's cells. Pages come into being when they are first written.
pub(crate) struct Row {
    shared: bool,
    segments: [OnceLock<Box<Segment>>; SEGMENTS],
}

impl Row {
    /// Rows live as long as the process: a scrape reads them without a lock.
    fn new(shared: bool) -> &'static Row {
        Box::leak(Box::new(Row { shared, segments: array::from_fn(|_| OnceLock::new()) }))
    }

    fn page(&self, cell: u32) -> Option<&Page> {
        let page = cell as usize / PAGE;
        let segment = self.segments.get(page / SEGMENT)?.get()?;
        Some(segment[page % SEGMENT].get()?)
    }

    fn make_page(&self, cell: u32) -> Option<&Page> {
        let page = cell as usize / PAGE;
        let segment = self.segments.get(page / SEGMENT)?;
        let segment = segment.get_or_init(|| Box::new(array::from_fn(|_| OnceLock::new())));
        Some(segment[page % SEGMENT].get_or_init(|| Box::new(Page(array::from_fn(|_| AtomicU64::new(0))))))
    }

    fn read(&self, cell: u32) -> u64 {
        self.page(cell).map_or(0, |page| page.0[in_page(cell)].load(Ordering::Relaxed))
    }

    fn add(&self, slot: &AtomicU64, n: u64) {
        if self.shared {
            slot.fetch_add(n, Ordering::Relaxed);
        } else {
            own_add(slot, n);
        }
    }

    fn add_f64(&self, slot: &AtomicU64, value: f64) {
        if self.shared {
            shared_add_f64(slot, value);
        } else {
            own_add_f64(slot, value);
        }
    }
}

/// The rows' pages around the cell that was read last.
pub(crate) struct Reader {
    cells: &'static Cells,
    page: usize,
    found: usize,
    pages: [Option<&'static Page>; ROWS + 1],
}

impl Reader {
    fn new(cells: &'static Cells) -> Reader {
        Reader { cells, page: usize::MAX, found: 0, pages: [None; ROWS + 1] }
    }

    /// The count in a cell, over all rows.
    #[inline]
    pub(crate) fn sum(&mut self, cell: u32) -> u64 {
        self.pages(cell).fold(0, |total, page| total.wrapping_add(page.0[in_page(cell)].load(Ordering::Relaxed)))
    }

    /// The `f64` in a cell, over all rows.
    #[inline]
    pub(crate) fn sum_f64(&mut self, cell: u32) -> f64 {
        self.pages(cell).fold(0.0, |total, page| total + f64::from_bits(page.0[in_page(cell)].load(Ordering::Relaxed)))
    }

    /// The counts in the cells from `first` on, which were reserved together, over all rows.
    #[inline]
    pub(crate) fn sums(&mut self, first: u32, out: &mut [u64]) {
        out.fill(0);
        for page in self.pages(first) {
            for (total, slot) in out.iter_mut().zip(&page.0[in_page(first)..]) {
                *total = total.wrapping_add(slot.load(Ordering::Relaxed));
            }
        }
    }

    #[inline]
    fn pages(&mut self, cell: u32) -> impl Iterator<Item = &'static Page> {
        if cell as usize / PAGE != self.page {
            self.turn_to(cell);
        }
        self.pages[..self.found].iter().copied().flatten()
    }

    #[cold]
    fn turn_to(&mut self, cell: u32) {
        self.page = cell as usize / PAGE;
        self.found = 0;
        for (slot, page) in self.pages.iter_mut().zip(self.cells.rows().filter_map(|row| row.page(cell))) {
            *slot = Some(page);
            self.found += 1;
        }
    }
}

/// Adds to a cell of the caller's own row: nobody else writes it.
#[inline(always)]
fn own_add(slot: &AtomicU64, n: u64) {
    slot.store(slot.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

#[inline(always)]
fn own_add_f64(slot: &AtomicU64, value: f64) {
    let sum = f64::from_bits(slot.load(Ordering::Relaxed)) + value;
    slot.store(sum.to_bits(), Ordering::Relaxed);
}

fn shared_add_f64(slot: &AtomicU64, value: f64) {
    let mut old = slot.load(Ordering::Relaxed);
    loop {
        let new = (f64::from_bits(old) + value).to_bits();
        match slot.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => old = now,
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;
