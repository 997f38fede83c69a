//! Which families stand on a page, in which order, and what they show; the text is the encoder's.

use prometheus::Registry;

use super::{
    foreign,
    names::Names,
    sample::{Point, Series, Show, Type},
};
use crate::{
    health::{self, Trouble},
    metrics::{
        cells, exemplar,
        family::{Core, Kind},
        registration,
    },
};

/// The families of a registry that may be written together. Keeps its memory from one scrape to the next.
#[derive(Default)]
pub(crate) struct Page {
    ours: Vec<Entry<&'static Core>>,
    foreign: Vec<Entry<foreign::Family>>,
    found: Vec<&'static Core>,
    names: Names,
}

struct Entry<F> {
    family: F,
    typed: bool,
}

impl Page {
    /// Fills the page with what is registered now.
    pub(crate) fn gather(&mut self, registry: &Registry) {
        self.clear();
        let mut gathered = registration::gather(registry, &mut self.found);
        self.found.sort_unstable_by_key(|core| core.name);
        gathered.extend(health::of(&self.found));
        self.ours.extend(self.found.drain(..).map(|family| Entry { family, typed: true }));
        for found in gathered {
            match foreign::Family::accept(&found) {
                Some(family) => self.foreign.push(Entry { family, typed: true }),
                None => health::trouble(Trouble::FamilyLeftOut),
            }
        }
        self.foreign.sort_by(|a, b| a.family.name.cmp(&b.family.name));
        self.share_names();
    }

    /// Gives up what was gathered, but not the memory for our own families.
    pub(crate) fn clear(&mut self) {
        self.ours.clear();
        self.foreign.clear();
        self.found.clear();
        self.names.clear();
    }

    /// The families in the order of their names, each with whether OpenMetrics may call a counter a counter.
    pub(crate) fn families(&self) -> impl Iterator<Item = (Family<'_>, bool)> {
        let mut ours = self.ours.iter().map(|entry| (Family::Ours(entry.family), entry.typed)).peekable();
        let mut foreign = self.foreign.iter().map(|entry| (Family::Foreign(&entry.family), entry.typed)).peekable();
        std::iter::from_fn(move || match (ours.peek(), foreign.peek()) {
            (Some((a, _)), Some((b, _))) if a.name() > b.name() => foreign.next(),
            (None, _) => foreign.next(),
            (Some(_), _) => ours.next(),
        })
    }

    /// Leaves out whoever writes a name that is taken. Ours come first: they were here by declaration.
    fn share_names(&mut self) {
        let names = &mut self.names;
        self.ours.retain(|entry| owns(names, Family::Ours(entry.family)));
        self.foreign.retain(|entry| owns(names, Family::Foreign(&entry.family)));
        // Only now is it known which names are free for what a counter does not write, but means.
        for entry in &mut self.ours {
            entry.typed = is_counter(names, Family::Ours(entry.family));
        }
        for entry in &mut self.foreign {
            entry.typed = is_counter(names, Family::Foreign(&entry.family));
        }
    }
}

fn owns(names: &mut Names, family: Family<'_>) -> bool {
    let kind = family.kind();
    // OpenMetrics keeps `_created` for a histogram and a summary, whether they write it or not.
    let owns = names.take(family.name(), kind.suffixes())
        && (!matches!(kind, Type::Histogram | Type::Summary) || names.take(family.name(), &["_created"]));
    if !owns {
        health::trouble(Trouble::FamilyLeftOut);
    }
    owns
}

/// In OpenMetrics a counter `x_total` is the family `x` and keeps `x_created` too. Where another family has one of
/// these (a gauge `x` beside it is common), or where the name has no `_total`, the counter is written as of unknown
/// type, under its full name: so both families keep their samples.
fn is_counter(names: &mut Names, family: Family<'_>) -> bool {
    family.kind() != Type::Counter
        || family.name().strip_suffix("_total").is_some_and(|base| names.take(base, &["", "_created"]))
}

