//! The series of one family: label values in, the first of the series' cells out, without a lock once it is known.
//! What stands in the cells is for [`cells`] to know, and what they mean for the family.
//!
//! A series is kept as the text that a scrape prints, and is found by comparing label values with that
//! text. Series are only ever added. Label values are cleaned before they are kept, their number is
//! bounded, and whatever goes beyond a bound is counted under `_overflow`, so that totals stay exact.

use std::array;
use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher};
use std::slice;

/// The model checker wants the same run again.
#[cfg(loom)]
use foldhash::fast::FixedState as RandomState;
#[cfg(not(loom))]
use foldhash::fast::RandomState;

use super::cells;
use super::label::Label;
use super::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use super::sync::{Mutex, OnceLock, lock};
use crate::clock;

/// What a label value beyond a bound reads.
const OVERFLOW: &str = "_overflow";
/// The longest label value, in bytes.
const LONGEST: usize = 128;
/// Up to so many bytes a label value is hashed and compared without a call.
const SHORT: usize = 16;
/// Ends a label value that was cut.
const CUT: char = '…';

/// The series of one family.
pub(crate) struct SeriesTable {
    labels: &'static [Label],
    cells_per_series: usize,
    reserve: fn(usize) -> Option<u32>,
    /// Its key is of this process, so that nobody outside can choose values that collide.
    hasher: RandomState,
    series: Set<Series>,
    /// For each of several labels whose values are bounded by their number, those told apart so far.
    known: Box<[Option<Set<Value>>]>,
    /// The series that takes what goes beyond a bound in every label, listed once it is used and never in
    /// `series`; of a family without labels, its one series.
    rest: Series,
    overflowed_partly: AtomicU64,
    overflowed_wholly: AtomicU64,
    adding: Mutex<Growth>,
}

impl SeriesTable {
    /// A table for `labels` with room for `limit` series. `None` when the cells are used up.
    pub(crate) fn new(
        labels: &'static [Label],
        limit: u32,
        growth: u32,
        cells_per_series: usize,
    ) -> Option<SeriesTable> {
        Self::with_cells(labels, limit, growth, cells_per_series, cells::reserve, cells::reserve_far)
    }

    fn with_cells(
        labels: &'static [Label],
        limit: u32,
        growth: u32,
        cells_per_series: usize,
        reserve: fn(usize) -> Option<u32>,
        reserve_far: fn(usize) -> Option<u32>,
    ) -> Option<SeriesTable> {
        let known = |label: &Label| label.most().map(|most| Set::new(most.min(limit)));
        // The values of a single label are its series, so what bounds the one bounds the other, and nothing is kept twice.
        let (limit, known) = match labels {
            [] => (0, Box::default()),
            [label] => (label.most().map_or(limit, |most| most.min(limit)), Box::default()),
            _ => (limit, labels.iter().map(known).collect()),
        };
        let rest = if labels.is_empty() { reserve(cells_per_series) } else { reserve_far(cells_per_series) };
        Some(SeriesTable {
            labels,
            cells_per_series,
            reserve,
            hasher: RandomState::default(),
            series: Set::new(limit),
            known,
            rest: Series::new(labels, &vec![OVERFLOW; labels.len()], 0, rest?),
            overflowed_partly: AtomicU64::new(0),
            overflowed_wholly: AtomicU64::new(0),
            adding: Mutex::new(Growth::new(growth)),
        })
    }

    /// The first cell of the series with exactly these label values, if there is one. No lock, no allocation.
    #[inline(never)]
    pub(crate) fn find(&self, values: &[&str]) -> Option<u32> {
        if values.len() != self.labels.len() {
            return None;
        }
        if values.is_empty() {
            return Some(self.rest.cell());
        }
        let found = self.series.find(self.hash(values), |series| series.reads(self.labels, values));
        found.map(Series::cell)
    }

