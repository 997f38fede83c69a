//! Pages as scrapes share them: made once for all who ask at the same time, off the threads that serve requests, and
//! kept while they are read. What is asked and answered over HTTP is the scrape's matter.

use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::rt::{task, time};
use actix_web::web::Bytes;
use flate2::{Compression, write::GzEncoder};
use prometheus::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};

use crate::clock;
use crate::exposition::{Format, encode};
use crate::health::scrapes::{PAGE_BYTES, PAGE_SECONDS};
use crate::metrics::registration::are_one;

/// How many scrapes may wait for a place; a line of these costs little, an endless one would not.
const WAITING: usize = 1_024;
/// How many pages may be kept at a time. However many read one of them, it costs what it costs one.
const ROOMS: usize = 8;
/// How long a page may be read while others want what its readers hold.
const READING_SECONDS: f64 = 1.0;
/// How often what waits for a place or for room looks whether somebody reads too slowly.
const IMPATIENCE: Duration = Duration::from_millis(20);
/// What is written at once; then other requests of the thread have their turn. A connection keeps a buffer of twice this
/// size from then on, which a thousand scrapers make a matter of megabytes.
const PIECE: usize = 8 * 1024;

/// How a page is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
}

/// A page that was made, or what was in the way.
type Made = Result<Arc<Page>, Failure>;

/// A page that is not there yet, for all who wait for it.
type Making = watch::Receiver<Option<Made>>;

/// The page could not be made: a collector panicked, or the runtime was shut down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure;

/// What all scrapes of one registry share, on however many threads and paths they come.
#[derive(Debug)]
pub(super) struct Pages {
    registry: Registry,
    in_flight: usize,
    reading_seconds: f64,
    places: Arc<Semaphore>,
    line: Semaphore,
    rooms: Arc<Semaphore>,
    /// One for each format and encoding.
    lines: Mutex<[Line; 4]>,
    /// One for each: whose turn it is to make one.
    turns: [Mutex<()>; 4],
    /// Those that are kept, the oldest first.
    kept: Mutex<Vec<Weak<Page>>>,
}

/// The pages of one kind, one after the other.
#[derive(Debug, Default)]
struct Line {
    /// How many have been begun.
    begun: u64,
    /// The one that is yet to be begun, for whoever comes until then.
    next: Option<Making>,
}

/// What a scrape asks for, and when it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    kind: Kind,
    /// How many pages of the kind had been begun.
    begun: u64,
}

/// Which of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) format: Format,
    pub(super) encoding: Encoding,
}

impl Kind {
    fn number(self) -> usize {
        usize::from(self.format == Format::OpenMetrics) * 2 + usize::from(self.encoding == Encoding::Gzip)
    }
}

impl Pages {
    /// The pages of `registry`, for `in_flight` scrapes at a time. The same for every caller that names the same registry
    /// and number, for as long as one of them lives.
    pub(super) fn of(registry: &Registry, in_flight: usize) -> Arc<Pages> {
        static ALL: Mutex<Vec<Weak<Pages>>> = Mutex::new(Vec::new());
        let mut all = lock(&ALL);
        all.retain(|pages| pages.strong_count() > 0);
        let known = all.iter().filter_map(Weak::upgrade);
        let mut known = known.filter(|pages| pages.in_flight == in_flight);
        if let Some(pages) = known.find(|pages| are_one(&pages.registry, registry)) {
            return pages;
        }
        let pages = Arc::new(Pages::new(registry, in_flight, READING_SECONDS));
        all.push(Arc::downgrade(&pages));
        pages
    }

    fn new(registry: &Registry, in_flight: usize, reading_seconds: f64) -> Pages {
        Pages {
            registry: registry.clone(),
            in_flight,
            reading_seconds,
            places: Arc::new(Semaphore::new(in_flight)),
            line: Semaphore::new(WAITING),
            rooms: Arc::new(Semaphore::new(ROOMS)),
            lines: Mutex::default(),
            turns: Default::default(),
            kept: Mutex::default(),
        }
    }

