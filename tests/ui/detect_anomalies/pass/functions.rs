//! Functions of every kind that are watched.
#![forbid(unsafe_code)]

use monitor_runtime::anomaly;

#[monitor_runtime::detect_anomalies("ui_free", latency_threshold = 0.5, error_threshold = 0.01)]
fn free(number: u8) -> Result<u8, String> {
    let number: u8 = if number == 0 { "none".parse().map_err(|_| String::from("no number"))? } else { number };
    Ok(number)
}

#[monitor_runtime::detect_anomalies("ui_free", latency_threshold = "500ms", error_threshold = 0.01,)]
async fn free_async(number: u8) -> Result<u8, String> {
    std::future::ready(()).await;
    free(number)
}

#[monitor_runtime::detect_anomalies("ui_bare", latency_threshold = 1, crate = ::monitor_runtime)]
fn bare() {}

#[monitor_runtime::detect_anomalies("ui_generic")]
fn generic<'a, T: AsRef<str> + ?Sized, const N: usize>(text: &'a T) -> &'a str
where
    T: 'a,
{
    &text.as_ref()[N..]
}

#[monitor_runtime::detect_anomalies("ui_future")]
fn future(number: u8) -> impl Future<Output = Option<u8>> {
    async move { Some(number) }
}

struct Shop(Vec<u8>);

#[monitor_runtime::detect_anomalies("ui_block")]
impl Shop {
    fn last(&mut self) -> Option<&mut u8> {
        self.0.last_mut()
    }

    async fn size(&self) -> usize {
        self.0.len()
    }
}

trait Greets {
    fn name(&self) -> String;

    #[monitor_runtime::detect_anomalies("ui_trait")]
    fn greet(&self) -> String {
        format!("hello {}", self.name())
    }
}

impl Greets for Shop {
    #[monitor_runtime::detect_anomalies("ui_trait")]
    fn name(&self) -> String {
        self.0.len().to_string()
    }
}

fn main() {
    assert_eq!(free(1), Ok(1));
    assert!(free(0).is_err());
    assert_eq!(ui::run(free_async(2)), Ok(2));
    bare();
    assert_eq!(generic::<_, 1>("abc"), "bc");
    assert_eq!(ui::run(future(3)), Some(3));
    let mut shop = Shop(vec![7]);
    assert_eq!(shop.last(), Some(&mut 7));
    assert_eq!(ui::run(shop.size()), 1);
    assert_eq!(shop.greet(), "hello 1");

    anomaly::check().expect("one set of limits a name");
    let found = anomaly::recent();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].endpoint, found[0].reason), ("ui_free", anomaly::Reason::Exception));
    let watched: Vec<_> = anomaly::watched().iter().map(|place| (place.name, place.function)).collect();
    let functions = [
        ("ui_bare", "bare"),
        ("ui_block", "last"),
        ("ui_block", "size"),
        ("ui_free", "free"),
        ("ui_free", "free_async"),
        ("ui_future", "future"),
        ("ui_generic", "generic"),
        ("ui_trait", "greet"),
        ("ui_trait", "name"),
    ];
    assert_eq!(watched, functions);
}
