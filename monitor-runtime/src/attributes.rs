//! The manual of each macro, at its re-export; the macros themselves are in `monitor-macros`.

/// Declares metric families.
///
/// ```
/// use monitor_runtime::{LabelValue, metrics};
///
/// #[derive(Clone, Copy, LabelValue)]
/// pub enum Plan { Free, Paid }
///
/// metrics! {
///     /// Sessions opened
///     pub counter USER_SESSIONS = "user_sessions_total" { auth_method: &'static str };
///     /// Reports made, by customer
///     pub counter REPORTS = "reports_total" { plan: Plan, #[label(max = 50)] customer: &str } limit 500;
///     /// Time to make a report, in seconds
///     pub histogram REPORT_LATENCY = "report_latency_seconds" buckets [0.1, 0.5, 2.5];
///     /// Reports being made
///     pub gauge REPORTS_RUNNING = "reports_running";
/// }
///
/// USER_SESSIONS.with(USER_SESSIONS { auth_method: "password" }).inc();
/// REPORTS.with(REPORTS { plan: Plan::Paid, customer: "acme" }).add(3);
/// REPORT_LATENCY.observe(0.7);
/// REPORTS_RUNNING.set(2.0);
/// ```
///
/// # What is written
/// - The doc comment, required, is the metric's HELP.
/// - `counter`, `gauge` or `histogram`, the Rust name, and the name on the page. A counter's ends in `_total`.
/// - The labels and their types, in braces:
///
///   | type | values |
///   |---|---|
///   | `&'static str` | the program's own strings |
///   | `bool`, integers | as written |
///   | an enum with `#[derive(LabelValue)]` | known, so every series is on the page from the start |
///   | `#[label(max = N)] name: &str` | any string; after `N` distinct ones the rest reads `_overflow` |
///   | `#[label(user)] name: &str` | who a user is, as far as the policy for users tells them apart: [`UserLabel`](crate::UserLabel) |
///
/// - `buckets [..]` for a histogram: rising upper bounds, `+Inf` added. Without it:
///   0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10.
/// - `limit N`: how many series the family may have, 2,000 unless written. What comes after is counted in one series
///   whose labels all read `_overflow`, so totals stay exact.
/// - `growth N`: how many series it may gain in a second, 100 unless written, so that a flood of strange values cannot
///   fill it before the real ones come. Values written in the program are not held back.
/// - `registry PATH;` before the declarations puts them in another registry than the default one: the path of a
///   `static` that is, or dereferences to, a [`prometheus::Registry`]. `crate = PATH;` names a renamed
///   `monitor-runtime`.
///
/// # What it becomes
/// Each declaration is a `static` and a struct of the same name whose fields are the labels. So rustc itself reports a
/// label that is misspelt, missing or of the wrong type, and one `use` imports both. All declared families are on the
/// page before their first use. Two declarations with one name and one shape are one family; with two shapes,
/// [`register`](crate::register) names both places.
///
/// # What it refuses
/// A missing doc comment; a name that Prometheus does not take or that belongs to the samples of another metric; a
/// counter without `_total`; the labels `le` and `quantile`; buckets that do not rise; an unbounded string.
///
/// ```compile_fail
/// monitor_runtime::metrics! {
///     /// Sessions opened
///     counter USER_SESSIONS = "user_sessions" { customer: &str };
/// }
/// ```
#[doc(inline)]
pub use monitor_macros::metrics;

