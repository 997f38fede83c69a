//! Pages as scrapes share them: made once for all who ask at the same time, off the threads that serve requests, and
//! handed out to a bounded number of scrapes. What is asked and answered over HTTP is the scrape's matter.

use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::rt::{task, time};
use actix_web::web::Bytes;
use flate2::{Compression, write::GzEncoder};
use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};

use crate::clock;
use crate::exposition::{Format, encode};
use crate::health::scrapes::{PAGE_BYTES, PAGE_SECONDS};

/// How many scrapes may wait for their turn; a line of these costs little, an endless one would not.
const WAITING: usize = 1_024;
/// How often a scrape that waits looks whether somebody reads too slowly.
const IMPATIENCE: Duration = Duration::from_millis(100);
/// How long a scraper may read while others wait for its place. All who wait look, so places come free the sooner the more
/// of them there are, and readers who take all places again and again hold up nobody who comes every few seconds.
const READING_SECONDS: f64 = 1.0;
/// What is written at once; then other requests of the thread have their turn.
const PIECE: usize = 32 * 1024;

/// How a page is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
}

/// A page that is made, or what was in the way.
type Made = Result<Bytes, Failure>;

/// The page could not be made: a collector panicked, or the runtime was shut down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure;

/// What all scrapes of one registry share, on however many threads and paths they come.
#[derive(Debug)]
pub(super) struct Pages {
    registry: Registry,
    in_flight: usize,
    /// One for each format and encoding.
    kinds: Mutex<[Kind; 4]>,
    places: Arc<Semaphore>,
    line: Semaphore,
    /// Who is being sent a page.
    readers: Mutex<Vec<Weak<Reader>>>,
}

/// The pages of one format and encoding.
#[derive(Debug, Default)]
struct Kind {
    /// How many have been begun.
    begun: u64,
    /// The one that is being made.
    making: Option<watch::Receiver<Option<Made>>>,
    /// The number of the one made last, kept while scrapes wait in line.
    last: Option<(u64, Made)>,
}

/// What a scrape asks for, and when it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    format: Format,
    encoding: Encoding,
    /// How many pages of the kind had been begun.
    begun: u64,
}

impl Wish {
    fn kind(self) -> usize {
        usize::from(self.format == Format::OpenMetrics) * 2 + usize::from(self.encoding == Encoding::Gzip)
    }
}

