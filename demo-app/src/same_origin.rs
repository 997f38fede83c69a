//! Requests that change something must not come from another site's page: a browser adds the user's cookie to them.
//! Programs send no Origin, or a token, and are not held up.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;

use crate::identity::bearer;
use crate::problem::Problem;
use crate::proxies::Proxies;

/// Refuses what a page of another site asks for.
pub(crate) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    // A page of another site cannot send a token unless this service allows it, and it allows no site.
    if reads || bearer(request.headers()).is_some() {
        return next.call(request).await;
    }
    let behind = Proxies::is_before(request.request());
    if is_of_another_site(request.headers(), request.uri(), behind) {
        return Err(Problem::OtherSite.into());
    }
    next.call(request).await
}

fn is_of_another_site(headers: &HeaderMap, uri: &Uri, behind_proxy: bool) -> bool {
    // What the browser itself says; a page cannot set it.
    if let Some(site) = headers.get("sec-fetch-site") {
        let same = ["same-origin", "none"].iter().any(|same| site.as_bytes().eq_ignore_ascii_case(same.as_bytes()));
        return !same || headers.get_all("sec-fetch-site").count() > 1;
    }
    // Browsers leave it out where the connection is not secure, and send the origin.
    let mut origins = headers.get_all(ORIGIN);
    let Some(origin) = origins.next() else { return false };
    let origin = origin.to_str().ok().and_then(authority).filter(|_| origins.next().is_none());
    let Some((origin, port)) = origin else { return true };
    let named = headers.get(HOST).and_then(|host| host.to_str().ok()).or(uri.authority().map(|host| host.as_str()));
    // A trusted proxy may have asked for this service by another name than the client did.
    let forwarded = headers.get("x-forwarded-host").filter(|_| behind_proxy).and_then(|host| host.to_str().ok());
    let is_here = |host: &str| without_port(host.trim(), port).eq_ignore_ascii_case(without_port(origin, port));
    ![named, forwarded].into_iter().flatten().any(is_here)
}

/// Host and port of an origin, and the port that is usual with its scheme.
fn authority(origin: &str) -> Option<(&str, &'static str)> {
    let (scheme, authority) = origin.split_once("://")?;
    let port = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    (!authority.is_empty() && !authority.contains(['/', '@', '?', '#'])).then_some((authority, port))
}

fn without_port<'a>(host: &'a str, usual: &str) -> &'a str {
    host.strip_suffix(usual).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn refused(behind_proxy: bool, lines: &[(&str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        is_of_another_site(&headers, &Uri::from_static("/logout"), behind_proxy)
    }

    #[test]
    fn the_page_of_this_service_and_programs_are_served_and_other_pages_are_not() {
        let host = ("host", "demo.example:8080");
        for fine in [
            &[host][..],
            &[host, ("origin", "http://demo.example:8080")],
            &[host, ("origin", "http://DEMO.example:8080")],
            &[("host", "demo.example"), ("origin", "https://demo.example")],
            &[("host", "demo.example:443"), ("origin", "https://demo.example")],
            &[("host", "[::1]:8080"), ("origin", "http://[::1]:8080")],
            &[host, ("sec-fetch-site", "same-origin"), ("origin", "https://in.front")],
            &[host, ("sec-fetch-site", "none")],
        ] {
            assert!(!refused(false, fine), "{fine:?}");
        }
        for other in [
            &[host, ("origin", "http://evil.example")][..],
            &[host, ("origin", "http://demo.example:8081")],
            &[host, ("origin", "http://demo.example")],
            &[host, ("origin", "http://demo.example:8080.evil.example")],
            &[host, ("origin", "http://evil@demo.example:8080")],
            &[host, ("origin", "null")],
            &[host, ("origin", "")],
            &[host, ("origin", "file://demo.example:8080")],
            &[host, ("origin", "http://demo.example:8080"), ("origin", "http://evil.example")],
            &[host, ("sec-fetch-site", "cross-site"), ("origin", "http://demo.example:8080")],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("origin", "http://demo.example")],
            &[host, ("origin", "http://in.front"), ("x-forwarded-host", "in.front")],
        ] {
            assert!(refused(false, other), "{other:?}");
        }
        assert!(!refused(true, &[host, ("origin", "http://in.front"), ("x-forwarded-host", "in.front")]));
    }
}