    /// The first cell of the series that counts for these label values: theirs if there is room for it,
    /// else an overflow series.
    #[inline(always)]
    pub(crate) fn cell(&self, values: &[&str]) -> u32 {
        // Decided where the values come from, and there it is known how many they are.
        match values {
            [value] => self.cell_of_one(value),
            _ => self.cell_of_any(values),
        }
    }

    /// [`cell`](Self::cell) of one value. Where it is short, as most are, there is no loop and no call, which is half
    /// the work.
    #[inline(never)]
    fn cell_of_one(&self, value: &str) -> u32 {
        if let ([label], 0..=SHORT) = (self.labels, value.len()) {
            let hash = self.hash(slice::from_ref(&value));
            for series in self.series.candidates(hash) {
                if series.reads_short(label, value) {
                    return series.cell();
                }
            }
        }
        self.cell_of_other(value)
    }

    #[cold]
    fn cell_of_other(&self, value: &str) -> u32 {
        self.cell_of_any(&[value])
    }

    #[inline(never)]
    fn cell_of_any(&self, values: &[&str]) -> u32 {
        match self.find(values) {
            Some(cell) => cell,
            None => self.cell_for_new(values),
        }
    }

    /// How many series [`for_each`](Self::for_each) goes through.
    pub(crate) fn len(&self) -> usize {
        self.series.items.len() + usize::from(self.lists_rest())
    }

    /// How many lookups ended in `_overflow`, in all labels or in some.
    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed_partly.load(Ordering::Relaxed) + self.overflowed_wholly.load(Ordering::Relaxed)
    }

    /// Goes through the label text and the first cell of each series, in the order in which they came;
    /// the overflow series last, if it was ever used. No lock, no allocation.
    pub(crate) fn for_each(&self, f: &mut dyn FnMut(&str, u32)) {
        self.series.items.iter().for_each(|series| f(&series.text, series.cell()));
        if self.lists_rest() {
            f(&self.rest.text, self.rest.cell());
        }
    }

    fn lists_rest(&self) -> bool {
        self.labels.is_empty() || self.overflowed_wholly.load(Ordering::Relaxed) > 0
    }

    #[inline(always)]
    fn hash(&self, values: &[&str]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        for value in values {
            hasher.write(value.as_bytes());
        }
        hasher.finish() as u32
    }

    #[cold]
    #[inline(never)]
    fn cell_for_new(&self, values: &[&str]) -> u32 {
        self.cell_for(values, |_, growth| growth.allows())
    }

    /// [`cell`](Self::cell) for values that the program itself knows: no flood of them is to be feared.
    pub(crate) fn cell_of_known(&self, values: &[&str]) -> u32 {
        match self.find(values) {
            Some(cell) => cell,
            None => self.cell_for(values, |_, _| true),
        }
    }

    /// [`cell_of_known`](Self::cell_of_known) for values of which a client chooses some: together with all others they
    /// fill at most half of the table, so that there is room for those that the program chooses.
    #[cfg(feature = "actix")]
    pub(crate) fn cell_of_chosen(&self, values: &[&str]) -> u32 {
        match self.find(values) {
            Some(cell) => cell,
            None => self.cell_for(values, |table, _| table.series.items.len() < table.series.limit() / 2),
        }
    }

    /// How many series there may be, besides the one for what overflows.
    pub(crate) fn limit(&self) -> usize {
        self.series.limit()
    }

    /// Makes room for so many series, and for so many values of one label. What has more keeps it.
    #[cfg(feature = "actix")]
    pub(crate) fn raise(&self, limit: u32, label: &str, values: u32) {
        let _adding = lock(&self.adding);
        self.series.raise(limit);
        for (known, label) in self.known.iter().zip(self.labels.iter().map(|of| of.name == label)) {
            if let (Some(known), true) = (known, label) {
                known.raise(values);
            }
        }
    }

    fn cell_for(&self, values: &[&str], may_grow: fn(&Self, &mut Growth) -> bool) -> u32 {
        if values.len() != self.labels.len() {
            return self.overflow();
        }
        let cleaned: Vec<Cow<'_, str>> = values.iter().map(|value| clean(value)).collect();
        let mut values: Vec<&str> = cleaned.iter().map(|value| &**value).collect();
        // First without the lock: a flood of values beyond a bound should hinder nobody.
        if let Some(cell) = self.cell_without_adding(&mut values) {
            return cell;
        }
        let mut growth = lock(&self.adding);
        if let Some(cell) = self.cell_without_adding(&mut values) {
            return cell;
        }
        if !may_grow(self, &mut growth) {
            return self.overflow();
        }
        let Some(cell) = (self.reserve)(self.cells_per_series) else {
            return self.overflow();
        };
        for (known, value) in self.known.iter().zip(&values) {
            if let Some(known) = known
                && *value != OVERFLOW
                && !self.knows(known, value)
            {
                known.push(Value { text: (*value).into(), hash: self.hash(&[value]) });
            }
        }
        self.series.push(Series::new(self.labels, &values, self.hash(&values), cell));
        self.count(cell, &values)
    }

    /// Replaces each value that is beyond its label's bound, then looks the series up; `None` if it is to be added.
    fn cell_without_adding(&self, values: &mut [&str]) -> Option<u32> {
        for (known, value) in self.known.iter().zip(&mut *values) {
            if let Some(known) = known
                && known.is_full()
                && !self.knows(known, value)
            {
                *value = OVERFLOW;
            }
        }
        if let Some(cell) = self.find(values) {
            return Some(self.count(cell, values));
        }
        if self.series.is_full() || values.iter().all(|value| *value == OVERFLOW) {
            return Some(self.overflow());
        }
        None
    }

    fn knows(&self, known: &Set<Value>, value: &str) -> bool {
        known.find(self.hash(&[value]), |known| *known.text == *value).is_some()
    }

    fn count(&self, cell: u32, values: &[&str]) -> u32 {
        if values.contains(&OVERFLOW) {
            self.overflowed_partly.fetch_add(1, Ordering::Relaxed);
        }
        cell
    }

    fn overflow(&self) -> u32 {
        self.overflowed_wholly.fetch_add(1, Ordering::Relaxed);
        self.rest.cell()
    }
}