impl Pages {
    /// The pages of `registry`, of which `in_flight` are handed out at a time. The same for every caller that names the
    /// same registry and number, for as long as one of them lives.
    pub(super) fn of(registry: &Registry, in_flight: usize) -> Arc<Pages> {
        static ALL: Mutex<Vec<Weak<Pages>>> = Mutex::new(Vec::new());
        let mut all = lock(&ALL);
        all.retain(|pages| pages.strong_count() > 0);
        let known = all.iter().filter_map(Weak::upgrade);
        let mut known = known.filter(|pages| pages.in_flight == in_flight);
        if let Some(pages) = known.find(|pages| are_one(&pages.registry, registry)) {
            return pages;
        }
        let pages = Arc::new(Pages {
            registry: registry.clone(),
            in_flight,
            kinds: Mutex::default(),
            places: Arc::new(Semaphore::new(in_flight)),
            line: Semaphore::new(WAITING),
            readers: Mutex::default(),
        });
        all.push(Arc::downgrade(&pages));
        pages
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
            self.break_off_slowest();
            if let Ok(permit) = time::timeout(IMPATIENCE, next.as_mut()).await {
                return permit.ok().map(|permit| Place { _permit: permit });
            }
        }
    }

    /// Notes what a scrape asks for at the moment when it comes.
    pub(super) fn wish(&self, format: Format, encoding: Encoding) -> Wish {
        let mut wish = Wish { format, encoding, begun: 0 };
        wish.begun = lock(&self.kinds)[wish.kind()].begun;
        wish
    }

    /// The page as it is now, as it was at some time since it was wished for, or as it is being made for somebody else.
    /// It goes on being made when nobody waits for it any longer.
    pub(super) async fn page(self: &Arc<Self>, wish: Wish) -> Made {
        let mut making = match self.made_or_making(wish) {
            Ok(made) => return made,
            Err(making) => making,
        };
        match making.wait_for(Option::is_some).await {
            Ok(made) => made.clone().unwrap_or(Err(Failure)),
            // Whoever made it gave up.
            Err(_) => Err(Failure),
        }
    }

    fn made_or_making(self: &Arc<Self>, wish: Wish) -> Result<Made, watch::Receiver<Option<Made>>> {
        let (receiver, maker) = {
            let mut kinds = lock(&self.kinds);
            let kind = &mut kinds[wish.kind()];
            if let Some((_, made)) = kind.last.take_if(|(number, _)| *number > wish.begun) {
                // Kept for the next in line, as long as there is one.
                if self.somebody_waits() {
                    kind.last = Some((kind.begun, made.clone()));
                }
                return Ok(made);
            }
            if let Some(receiver) = &kind.making {
                return Err(receiver.clone());
            }
            let (sender, receiver) = watch::channel(None);
            kind.begun += 1;
            kind.making = Some(receiver.clone());
            kind.last = None;
            (receiver, Maker { pages: Arc::clone(self), wish, sender })
        };
        // Not awaited: the page belongs to all who wait, not to the one who came first and may leave.
        drop(task::spawn_blocking(move || maker.make()));
        Err(receiver)
    }

    fn somebody_waits(&self) -> bool {
        self.line.available_permits() < WAITING
    }

    /// Takes the place of the reader who has had it for longest, if that is too long.
    fn break_off_slowest(&self) {
        let mut readers = lock(&self.readers);
        readers.retain(|reader| reader.strong_count() > 0);
        let all = readers.iter().enumerate().filter_map(|(n, reader)| Some((n, reader.upgrade()?)));
        let all = all.map(|(n, reader)| (clock::seconds_since(reader.since), n, reader));
        let slowest = all.filter(|(seconds, ..)| *seconds > READING_SECONDS).max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, n, reader)) = slowest {
            // It may be there for long yet, until its scraper reads on or leaves.
            readers.swap_remove(n);
            lock(&reader.content).take();
        }
    }
}

/// One of the scrapes in flight; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// Who makes one page. Dropped early, by a panic or the end of the runtime, it tells those who wait.
struct Maker {
    pages: Arc<Pages>,
    wish: Wish,
    sender: watch::Sender<Option<Made>>,
}

impl Maker {
    fn make(self) {
        let start = clock::ticks();
        let page = write_page(&self.pages.registry, self.wish.format, self.wish.encoding);
        PAGE_SECONDS.observe(clock::seconds_since(start));
        let made = page.map_err(|_| Failure).map(|(page, bytes)| {
            PAGE_BYTES.observe(bytes as f64);
            Bytes::from(page)
        });
        self.end(self.pages.somebody_waits().then(|| made.clone()));
        self.sender.send_replace(Some(made));
    }

    /// Whoever asks from now on gets a page of his own: what is in this one may have changed.
    fn end(&self, kept: Option<Made>) {
        let mut kinds = lock(&self.pages.kinds);
        let kind = &mut kinds[self.wish.kind()];
        kind.making = None;
        kind.last = kept.map(|made| (kind.begun, made));
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        if self.sender.borrow().is_none() {
            self.end(None);
        }
    }
}

/// The page as it is sent, and how long it is as it is read.
fn write_page(registry: &Registry, format: Format, encoding: Encoding) -> io::Result<(Vec<u8>, usize)> {
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
    reader: Arc<Reader>,
    length: usize,
    sent: usize,
    /// Other requests have their turn before the next piece.
    pausing: bool,
}

#[derive(Debug)]
struct Reader {
    since: u64,
    /// None once it took too long.
    content: Mutex<Option<(Bytes, Place)>>,
}

