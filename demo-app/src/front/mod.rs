//! The front page: what the service is, and buttons for all that it does. It loads nothing from anywhere else, and runs
//! no script but its own file.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Path;
use actix_web::{HttpResponse, route};

use crate::problem::Problem;

/// Where the scripts and styles are.
const FILES: [(&str, &str, &str); 3] = [
    ("page.css", "text/css; charset=utf-8", include_str!("page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("page.js")),
    ("icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

/// No inline script or style, nothing from elsewhere, in no other page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The page of a service at `here`, whose numbers are shown at `watch`.
pub(crate) fn page(here: &str, watch: &str, demo_users: bool) -> HttpResponse {
    let users = if demo_users { " Or be ada (lovelace), grace (hopper) or edsger (dijkstra)." } else { "" };
    let page = include_str!("page.html");
    let page = page.replace("{{here}}", &escaped(here)).replace("{{watch}}", &escaped(watch));
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(page.replace("{{users}}", users))
}

/// Its scripts, styles and icon.
#[route("/front/{file}", method = "GET", method = "HEAD")]
pub(crate) async fn file(file: Path<String>) -> Result<HttpResponse, Problem> {
    let (_, kind, text) = FILES.into_iter().find(|(name, ..)| *name == file.as_str()).ok_or(Problem::NoSuchPage)?;
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(text))
}

/// The host is the client's word.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_none_does_no_harm() {
        assert_eq!(escaped(r#""><script>'&"#), "&quot;&gt;&lt;script&gt;&#39;&amp;");
    }

    #[test]
    fn nothing_on_the_page_is_inline_or_from_elsewhere() {
        let page = include_str!("page.html");
        for inline in ["<style", " style=", " onclick", "javascript:", "<script>", "http://", "https://"] {
            assert!(!page.contains(inline), "{inline}");
        }
        assert!(!include_str!("page.css").contains("url("));
    }
}