    /// Waits for a place, first come, first served. None when the line is full.
    pub(super) async fn place(&self) -> Option<Place> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => return Some(Place { _permit: permit }),
            Err(TryAcquireError::Closed) => return None,
            Err(TryAcquireError::NoPermits) => {}
        }
        let _in_line = self.line.try_acquire().ok()?;
        let mut next = pin!(Arc::clone(&self.places).acquire_owned());
        loop {
            self.break_off_oldest();
            if let Ok(permit) = time::timeout(IMPATIENCE, next.as_mut()).await {
                return permit.ok().map(|permit| Place { _permit: permit });
            }
        }
    }

    /// Notes what a scrape asks for at the moment when it comes.
    pub(super) fn wish(&self, kind: Kind) -> Wish {
        Wish { kind, begun: lock(&self.lines)[kind.number()].begun }
    }

    /// A page that was begun after it was wished for, so that nothing is missing which was there when the scrape came. It
    /// goes on being made when nobody waits for it any longer.
    pub(super) async fn page(self: &Arc<Self>, wish: Wish) -> Made {
        if let Some(page) = self.kept(wish) {
            return Ok(page);
        }
        match self.next(wish.kind).wait_for(Option::is_some).await {
            Ok(made) => made.clone().unwrap_or(Err(Failure)),
            // Whoever made it gave up.
            Err(_) => Err(Failure),
        }
    }

    /// Somebody else's page, for a scrape that has waited for its place meanwhile.
    fn kept(&self, wish: Wish) -> Option<Arc<Page>> {
        let kept = lock(&self.kept);
        let mut newest_first = kept.iter().rev().filter_map(Weak::upgrade);
        newest_first.find(|page| page.kind == wish.kind && page.number > wish.begun && lock(&page.content).is_some())
    }

    fn next(self: &Arc<Self>, kind: Kind) -> Making {
        let (next, maker) = {
            let mut lines = lock(&self.lines);
            let next = &mut lines[kind.number()].next;
            if let Some(next) = next {
                return next.clone();
            }
            let (sender, receiver) = watch::channel(None);
            *next = Some(receiver.clone());
            (receiver, Maker { pages: Arc::clone(self), kind, sender, begun: None })
        };
        // Not awaited: the page belongs to all who wait, not to the one who came first and may leave.
        drop(task::spawn_blocking(move || maker.make()));
        next
    }

    /// Room for one more page, once there is some. It blocks its thread, which is none that serves requests, and there
    /// are no more of these than two a kind of page. Whoever comes meanwhile waits for the same page, so that it does not
    /// matter how many come, nor how many of them read slowly.
    fn room(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            match Arc::clone(&self.rooms).try_acquire_owned() {
                Ok(room) => return Some(room),
                Err(TryAcquireError::Closed) => return None,
                Err(TryAcquireError::NoPermits) => {}
            }
            if !self.break_off_oldest() {
                thread::sleep(IMPATIENCE);
            }
        }
    }

    /// Takes the oldest page away from those who read it, if they have had it for too long.
    fn break_off_oldest(&self) -> bool {
        let mut kept = lock(&self.kept);
        kept.retain(|page| page.strong_count() > 0);
        let oldest = kept.first().and_then(Weak::upgrade);
        let Some(oldest) = oldest.filter(|page| clock::seconds_since(page.since) > self.reading_seconds) else {
            return false;
        };
        // It may be there for long yet, until its readers read on or leave.
        kept.remove(0);
        lock(&oldest.content).take();
        true
    }
}

/// One of the scrapes in flight; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A page that was made.
#[derive(Debug)]
pub(super) struct Page {
    kind: Kind,
    /// How many of its kind were begun with it.
    number: u64,
    since: u64,
    length: usize,
    /// None once its readers took too long.
    content: Mutex<Option<Content>>,
}

#[derive(Debug)]
struct Content {
    bytes: Bytes,
    /// Those of its readers.
    places: Vec<Place>,
    _room: OwnedSemaphorePermit,
}

/// Who makes one page. Dropped early, by a panic or the end of the runtime, it tells those who wait.
struct Maker {
    pages: Arc<Pages>,
    kind: Kind,
    sender: watch::Sender<Option<Made>>,
    begun: Option<u64>,
}

impl Maker {
    fn make(mut self) {
        let pages = Arc::clone(&self.pages);
        let _turn = lock(&pages.turns[self.kind.number()]);
        let Some(room) = pages.room() else { return };
        let number = self.begin();
        let start = clock::ticks();
        let page = write_page(&self.pages.registry, self.kind);
        PAGE_SECONDS.observe(clock::seconds_since(start));
        let made = page.map_err(|_| Failure).map(|(page, bytes)| {
            PAGE_BYTES.observe(bytes as f64);
            self.keep(page, number, room)
        });
        self.sender.send_replace(Some(made));
    }