impl Body {
    /// All of `page`; or its length alone, which is what HEAD asks for.
    pub(super) fn new(pages: &Pages, page: Bytes, place: Place, whole: bool) -> Body {
        let length = page.len();
        let reader = Arc::new(Reader { since: clock::ticks(), content: Mutex::new(Some((page, place))) });
        let mut readers = lock(&pages.readers);
        readers.retain(|reader| reader.strong_count() > 0);
        readers.push(Arc::downgrade(&reader));
        Body { reader, length, sent: if whole { 0 } else { length }, pausing: false }
    }
}

impl MessageBody for Body {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.sent >= self.length {
            return Poll::Ready(None);
        }
        if std::mem::replace(&mut self.pausing, false) {
            // It wakes us after the thread has looked for what else is ready; a plain wake would come before that.
            let _ = pin!(task::yield_now()).poll(context);
            return Poll::Pending;
        }
        let piece = {
            let content = lock(&self.reader.content);
            let Some((page, _)) = &*content else {
                return Poll::Ready(Some(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the scraper read too slowly while others waited",
                ))));
            };
            page.slice(self.sent..self.length.min(self.sent + PIECE))
        };
        self.sent += piece.len();
        self.pausing = true;
        Poll::Ready(Some(Ok(piece)))
    }
}

/// Whether two handles are one registry, which a registry does not say: what is put into one of them is then in the
/// other.
pub(super) fn are_one(a: &Registry, b: &Registry) -> bool {
    /// It is on no page, for it has no samples.
    struct Mark(Desc);
    impl Collector for Mark {
        fn desc(&self) -> Vec<&Desc> {
            vec![&self.0]
        }
        fn collect(&self) -> Vec<proto::MetricFamily> {
            Vec::new()
        }
    }
    let mark = || {
        let desc = Desc::new("monitor_mark".to_owned(), "A mark.".to_owned(), Vec::new(), Default::default());
        desc.map(|desc| Box::new(Mark(desc)) as Box<dyn Collector>)
    };
    let put = |registry: &Registry| mark().and_then(|mark| registry.register(mark));
    let take = |registry: &Registry| mark().and_then(|mark| registry.unregister(mark));
    if put(a).is_err() {
        return false;
    }
    let different = put(b).is_ok();
    // Both are our own marks, put there above.
    let _ = take(a);
    if different {
        let _ = take(b);
    }
    !different
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

    #[cfg(feature = "test-util")]
    #[test]
    fn a_reader_that_is_too_slow_loses_its_place_to_one_that_waits() {
        use std::future::poll_fn;

        let time = clock::Manual::start();
        let pages = Pages::of(&Registry::new(), 2);
        actix_web::rt::System::new().block_on(async {
            let place = async || pages.place().await.expect("a place");
            let reader = |place| Body::new(&pages, Bytes::from(vec![b'x'; 3 * PIECE]), place, true);
            let (mut slow, mut slower) = (reader(place().await), reader(place().await));
            time.advance(Duration::from_secs(1));
            let early = time::timeout(Duration::from_millis(1), place()).await;
            assert!(early.is_err(), "nobody has read for too long");
            time.advance(Duration::from_secs(1));
            let _third = place().await;
            let is_broken_off = |body: &Body| lock(&body.reader.content).is_none();
            assert!(is_broken_off(&slow) != is_broken_off(&slower), "one makes room for one");
            // The one that was broken off is there yet: what was sent to it before has not been read.
            let fourth = time::timeout(Duration::from_secs(10), place()).await;
            assert!(fourth.is_ok(), "the other makes room too");
            for body in [&mut slow, &mut slower] {
                let piece = poll_fn(|context| Pin::new(&mut *body).poll_next(context)).await;
                assert!(matches!(piece, Some(Err(_))));
            }
        });
    }

    #[test]
    fn a_body_is_its_page_in_pieces_with_pauses() {
        let pages = Pages::of(&Registry::new(), 1);
        let page: Vec<u8> = (0..PIECE * 2 + 1).map(|n| n as u8).collect();
        actix_web::rt::System::new().block_on(async {
            let place = pages.place().await.expect("a place");
            let body = Body::new(&pages, Bytes::from(page.clone()), place, true);
            let mut body = pin!(body);
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
            assert!(read == page);
            assert_eq!(pauses, 2);
        });
    }
}