/// Counts, times or gauges the calls of a function.
///
/// ```
/// use monitor_runtime::{instrument, metrics};
///
/// metrics! {
///     /// Sessions opened
///     counter USER_SESSIONS = "user_sessions_total" { auth_method: &'static str };
/// }
///
/// struct WrongPassword;
///
/// #[instrument(counter = USER_SESSIONS, auth_method = "password")]
/// fn login(password: &str) -> Result<(), WrongPassword> {
///     if password == "lovelace" { Ok(()) } else { Err(WrongPassword) }
/// }
///
/// let _ = (login("lovelace"), login("guess"));
/// assert_eq!(USER_SESSIONS.with(USER_SESSIONS { auth_method: "password" }).value(), 1);
/// ```
///
/// # Arguments
/// | argument | meaning |
/// |---|---|
/// | `counter = PATH` | counts calls, those that succeeded unless `on` says otherwise |
/// | `histogram = PATH` | observes how long each call took, in seconds, whatever came of it |
/// | `gauge = PATH` | counts the calls in flight |
/// | `on = "success"`, `"failure"`, `"any"` | which calls the counter counts; failure is an error, a panic or a dropped call |
/// | `by = expr` | how much the counter counts: a `u64` over the arguments, 1 unless written |
/// | `outcome` | the label `outcome` reads how the call ended; declare it with the type [`Outcome`](crate::Outcome) |
/// | `labels(name = value, ..)` | labels whose names are options' names |
/// | `crate = path` | where `monitor-runtime` is, when renamed |
/// | `name = value` | any other name is a label |
///
/// A label's value is a literal, an expression over the arguments, or a closure over a reference to the result:
///
/// ```
/// # use monitor_runtime::{instrument, metrics};
/// # metrics! {
/// #     /// Orders placed
/// #     counter ORDERS = "orders_total" { #[label(max = 20)] shop: &str, size: &'static str };
/// # }
/// #[instrument(counter = ORDERS, shop = shop, size = |items| if *items > 9 { "large" } else { "small" })]
/// fn order(shop: &str, items: usize) -> usize {
///     items
/// }
/// # order("north", 12);
/// # assert_eq!(ORDERS.with(ORDERS { shop: "north", size: "large" }).value(), 1);
/// ```
///
/// All metrics of one attribute share its labels; for different labels use two attributes. An expression is evaluated
/// once, before the body; a closure once after it, whenever there is a result. When both are used, an argument that the
/// body consumes can be a label only if it is a reference or `Copy`. A call that panicked or was dropped has no result:
/// a label taken from it reads `_panic` or `_cancelled`.
///
/// # Outcomes
/// Success, refused (the caller's fault) or failure (ours). The type of the value says who knows:
///
/// | the value | its outcome |
/// |---|---|
/// | a [`ToOutcome`](crate::ToOutcome) | what it says |
/// | an `HttpResponse`, a `(R, StatusCode)` of actix-web; a `Response`, a `StatusCode`, a `(StatusCode, ..)` of the crate `http` (0.2 with the feature `actix`, 1 with `http`, which is on by default) | by its status: below 400 a success, 4xx refused, else a failure |
/// | `Json`, `Form`, `Redirect`, `HttpResponseBuilder`, anything `.customize()`d, any other type that implements `Responder`, such as `impl Responder` and your own | by the status of the answer that is sent, see below |
/// | `Option<R>`, `Either<L, R>`, a `Result` in a `Result` | as what is in it; a `None` in place of such an answer is refused, as its 404 is |
/// | `Result<T, E>` that is `Ok` | as `T` |
/// | `Result<T, E>` that is `Err` | never a success. By the error's `ToOutcome` (no credits are a refusal), else by its `ResponseError::status_code()`, else a failure; one that is answered below 400, with a redirect, say, is refused |
/// | anything else: texts, numbers, `()` | a success |
///
/// The type is looked at where the function is written, so a generic parameter counts as what its bounds say: `R: Responder`
/// is any responder, a bare `T` is anything else.
///
/// A responder says which answer it becomes only when the answer is made: JSON may turn out not to be serializable, and a
/// status that was set with `customize()` cannot be read. In a request that `OnBehalf` serves,
/// such a call is timed when it returns, and counted when its request is answered; that it is done in the scope of the
/// request is required, see [`scope`](crate::scope). Where `OnBehalf` does not see the answer, the call is a success.
///
/// An error whose `status_code()` is 500 may have another response: `error_response()` can be overridden alone. It is not
/// asked, because asking takes the response out of an `InternalError`. Such an error is counted by the answer too, if that
/// is 400 or above; otherwise, and without `OnBehalf`, it is a failure. `Monitor` always records
/// the status that is sent.
///
/// # What it becomes
/// The body runs in a block, a closure or an async block, between a few calls into this crate; the compiler says of it
/// what it says without the attribute, and clippy is shown the function as it was written. With literal labels the call site keeps its series: nothing is looked up, hashed,
/// locked or allocated. A future is measured from its first poll to its end: that of an `async fn`, and that returned
/// by a function as `impl Future` or a pinned box, as `#[async_trait]` makes it (the box is made again). On an `impl`
/// block it goes to every function that has a body and is not `const`.
///
/// # What it cannot see
/// - A future of a type with a name (`Ready<T>`, `Pin<Box<impl Future>>`) is measured until it is made, since it has to
///   stay what it is.
/// - A call made by a destructor while its thread unwinds looks like one that panics, where every value of the function is
///   a success.
/// - A `return` hidden in a macro of your own that has the name of one of std's (`vec!`), `log`'s or `tracing`'s: the value
///   is not seen, and the call is none of its outcome.
/// - That a function only calls itself, rustc sees unless its body stands in a closure; clippy sees it always.
/// - An `async fn` that returns `impl Fn(..)` needs the types of the closure's parameters written down.
///
/// # What it refuses
/// A `const fn`, a function without a body, any other item; a gauge with a label from the result.
///
/// # How it stacks
/// The lowest attribute is the outermost at run time: attributes expand from the top, and each wraps what is below it.
/// That is the reverse of Python's decorators.
///
/// It can be written above or below most attribute macros. These are tested, with every attribute of this crate in both
/// places: actix-web's routes and `test`, `async_backtrace::framed`, `async_recursion`, `async_trait`, `auto_impl`,
/// `autometrics`, axum's `debug_handler`, `bon::builder`, `cached`, `contracts`, `duplicate_item`, `fastrace::trace`,
/// `function_name::named`, `logcall`, `maybe_async`, `memoize`, `mockall::automock`, `multiversion`, `quickcheck`,
/// `recursive`, `rstest`, `serial_test::serial`, `test_case`, `test_context`, `test_log`, `tokio::main` and `tokio::test`,
/// `tracing::instrument`, `trait_variant` and `utoipa::path`. These cannot be combined:
///
/// | attribute | where | why, and what to do |
/// |---|---|---|
/// | `mockall::automock` on a trait | any attribute but `#[instrument]` on a method with a default body | the attribute is copied into the mock; annotate the method of the implementation |
/// | `cached` | above ours | the attribute is copied to both functions that it makes: a call that is not in the cache is counted, and paid, twice; write it below |
/// | `easy_ext::ext` | any attribute on a method | the attribute is copied to the trait, where the method has no body; call an annotated function |
/// | `ntest::timeout` | above ours | it reads the arguments of every attribute below it as literals; write it below |
/// | `maybe_async` without async | below `#[with_credits]` | it removes each `.await` that the attribute wrote; write it above |
/// | `quickcheck` | above `#[with_credits]` | it moves the attribute to a function that returns nothing; write it below |
///
/// A mocked method does not run the body of the real one, so it counts nothing: test an annotated method without its mock.
///
/// # In a static library
/// Families, paid operations and watched functions are listed before `main` runs, by code that the linker keeps in a
/// binary. In a `staticlib` that a program in another language links, the linker drops each object file that the program
/// does not refer to. The families of a dropped file appear on the page only after their first use. Link the library with
/// `--whole-archive` (`-force_load` on macOS), or refer to each family once at the start, as
/// `LOGINS.with(LOGINS { .. }).add(0)` does. A `cdylib` does not have this problem.
#[doc(inline)]
pub use monitor_macros::instrument;