    fn keep(&self, page: Vec<u8>, number: u64, room: OwnedSemaphorePermit) -> Arc<Page> {
        let length = page.len();
        let content = Content { bytes: Bytes::from(page), places: Vec::new(), _room: room };
        let mut kept = lock(&self.pages.kept);
        kept.retain(|page| page.strong_count() > 0);
        let content = Mutex::new(Some(content));
        let page = Arc::new(Page { kind: self.kind, number, since: clock::ticks(), length, content });
        kept.push(Arc::downgrade(&page));
        page
    }

    /// Whoever asks from now on gets the page after this one: what is in this one may have changed.
    fn begin(&mut self) -> u64 {
        let line = &mut lock(&self.pages.lines)[self.kind.number()];
        line.next = None;
        line.begun += 1;
        *self.begun.insert(line.begun)
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        if self.begun.is_none() {
            lock(&self.pages.lines)[self.kind.number()].next = None;
        }
    }
}

/// The page as it is sent, and how long it is as it is read.
fn write_page(registry: &Registry, Kind { format, encoding }: Kind) -> io::Result<(Vec<u8>, usize)> {
    let mut page = Vec::new();
    let bytes = match encoding {
        Encoding::Identity => {
            encode(registry, format, &mut page)?;
            page.len()
        }
        Encoding::Gzip => {
            let mut counted = Counted { inner: GzEncoder::new(&mut page, Compression::fast()), bytes: 0 };
            encode(registry, format, &mut counted)?;
            let Counted { inner, bytes } = counted;
            inner.finish()?;
            bytes
        }
    };
    Ok((page, bytes))
}

/// Counts what is written.
struct Counted<W> {
    inner: W,
    bytes: usize,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(part)?;
        self.bytes += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A page on its way to one scraper.
#[derive(Debug)]
pub(super) struct Body {
    page: Arc<Page>,
    sent: usize,
    /// Other requests have their turn before the next piece.
    pausing: bool,
}

impl Body {
    /// All of `page`; or its length alone, which is what HEAD asks for.
    pub(super) fn new(page: Arc<Page>, place: Place, whole: bool) -> Body {
        if let Some(content) = &mut *lock(&page.content) {
            content.places.push(place);
        }
        Body { sent: if whole { 0 } else { page.length }, page, pausing: false }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(content) = &mut *lock(&self.page.content) {
            // One is like another.
            content.places.pop();
        }
    }
}

impl MessageBody for Body {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.page.length as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.sent >= self.page.length {
            return Poll::Ready(None);
        }
        if std::mem::replace(&mut self.pausing, false) {
            // It wakes us after the thread has looked for what else is ready; a plain wake would come before that.
            let _ = pin!(task::yield_now()).poll(context);
            return Poll::Pending;
        }
        let piece = {
            let content = lock(&self.page.content);
            let Some(Content { bytes, .. }) = &*content else {
                return Poll::Ready(Some(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the scraper read too slowly while others waited",
                ))));
            };
            bytes.slice(self.sent..bytes.len().min(self.sent + PIECE))
        };
        self.sent += piece.len();
        self.pausing = true;
        Poll::Ready(Some(Ok(piece)))
    }
}