/// How many series may come now: a bucket of a second's worth, filled as time goes by. So a flood of strange values
/// cannot fill the family before the real ones come.
struct Growth {
    a_second: f64,
    left: f64,
    since: u64,
}

impl Growth {
    fn new(a_second: u32) -> Growth {
        // Since ever: nothing is missing yet, and whoever makes the family may have another clock than who uses it.
        Growth { a_second: a_second.into(), left: a_second.into(), since: 0 }
    }

    fn allows(&mut self) -> bool {
        let seconds = clock::seconds_since(self.since);
        // Not for every look, which would lose what is less than a tick.
        if seconds > 0.001 {
            self.left = (self.left + seconds * self.a_second).min(self.a_second);
            self.since = clock::ticks();
        }
        let allows = self.left >= 1.0;
        if allows {
            self.left -= 1.0;
        }
        allows
    }
}

/// One series: 24 bytes beside its text.
struct Series {
    /// The labels as they stand on the page, `plan="free",region="eu"`.
    text: Box<str>,
    hash: u32,
    /// The first cell, and the flag [`Self::ESCAPED`].
    cell: u32,
}

impl Series {
    /// The text has a backslash in it.
    const ESCAPED: u32 = 1 << 31;

    fn new(labels: &[Label], values: &[&str], hash: u32, cell: u32) -> Series {
        // With room for what it takes: text that grew keeps room at the allocator's, and a scrape reads past it.
        let mut text = String::with_capacity(characters(labels, values).map(char::len_utf8).sum());
        text.extend(characters(labels, values));
        let escaped = if text.contains('\\') { Self::ESCAPED } else { 0 };
        Series { text: text.into(), hash, cell: cell | escaped }
    }