/// Times the calls of a function: `#[instrument(histogram = PATH, ..)]` in one word.
///
/// ```
/// use monitor_runtime::{metrics, track_latency};
///
/// metrics! {
///     /// Time to export, in seconds
///     histogram EXPORT_LATENCY = "export_latency_seconds" { format: &'static str };
/// }
///
/// #[track_latency(EXPORT_LATENCY, format = "pdf")]
/// fn export() {}
///
/// export();
/// assert_eq!(EXPORT_LATENCY.with(EXPORT_LATENCY { format: "pdf" }).count(), 1);
/// ```
///
/// Every call is timed, also one that fails, panics or is dropped. It takes the histogram's path, then labels,
/// `labels(..)`, `outcome` and `crate` as [`instrument`] does, and refuses and stacks as it does. For a block there is
/// [`timer!`].
#[doc(inline)]
pub use monitor_macros::track_latency;

/// Watches a function for anomalies: its calls are judged by the detector of a name.
///
/// ```
/// use monitor_runtime::{anomaly, detect_anomalies};
///
/// #[detect_anomalies("credit_charging", latency_threshold = 0.5, error_threshold = 0.01)]
/// fn charge(credits: i64) -> Result<i64, String> {
///     if credits < 0 { Err("no such number".to_owned()) } else { Ok(credits) }
/// }
///
/// let _ = (charge(5), charge(-1));
/// let found = anomaly::recent();
/// assert_eq!((found[0].endpoint, found[0].reason), ("credit_charging", anomaly::Reason::Exception));
/// ```
///
/// # Arguments
/// | argument | meaning |
/// |---|---|
/// | `"name"`, first | the name that the calls are judged under, 1 to 128 bytes, none of them `_` at its beginning |
/// | `latency_threshold = 0.5` | the latency over which a call is abnormal, in seconds or as a text with a unit (`"500ms"`, `"2s"`, `"1.5m"`); more than 0, at most a day; learned unless written. Also a constant expression: an `f64` or `u64` in seconds, a `Duration`, or a `&str` |
/// | `error_threshold = 0.01` | the share of calls that may fail, more than 0, at most 1; learned unless written. Also a constant expression of type `f64` |
/// | `crate = path` | where `monitor-runtime` is, when renamed |
///
/// # What is judged
/// How long each call took and how it ended: success, refused, failure, as [`instrument`] tells them, a panic, or dropped.
/// A failure is the reason `exception`, a panic is `panic`; one that took too long is `high_latency`; and what the calls
/// are together may be an episode. A refused call is traffic and no failure; a dropped one too, unless it had taken too
/// long already. The page [`anomaly`](crate::anomaly) says what each reason means, and where it goes.
///
/// A name has one detector, however many places use it. A place without thresholds takes those of the others; two places
/// with different ones are an error, which [`anomaly::check`](crate::anomaly::check) gives, at the second.
///
/// # What it becomes
/// A guard in front of the body, as with [`instrument`]; the place keeps its detector, so that nothing is looked up. The
/// function is in [`anomaly::watched`](crate::anomaly::watched) before `main`.
///
/// # What it refuses
/// A threshold out of its range, or that is not constant; a `const fn`, a function without a body, any other item.
///
/// ```compile_fail
/// #[monitor_runtime::detect_anomalies("credit_charging", error_threshold = 1.5)]
/// fn charge() {}
/// ```
///
/// # How it stacks
/// As [`instrument`] does: the lowest attribute is the outermost at run time. Below `#[with_credits]` it judges what that
/// makes of the call, a refusal for want of credits too.
///
/// For a block there is the function [`detect_anomalies`](fn@crate::detect_anomalies).
#[doc(inline)]
pub use monitor_macros::detect_anomalies;

