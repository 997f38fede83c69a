//! Who may see the page: a bearer token, and whether a request carries it. What is answered to whom is the scrape's
//! matter.

use std::fmt;
use std::str::FromStr;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use subtle::ConstantTimeEq;

/// A token that a scraper must send as `Authorization: Bearer ..`; it is read from text, and never printed.
///
/// ```
/// use monitor_runtime::actix::{BearerToken, scrape};
///
/// let token: BearerToken = "6XKqLJ0zTxV2".parse()?;
/// let page = scrape("/metrics").bearer_token(token);
///
/// // What no header can carry is refused at the start, not at every scrape.
/// assert!("".parse::<BearerToken>().is_err());
/// # Ok::<(), monitor_runtime::actix::InvalidToken>(())
/// ```
#[derive(Clone)]
pub struct BearerToken(Box<str>);

impl BearerToken {
    /// Whether exactly one Authorization header stands there, and carries this token. How long that takes tells the
    /// length of the token at most, not what is in it.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(AUTHORIZATION);
        let (Some(one), None) = (all.next(), all.next()) else { return false };
        let Some((scheme, given)) = one.as_bytes().split_at_checked("Bearer ".len()) else { return false };
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(given.trim_ascii().ct_eq(self.0.as_bytes()))
    }

    /// As [`admits`](Self::admits), and also whoever sends it as the password of HTTP's Basic, which is what a browser
    /// asks its user for; the name is not looked at.
    #[cfg(feature = "dashboard")]
    pub(super) fn admits_browser(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(AUTHORIZATION);
        let (Some(one), None) = (all.next(), all.next()) else { return false };
        let Some((scheme, given)) = one.as_bytes().split_at_checked("Basic ".len()) else { return false };
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return self.admits(headers);
        }
        let Some(pair) = from_base64(given.trim_ascii()) else { return false };
        // A name has no colon (RFC 7617, section 2).
        let Some(colon) = pair.iter().position(|b| *b == b':') else { return false };
        bool::from(pair[colon + 1..].ct_eq(self.0.as_bytes()))
    }
}

/// The bytes that a text in base64 (RFC 4648, section 4) stands for; None if it is none.
#[cfg(feature = "dashboard")]
fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = match text {
        [start @ .., b'=', b'='] | [start @ .., b'='] => start,
        all => all,
    };
    let mut bytes = Vec::with_capacity(text.len());
    for four in text.chunks(4) {
        let mut bits = 0u32;
        for letter in four {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        let missing = 4 - four.len() as u32;
        if missing == 3 {
            return None;
        }
        let [_, first, second, third] = (bits << (6 * missing)).to_be_bytes();
        bytes.extend_from_slice(&[first, second, third][..3 - missing as usize]);
    }
    Some(bytes)
}

impl FromStr for BearerToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<BearerToken, InvalidToken> {
        if text.is_empty() {
            return Err(InvalidToken { what: "is empty" });
        }
        // A space would end it, and a line feed the header: often the one at the end of a file.
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidToken { what: "has a space, a control character or a letter beyond ASCII in it" });
        }
        Ok(BearerToken(text.into()))
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

/// Why a text is no [`BearerToken`]. It does not repeat the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidToken {
    what: &'static str,
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bearer token {}; take letters, digits and ASCII signs", self.what)
    }
}

impl std::error::Error for InvalidToken {}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn admits(lines: &[&[u8]]) -> bool {
        let token: BearerToken = "s3cret".parse().expect("a token");
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).expect("a header"));
        }
        token.admits(&headers)
    }

    #[test]
    fn the_token_alone_opens() {
        assert!(admits(&[b"Bearer s3cret"]));
        assert!(admits(&[b"bearer  s3cret "]), "a scheme is written as one likes (RFC 9110, section 11.1)");
        for wrong in [
            &b""[..],
            b"Bearer",
            b"Bearer ",
            b"s3cret",
            b"Bearers3cret",
            b"Bearer s3cre",
            b"Bearer s3crets",
            b"Bearer S3CRET",
            b"Bearer s3cret s3cret",
            b"Basic s3cret",
            b"Bearer \xff\xfe",
        ] {
            assert!(!admits(&[wrong]), "{}", wrong.escape_ascii());
        }
        assert!(!admits(&[]));
        assert!(!admits(&[b"Bearer s3cret", b"Bearer s3cret"]), "two headers are one too many");
    }

    #[cfg(feature = "dashboard")]
    #[test]
    fn a_browser_sends_it_as_a_password() {
        let token: BearerToken = "s3cret".parse().expect("a token");
        let admits = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, HeaderValue::from_str(text).expect("a header"));
            token.admits_browser(&headers)
        };
        // `me:s3cret`, `:s3cret` and `monitor:s3cret`, by `base64`.
        for right in ["Basic bWU6czNjcmV0", "basic OnMzY3JldA==", "Basic bW9uaXRvcjpzM2NyZXQ=", "Bearer s3cret"] {
            assert!(admits(right), "{right}");
        }
        // `s3cret`, `me:s3cre`, `me:s3crets`, `s3cret:me`, half a letter, no base64, and nothing.
        for wrong in [
            "Basic czNjcmV0",
            "Basic bWU6czNjcmU=",
            "Basic bWU6czNjcmV0cw==",
            "Basic czNjcmV0Om1l",
            "Basic bWU6czNjcmV0b",
            "Basic me:s3cret",
            "Basic ",
            "Basic",
            "Bearer s3cre",
            "",
        ] {
            assert!(!admits(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_no_header_can_carry_is_no_token() {
        let refusal = |text: &str| text.parse::<BearerToken>().expect_err("no token").to_string();
        assert_eq!(refusal(""), "the bearer token is empty; take letters, digits and ASCII signs");
        for text in ["a b", "secret\n", "schlüssel", "\0"] {
            assert!(refusal(text).contains("a space, a control character or a letter beyond ASCII"), "{text:?}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let token: BearerToken = "s3cret".parse().expect("a token");
        assert_eq!(format!("{token:?}"), "BearerToken(..)");
    }
}
