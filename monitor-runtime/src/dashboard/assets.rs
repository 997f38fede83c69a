//! The files of the page, as they stand in the crate; nothing is fetched from elsewhere.

/// One file of the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    /// Its name below the page.
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) text: &'static str,
}

/// The page itself. `{mount}` stands in it for the last part of the path that it is served at.
pub(crate) const PAGE: &str = include_str!("assets/page.html");

/// What the page asks for.
pub(crate) const ASSETS: [Asset; 5] = [
    Asset { name: "page.js", content_type: "text/javascript; charset=utf-8", text: include_str!("assets/page.js") },
    Asset { name: "page.css", content_type: "text/css; charset=utf-8", text: include_str!("assets/page.css") },
    Asset {
        name: "uPlot.js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("assets/uplot/uPlot.iife.min.js"),
    },
    Asset {
        name: "uPlot.css",
        content_type: "text/css; charset=utf-8",
        text: include_str!("assets/uplot/uPlot.min.css"),
    },
    Asset { name: "icon.svg", content_type: "image/svg+xml", text: include_str!("assets/icon.svg") },
];