/// Times a scope: gives a [`Timer`](crate::Timer) that observes, in seconds, how long it lives.
///
/// ```
/// use monitor_runtime::{metrics, timer};
///
/// metrics! {
///     /// Time to export, in seconds
///     histogram EXPORT_LATENCY = "export_latency_seconds" { format: &'static str };
/// }
///
/// {
///     let _timer = timer!(EXPORT_LATENCY, format = "pdf");
///     // the work
/// }
/// assert_eq!(EXPORT_LATENCY.with(EXPORT_LATENCY { format: "pdf" }).count(), 1);
/// ```
///
/// With literal labels the place keeps its series, as an annotated function does.
#[doc(inline)]
pub use monitor_macros::timer;

/// Makes a function a paid one: credits are held before its body runs, captured when it succeeds, and given back in every
/// other case.
///
/// ```
/// use monitor_runtime::credits::{AccountId, Credits, CreditsError, Grant, Memory};
/// use monitor_runtime::scope::Scope;
/// use monitor_runtime::with_credits;
///
/// #[with_credits(cost = 5)]
/// fn report(pages: u32) -> Result<String, CreditsError> {
///     Ok(format!("{pages} pages"))
/// }
///
/// let credits = Credits::new(Memory::new());
/// let ada = AccountId::new("ada")?;
/// credits.grant(Grant::new(ada.clone(), 7)).wait()?;
///
/// // In an actix-web service the middleware `OnBehalf` opens the scope.
/// let scope = Scope::of("ada").ledger(credits.clone());
/// assert!(scope.run(|| report(3)).is_ok());
/// assert!(scope.run(|| report(3)).is_err_and(|error| error.to_string().contains("5 credits are required and 2 available")));
/// assert_eq!(credits.balance(ada).wait()?.available, 2);
/// # Ok::<(), CreditsError>(())
/// ```
///
/// # Arguments
/// | argument | meaning |
/// |---|---|
/// | `cost = 5` | what a call costs: a literal, or an expression over the arguments, any integer. 0 is free and asks no ledger; a negative one is refused before the body |
/// | `account = expr` | who pays: a string, an [`AccountId`](crate::credits::AccountId), an `Option` of one, or a [`Payer`](crate::credits::Payer). Unless written, the account of the current [scope](crate::scope) |
/// | `operation = ".."` | what is paid for, as the ledger and the metrics name it: a literal or a constant. Unless written, the module's path and the function's name |
/// | `ledger = expr` | a [`Credits`](crate::credits::Credits). Unless written, the scope's |
/// | `idempotency_key = expr` | a string, a [`Key`](crate::credits::Key) or an `Option` of one. Unless written, that of the scope's request |
/// | `when_down = "serve"` | while the store does not answer, serves unpaid and counts it; `"refuse"` unless written |
/// | `on_drop = "capture"` | a call that is dropped after its body began is paid, see below; `"void"` unless written |
/// | `crate = path` | where `monitor-runtime` is, when renamed |
///
/// Expressions are evaluated once, before the body, and only look at the arguments: they are not moved.
///
/// A body that turns out to cost less says so with [`credits::charge`](crate::credits::charge):
///
/// ```
/// # use monitor_runtime::{credits::{self, CreditsError}, with_credits};
/// #[with_credits(cost = words_max, operation = "answer")]
/// async fn answer(question: &str, words_max: u32) -> Result<String, CreditsError> {
///     let answer = question.to_uppercase();
///     credits::charge(answer.split(' ').count() as i64)?;
///     Ok(answer)
/// }
/// # drop(answer("", 1));
/// ```
///
/// # How a refusal is returned
/// The return type carries it. It is a `Result` whose error can be made from a
/// [`CreditsError`](crate::credits::CreditsError) (`actix_web::Error` is one), an actix-web `HttpResponse`, or a type
/// that implements [`Refusal`](crate::credits::Refusal). As a response it is
///
/// | | |
/// |---|---|
/// | 401 | nobody pays: no account |
/// | 500 | the program never said who pays: there is no [scope](crate::scope), because `OnBehalf` was forgotten or a task was spawned without [`scope::carry`](crate::scope::carry) ([`NoScope`](crate::credits::CreditsError::NoScope)); logged as an error, once for each operation |
/// | 402 | the account has not enough; the body, `application/problem+json`, has `required`, `available` and `operation` |
/// | 409 | the request was sent twice, see below |
/// | 400 | a cost below zero, a name that is none |
/// | 503 | the store does not answer: no work is given away |
///
/// # What is captured
/// A success is, by the rules of [`instrument`](crate::instrument#outcomes). A call that is refused, fails, panics or is
/// dropped (by a timeout, by a client that leaves) gives back what it held. An `Err` is never paid. The response of a
/// failed call is returned when its credits are back, so that a prompt retry finds them; that takes a second at most, and
/// then the ledger's keeper goes on. A panic and a dropped call cannot wait: their credits are back a moment later.
///
/// A value that is an answer, or becomes one (`HttpResponse`, any responder but texts), is settled by the status of the
/// answer that is sent, where `OnBehalf` sees it: nothing is captured for 400 or above, also if a
/// middleware within `OnBehalf` answered so. Until then the credits are held; what the body said with `credits::charge`
/// is fixed when it returns. Outside of a request such a value is settled by itself.
///
/// Any other value, such as a number or a `String`, is the result of a step, and is paid when it is there, whatever the
/// request comes to. What was captured in a request that was answered with 400 or above is logged, and counted in
/// `credit_charged_errors_total{operation}`.
///
/// The response of a success is returned when the capture is durable. When the store does not answer, the capture is tried
/// again for as long as the process lives, and the response is given when the capture is written to the file of
/// [captures that are owed](crate::credits::CreditsBuilder::owed_captures), or is
/// [held back](crate::credits::CreditsBuilder::settle_within) where there is none.
///
/// While a body runs its hold is renewed at half its life, however long that takes. Only if the store is away for the other
/// half does the hold expire under it: then its credits are free for others, and the call is charged afresh at its end.
///
/// # A client that leaves
/// What becomes of a call whose client is gone depends on the protocol, because actix-web tells the handler only of some:
///
/// | | the handler | recorded | the credits |
/// |---|---|---|---|
/// | HTTP/1.1, the connection is reset | is dropped at once | 499 | are given back |
/// | HTTP/1.1, the connection is closed (FIN), which may be half of it | runs to its end | its status | are taken |
/// | HTTP/2, the stream is reset (`RST_STREAM`) | runs to its end | its status | are taken |
/// | HTTP/2, the connection is lost, or closed with `GOAWAY` | runs to its end | its status | are taken |
/// | any, after the response's headers were ready | had returned | its status | are taken |
///
/// Over HTTP/2, actix-web 4 serves each stream in a task of its own and finds out that a stream was reset when it sends
/// the response. A timeout in the program drops the handler over either protocol.
///
/// Work that goes on without its call, as in `web::block` or in a spawned task, would be free for a client that resets
/// its connection. With `on_drop = "capture"` a call is paid if it is dropped after its body began; a panic still gives
/// back. Calls that were dropped are in `credit_abandoned_total{operation, credits}`, whose label reads `voided` or
/// `captured`. An `Idempotency-Key` of such a call was used: sent again, it is refused with 409.
///
/// What is captured stands in `credit_usage_total{operation, user_id}`, each call whose body ran in
/// `credit_operation_latency_seconds{operation}`, refusals in `credit_refusals_total{operation, reason}`, and what
/// `when_down = "serve"` gave away in `credit_unpaid_total{operation}`.
/// [`credits::operations`](crate::credits::operations) lists all that the program names.
///
/// # Streams and websockets
/// A body that is streamed, and a connection that is upgraded (to a websocket, say), is paid when its headers are ready,
/// before they are sent; how long it lasts, and how it ends, changes nothing then. A client that resets its connection
/// before them gives everything back; one that only closes it is served to the end by actix-web, and pays (HTTP/2: see
/// [above](#a-client-that-leaves)).
///
/// To pay for what was streamed, hold by hand and move the [`Held`](crate::credits::Held) into the stream. However that
/// ends, it is dropped:
///
/// ```
/// use monitor_runtime::credits::Held;
///
/// /// A credit for each chunk that was sent.
/// struct Metered {
///     held: Option<Held>,
///     chunks: i64,
/// }
///
/// impl Drop for Metered {
///     fn drop(&mut self) {
///         if let Some(held) = self.held.take() {
///             // Not waited for: the ledger's keeper sees to it. Of what is held, the rest is given back.
///             drop(held.capture_part(self.chunks));
///         }
///     }
/// }
/// ```
///
/// The hold of a [`Held`](crate::credits::Held) that lives is renewed, however long the stream takes.
///
/// # Sent twice
/// A request with an `Idempotency-Key` is paid once for each account and operation. Sent again while it is being served,
/// or after it was paid, it is refused with 409 and its body does not run: not charged twice, and not served twice for one
/// price. Sent again after it failed, it is a new attempt, because nothing was paid. The response of the first time is not
/// kept. When one request makes several calls of one operation, each has a key of its own.
///
/// Where `OnBehalf` sees the answer, a request with a key is paid as a whole: the calls that it
/// makes are captured when its answer is a success, and given back, all of them, when it is an error. So a request whose
/// second paid step failed can be sent again, and its first step runs again; each is paid once, when both have succeeded.
/// Elsewhere (in a [`Scope`](crate::scope::Scope) that the program enters itself) each call is paid when it returns, and is
/// refused when its key is used again: give a request of several steps a key for each.
///
/// Two bodies can run under one key only if the store was away while the first's hold had to be renewed, so that it expired.
/// Then the call that has the key pays, and the other is not charged (`credit_captures_late_total{result="duplicate"}`).
///
/// # What it becomes
/// A few calls around the body, which stays as it is to the compiler: [`instrument`](crate::instrument#what-it-becomes).
/// An `async fn`, and a function that returns `impl Future` or a pinned box (as `#[async_trait]` makes it), holds when it
/// is first polled. A function that is neither waits for the ledger on its thread, which on an executor's thread is right
/// only for a ledger that answers at once.
///
/// # What it cannot see
/// - A response that is made of the value where `OnBehalf` does not see it: outside of a request, or outside of the
///   middleware. Then a responder other than those that have a status is a success.
/// - The value waits for the capture, so a future can cross threads only if its value can.
/// - A function that is not `async` and returns `impl Future` keeps its arguments in that future, because its body may not
///   begin before the hold; in edition 2021 its type has to say so, with `+ use<'_>`.
///
/// # What it refuses
/// A function that returns nothing or has no way to say that it was refused, a `const fn`, any other item; a cost that is
/// negative, fractional or too large.
///
/// ```compile_fail
/// #[monitor_runtime::with_credits(cost = 5)]
/// async fn report() -> u32 {
///     3
/// }
/// ```
///
/// # How it stacks
/// The lowest attribute is the outermost at run time. So `#[with_credits]` above `#[instrument]` is measured with what it
/// refuses, and below it without. Neither order charges differently. It stands above or below `#[get]`, `#[tokio::main]`
/// and `#[async_trait]`; on an `impl` block it goes to every function that has a body, each for the same cost.
#[doc(inline)]
pub use monitor_macros::with_credits;

/// Makes an enum without fields a label value.
///
/// A variant reads as its name in snake case, or as `#[label("text")]` says. All values are known, so a family whose
/// labels all are such enums, or `bool`, has all its series from the start. `#[label(crate = path)]` on the enum names
/// a renamed `monitor-runtime`.
#[doc(inline)]
pub use monitor_macros::LabelValue;