/// What stands behind these locks is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_known_again_by_any_of_its_handles() {
        let (one, other) = (Registry::new(), Registry::new());
        assert!(are_one(&one, &one.clone()));
        assert!(are_one(&one, &one.clone()), "asked twice");
        assert!(!are_one(&one, &other));
        assert!(one.gather().is_empty());

        let pages = Pages::of(&one, 8);
        assert!(Arc::ptr_eq(&pages, &Pages::of(&one.clone(), 8)));
        assert!(!Arc::ptr_eq(&pages, &Pages::of(&one, 9)));
        assert!(!Arc::ptr_eq(&pages, &Pages::of(&other, 8)));
    }

    const TEXT: Kind = Kind { format: Format::Text, encoding: Encoding::Identity };

    const AN_HOUR: f64 = 3_600.0;

    /// Pages of many pieces.
    fn long_pages(in_flight: usize, reading_seconds: f64) -> Arc<Pages> {
        let registry = Registry::new();
        let opts = prometheus::Opts::new("long", "A long family");
        let family = prometheus::GaugeVec::new(opts, &["number"]).expect("a name");
        (0..PIECE / 10).for_each(|number| family.with_label_values(&[&number.to_string()]).set(1.0));
        registry.register(Box::new(family)).expect("a fresh registry");
        Arc::new(Pages::new(&registry, in_flight, reading_seconds))
    }

    /// One who has read a piece of a page of its own.
    async fn slow_reader(pages: &Arc<Pages>) -> Body {
        let place = pages.place().await.expect("a place");
        let mut body = Body::new(pages.page(pages.wish(TEXT)).await.expect("a page"), place, true);
        assert!(matches!(next(&mut body).await, Some(Ok(_))));
        body
    }

    /// The next piece, after whatever pauses.
    async fn next(body: &mut Body) -> Option<io::Result<Bytes>> {
        std::future::poll_fn(|context| Pin::new(&mut *body).poll_next(context)).await
    }

    async fn is_broken_off(body: &mut Body) -> bool {
        matches!(next(body).await, Some(Err(_)))
    }

    #[test]
    fn slow_readers_of_all_pages_make_room_for_the_next() {
        let pages = long_pages(1_000, 0.0);
        actix_web::rt::System::new().block_on(async {
            let mut slow = Vec::new();
            for _ in 0..ROOMS {
                slow.push(slow_reader(&pages).await);
            }
            for _ in 0..100 {
                slow.push(Body::new(slow[0].page.clone(), pages.place().await.expect("a place"), true));
            }
            let _next = pages.page(pages.wish(TEXT)).await.expect("a page");
            let mut broken_off = 0;
            for body in &mut slow {
                broken_off += usize::from(is_broken_off(body).await);
            }
            assert_eq!(broken_off, 101, "all who read the oldest page, and nobody else");
            assert_eq!(pages.places.available_permits(), 1_000 - (ROOMS - 1));
            drop(slow);
            assert_eq!(pages.places.available_permits(), 1_000);
        });
    }

    #[test]
    fn nobody_is_broken_off_who_has_not_read_for_long() {
        let pages = long_pages(1_000, AN_HOUR);
        actix_web::rt::System::new().block_on(async {
            let mut readers = Vec::new();
            for _ in 0..ROOMS {
                readers.push(slow_reader(&pages).await);
            }
            let mut next = pin!(pages.page(pages.wish(TEXT)));
            assert!(time::timeout(5 * IMPATIENCE, next.as_mut()).await.is_err(), "there is no room");
            for body in &mut readers {
                assert!(!is_broken_off(body).await);
            }
            readers.pop();
            assert!(next.await.is_ok(), "somebody has read all, or left");
        });
    }

    #[test]
    fn one_who_reads_too_slowly_gives_its_place_to_one_who_comes() {
        for (reading_seconds, gives) in [(0.0, true), (AN_HOUR, false)] {
            let pages = long_pages(2, reading_seconds);
            actix_web::rt::System::new().block_on(async {
                let (mut first, mut second) = (slow_reader(&pages).await, slow_reader(&pages).await);
                let place = time::timeout(5 * IMPATIENCE, pages.place()).await;
                assert_eq!(place.is_ok(), gives);
                assert_eq!(is_broken_off(&mut first).await, gives);
                assert!(!is_broken_off(&mut second).await, "one makes room for one");
            });
        }
    }

    #[test]
    fn a_body_is_its_page_in_pieces_with_pauses() {
        let pages = long_pages(1, AN_HOUR);
        actix_web::rt::System::new().block_on(async {
            let place = pages.place().await.expect("a place");
            let page = pages.page(pages.wish(TEXT)).await.expect("a page");
            let whole = lock(&page.content).as_ref().expect("just made").bytes.clone();
            let mut body = pin!(Body::new(page, place, true));
            let (mut read, mut pauses) = (Vec::new(), 0);
            while let Some(piece) = std::future::poll_fn(|context| {
                let piece = body.as_mut().poll_next(context);
                pauses += usize::from(piece.is_pending());
                piece
            })
            .await
            {
                read.extend_from_slice(&piece.expect("not broken off"));
            }
            assert!(read == whole);
            assert_eq!(pauses, whole.len().div_ceil(PIECE) - 1);
        });
    }
}
