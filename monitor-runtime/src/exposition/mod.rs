//! A plain stand-in until the real room is here.
/// x
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// x
    Text,
    /// x
    OpenMetrics,
}
/// x
pub fn encode(registry: &prometheus::Registry, _: Format, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let mut v = vec![];
    let _ = crate::metrics::family::gather(registry, &mut v);
    for c in v {
        c.series.for_each(&mut |t, x| {
            let _ = writeln!(out, "{}{{{t}}} {}", c.name, crate::metrics::cells::sum(x));
        })
    }
    Ok(())
}