/// A family on the page.
#[derive(Clone, Copy)]
pub(crate) enum Family<'a> {
    Ours(&'static Core),
    Foreign(&'a foreign::Family),
}

impl<'a> Family<'a> {
    pub(crate) fn name(self) -> &'a str {
        match self {
            Family::Ours(core) => core.name,
            Family::Foreign(family) => &family.name,
        }
    }

    pub(crate) fn help(self) -> &'a str {
        match self {
            Family::Ours(core) => core.help,
            Family::Foreign(family) => &family.help,
        }
    }

    /// A counter named `_total` is of unknown type in either format: without its ending it has no name, and Python's
    /// parser of the text takes the ending off.
    pub(crate) fn kind(self) -> Type {
        let kind = match self {
            Family::Ours(core) => match core.kind {
                Kind::Counter => Type::Counter,
                Kind::Gauge => Type::Gauge,
                Kind::Histogram => Type::Histogram,
            },
            Family::Foreign(family) => family.kind,
        };
        if kind == Type::Counter && self.name() == "_total" { Type::Unknown } else { kind }
    }

    /// Shows each series once; `counts` is working space.
    pub(crate) fn for_each(self, counts: &mut Vec<u64>, to: &mut impl Show) {
        let core = match self {
            Family::Ours(core) => core,
            Family::Foreign(family) => return family.series.iter().for_each(|series| to.show(&series.borrow())),
        };
        let mut reader = cells::reader();
        // The kind is asked once and not for every series: this is most of what a scrape does.
        match core.kind {
            Kind::Counter => core.series.for_each(&mut |labels, cell| {
                to.show(&Series { labels, point: Point::Integer(reader.sum(cell)), timestamp: None });
            }),
            Kind::Gauge => core.series.for_each(&mut |labels, cell| {
                to.show(&Series { labels, point: Point::Float(cells::gauge(cell)), timestamp: None });
            }),
            Kind::Histogram => {
                let exemplars = exemplar::any();
                counts.clear();
                counts.resize(core.bounds.len() + 1, 0);
                core.series.for_each(&mut |labels, cell| {
                    reader.sums(cell, counts);
                    let mut count = 0u64;
                    for bucket in counts.iter_mut() {
                        count = count.wrapping_add(*bucket);
                        *bucket = count;
                    }
                    let sum = reader.sum_f64(sum_cell(core, cell));
                    to.show(&Series {
                        labels,
                        point: Point::Histogram {
                            bounds: core.bounds,
                            counts,
                            sum,
                            exemplars: exemplars.then_some(cell),
                        },
                        timestamp: None,
                    });
                });
            }
        }
    }

    /// Whether sum and count only rise, which OpenMetrics asks of a histogram and of a summary: no bound, quantile
    /// or sum is below zero.
    pub(crate) fn rises(self) -> bool {
        let mut rises = true;
        match self {
            Family::Ours(core) if core.kind == Kind::Histogram => {
                rises = core.bounds.first().is_none_or(|bound| *bound >= 0.0);
                let mut reader = cells::reader();
                core.series.for_each(&mut |_, cell| rises &= reader.sum_f64(sum_cell(core, cell)) >= 0.0);
            }
            Family::Ours(_) => {}
            Family::Foreign(family) => family.series.iter().for_each(|series| rises &= series.borrow().point.rises()),
        }
        rises
    }
}

/// Behind the buckets, the last of which is infinite. All cells of a series are in one page of 1,024.
fn sum_cell(core: &Core, first: u32) -> u32 {
    first.wrapping_add(core.bounds.len() as u32 + 1)
}

#[cfg(test)]
mod tests {
    use prometheus::core::{Collector, Desc};
    use prometheus::proto::{Metric, MetricFamily};

    use super::*;
    use crate::assert_delta;
    use crate::metrics::trouble::INSTRUMENTATION_ERRORS;

    /// A gauge of another library.
    struct Other(Desc);

    impl Collector for Other {
        fn desc(&self) -> Vec<&Desc> {
            vec![&self.0]
        }

        fn collect(&self) -> Vec<MetricFamily> {
            ["good", "bad-name", "good", "good_too"].map(named).to_vec()
        }
    }

    fn named(name: &str) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.mut_metric().push(Metric::from_gauge(prometheus::proto::Gauge::default()));
        family
    }

    #[test]
    fn each_family_that_is_left_out_of_a_page_is_counted_once() {
        let registry = Registry::new();
        let desc = Desc::new("other".to_owned(), "Anything".to_owned(), Vec::new(), Default::default());
        registry.register(Box::new(Other(desc.expect("a good name")))).expect("a fresh registry");
        let mut page = Page::default();
        for _ in 0..2 {
            // One name that no scraper reads; two families of one name the registry itself makes one, of a series twice.
            assert_delta!(INSTRUMENTATION_ERRORS { kind: Trouble::FamilyLeftOut }, 2, page.gather(&registry));
            let names: Vec<&str> = page.families().map(|(family, _)| family.name()).collect();
            assert_eq!(names, ["good_too"]);
        }
    }
}