    #[inline]
    fn cell(&self) -> u32 {
        self.cell & !Self::ESCAPED
    }

    /// Whether this is the series with these label values.
    #[inline(always)]
    fn reads(&self, labels: &[Label], values: &[&str]) -> bool {
        self.reads_plain(labels, values) || self.cell & Self::ESCAPED != 0 && self.reads_escaped(labels, values)
    }

    /// [`reads`](Self::reads) for a text without escapes; false for any other.
    ///
    /// A text without escapes has two quotes a label and no others. So if each value stands between quotes where it
    /// should, all of them are used up: nothing is left over, and the names need no second look.
    #[inline(always)]
    fn reads_plain(&self, labels: &[Label], values: &[&str]) -> bool {
        if self.cell & Self::ESCAPED != 0 {
            return false;
        }
        let mut rest = self.text.as_bytes();
        for (label, value) in labels.iter().zip(values) {
            let Some(([.., b'"'], after)) = rest.split_at_checked(label.name.len() + 2) else {
                return false;
            };
            let Some((quoted, [b'"', after @ ..])) = after.split_at_checked(value.len()) else {
                return false;
            };
            if !same(quoted, value.as_bytes()) {
                return false;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        true
    }

    /// [`reads_plain`](Self::reads_plain) of a single label with a short value: between its name and the last quote there
    /// is nothing else.
    #[inline(always)]
    fn reads_short(&self, label: &Label, value: &str) -> bool {
        if self.cell & Self::ESCAPED != 0 {
            return false;
        }
        let Some(quoted) = self.text.as_bytes().get(label.name.len() + 2..) else { return false };
        quoted.len() == value.len() + 1 && starts_short(quoted, value.as_bytes())
    }

    #[cold]
    #[inline(never)]
    fn reads_escaped(&self, labels: &[Label], values: &[&str]) -> bool {
        characters(labels, values).eq(self.text.chars())
    }
}

/// `a == b`, without a call for label values of the usual length: a fifth of a lookup.
#[inline(always)]
fn same(a: &[u8], b: &[u8]) -> bool {
    if b.len() > SHORT { a == b } else { a.len() == b.len() && starts_short(a, b) }
}

/// Whether `a`, which is not the shorter one, starts with the at most [`SHORT`] bytes of `b`.
#[inline(always)]
fn starts_short(a: &[u8], b: &[u8]) -> bool {
    let a = &a[..b.len()];
    match b.len() {
        8.. => same_ends::<8>(a, b),
        4..8 => same_ends::<4>(a, b),
        2..4 => same_ends::<2>(a, b),
        _ => a.first() == b.first(),
    }
}

/// Whether the first `N` bytes and the last `N`, which may overlap, are the same.
#[inline]
fn same_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

/// A value of a label whose values are bounded by their number.
struct Value {
    text: Box<str>,
    hash: u32,
}

/// The text of a series, with `\\` and `"` escaped. A line feed needs no escape: [`clean`] leaves none.
fn characters(labels: &[Label], values: &[&str]) -> impl Iterator<Item = char> {
    labels.iter().zip(values).enumerate().flat_map(|(number, (label, value))| {
        let comma = (number > 0).then_some(',');
        let value = value.chars().flat_map(|c| {
            let escape = matches!(c, '\\' | '"').then_some('\\');
            escape.into_iter().chain([c])
        });
        comma.into_iter().chain(label.name.chars()).chain(['=', '"']).chain(value).chain(['"'])
    })
}

/// A label value as it can stand on the page: at most [`LONGEST`] bytes, cut with a mark, and nothing in
/// it that some reader may take for the end of a line.
fn clean(value: &str) -> Cow<'_, str> {
    let unfit = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if value.len() <= LONGEST && !value.contains(unfit) {
        return Cow::Borrowed(value);
    }
    let mut cleaned = String::with_capacity(LONGEST);
    let mut room_for_mark = 0;
    for c in value.chars() {
        let c = if unfit(c) { char::REPLACEMENT_CHARACTER } else { c };
        if cleaned.len() + c.len_utf8() > LONGEST {
            cleaned.truncate(room_for_mark);
            cleaned.push(CUT);
            break;
        }
        cleaned.push(c);
        if cleaned.len() + CUT.len_utf8() <= LONGEST {
            room_for_mark = cleaned.len();
        }
    }
    Cow::Owned(cleaned)
}

/// Things that are found by hash and comparison, and counted up to a limit.
///
/// `push` is called by one thread at a time; everything else at any time, without a lock.
struct Set<T> {
    limit: AtomicUsize,
    items: List<T>,
    index: Index,
}

trait Hashed {
    fn hash(&self) -> u32;
}

impl Hashed for Series {
    fn hash(&self) -> u32 {
        self.hash
    }
}

impl Hashed for Value {
    fn hash(&self) -> u32 {
        self.hash
    }
}

impl<T: Hashed> Set<T> {
    fn new(limit: u32) -> Set<T> {
        let limit = (limit as usize).min(Index::LARGEST);
        Set { limit: AtomicUsize::new(limit), items: List::new(limit), index: Index::new() }
    }

    fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Called by one thread at a time, as `push` is.
    #[cfg(feature = "actix")]
    fn raise(&self, limit: u32) {
        let limit = (limit as usize).min(Index::LARGEST);
        if limit > self.limit() {
            self.items.make_room();
            self.limit.store(limit, Ordering::Relaxed);
        }
    }

    fn is_full(&self) -> bool {
        self.items.len() >= self.limit()
    }

    #[inline(always)]
    fn find(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<&T> {
        self.candidates(hash).find(|item| is(item))
    }

    /// The items that may have this hash.
    #[inline(always)]
    fn candidates(&self, hash: u32) -> impl Iterator<Item = &T> {
        self.index.candidates(hash).filter_map(|number| self.items.get(number))
    }

    fn push(&self, item: T) {
        let hash = item.hash();
        if let Some(number) = self.items.push(item) {
            self.index.add(hash, number, || self.items.iter().map(T::hash));
        }
    }
}

/// A list that only grows, in pages that never move.
struct List<T> {
    pages: Pages<T>,
    /// After those, once the limit was raised.
    more: OnceLock<Pages<T>>,
    len: AtomicUsize,
}

type Pages<T> = Box<[OnceLock<Box<ListPage<T>>>]>;

type ListPage<T> = [OnceLock<T>; LIST_PAGE];
const LIST_PAGE: usize = if cfg!(loom) { 2 } else { 32 };

impl<T> List<T> {
    fn new(limit: usize) -> List<T> {
        let pages = (0..limit.div_ceil(LIST_PAGE)).map(|_| OnceLock::new()).collect();
        List { pages, more: OnceLock::new(), len: AtomicUsize::new(0) }
    }

    /// For as many as an index holds: half a megabyte, so only where it is asked for.
    #[cfg(feature = "actix")]
    fn make_room(&self) {
        let pages = Index::LARGEST.div_ceil(LIST_PAGE).saturating_sub(self.pages.len());
        self.more.get_or_init(|| (0..pages).map(|_| OnceLock::new()).collect());
    }

    #[inline(always)]
    fn page(&self, number: usize) -> Option<&OnceLock<Box<ListPage<T>>>> {
        match self.pages.get(number) {
            Some(page) => Some(page),
            None => self.later_page(number - self.pages.len()),
        }
    }

    #[cold]
    fn later_page(&self, number: usize) -> Option<&OnceLock<Box<ListPage<T>>>> {
        self.more.get()?.get(number)
    }

    fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn get(&self, number: usize) -> Option<&T> {
        self.page(number / LIST_PAGE)?.get()?[number % LIST_PAGE].get()
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        // Page by page: nothing is looked up, and the items have no gaps.
        let pages = self.pages.iter().chain(self.more.get().into_iter().flatten());
        pages.map_while(OnceLock::get).flat_map(|page| page.iter()).map_while(OnceLock::get)
    }

    /// The number that `item` got.
    fn push(&self, item: T) -> Option<usize> {
        let number = self.len();
        let page = self.page(number / LIST_PAGE)?.get_or_init(|| Box::new(array::from_fn(|_| OnceLock::new())));
        page[number % LIST_PAGE].set(item).ok()?;
        self.len.store(number + 1, Ordering::Release);
        Some(number)
    }
}

/// From hashes to numbers: open addressing, in tables of which each is twice as large as the one before.
/// A reader that still looks into an old table misses at worst what is new.
struct Index {
    tables: [OnceLock<Box<[AtomicU32]>>; Index::TABLES],
    /// How many tables there are; the last one holds everything.
    made: AtomicUsize,
}

impl Index {
    /// The lower bits of an entry are the number, plus 1; an entry of 0 is free. The upper ones are those of the hash.
    const NUMBER_BITS: u32 = 20;
    const NUMBER: u32 = (1 << Self::NUMBER_BITS) - 1;
    /// The most things in an index.
    const LARGEST: usize = Self::NUMBER as usize;
    /// Entries of the first table.
    const FIRST: usize = if cfg!(loom) { 2 } else { 32 };
    const TABLES: usize = if cfg!(loom) { 4 } else { 17 };

    fn new() -> Index {
        Index { tables: array::from_fn(|_| OnceLock::new()), made: AtomicUsize::new(0) }
    }

    /// The numbers of the things that may have this hash.
    #[inline(always)]
    fn candidates(&self, hash: u32) -> Candidates<'_> {
        let made = self.made.load(Ordering::Acquire);
        let table = self.tables.get(made.wrapping_sub(1)).and_then(OnceLock::get);
        Candidates { table: table.map_or(&[], |table| table), hash, at: hash as usize }
    }

    /// Adds `number`, the last of `hashes`. One thread at a time.
    fn add<I: Iterator<Item = u32>>(&self, hash: u32, number: usize, hashes: impl Fn() -> I) {
        let made = self.made.load(Ordering::Relaxed);
        let table = made.checked_sub(1).and_then(|last| self.tables.get(last)?.get());
        match table {
            Some(table) if (number + 1) * 4 <= table.len() * 3 => Self::place(table, hash, number),
            _ => {
                let Some(next) = self.tables.get(made) else {
                    return;
                };
                let table: Box<[AtomicU32]> = (0..Self::FIRST << made).map(|_| AtomicU32::new(0)).collect();
                for (number, hash) in hashes().enumerate() {
                    Self::place(&table, hash, number);
                }
                if next.set(table).is_ok() {
                    self.made.store(made + 1, Ordering::Release);
                }
            }
        }
    }

    fn place(table: &[AtomicU32], hash: u32, number: usize) {
        let mask = table.len() - 1;
        let mut at = hash as usize & mask;
        while table[at].load(Ordering::Relaxed) != 0 {
            at = (at + 1) & mask;
        }
        table[at].store(hash & !Self::NUMBER | (number + 1) as u32, Ordering::Release);
    }
}

struct Candidates<'a> {
    table: &'a [AtomicU32],
    hash: u32,
    at: usize,
}

impl Iterator for Candidates<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        // Ends, because a quarter of the entries is free.
        loop {
            let entry = self.table.get(self.at & self.table.len().wrapping_sub(1))?.load(Ordering::Acquire);
            self.at = self.at.wrapping_add(1);
            if entry == 0 {
                return None;
            }
            if (entry ^ self.hash) >> Index::NUMBER_BITS == 0 {
                return Some((entry & Index::NUMBER) as usize - 1);
            }
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;
