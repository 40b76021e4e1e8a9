//! Validates URLs in constants.
//!
//! Nothing is refused that the WHATWG's URL standard takes, but for white space and control characters, which it drops.

use super::any;

const NO_SCHEME: &str = "not a URL: it does not begin with a scheme";
const NO_HOST: &str = "not a URL: it names no host";
const HOST: &str = "not a URL: a character that no host has";
const ADDRESS: &str = "not a URL: no IPv6 address within the brackets";
const PORT: &str = "not a URL: no port behind the colon";

/// Why a text is no URL; `None` if nothing is found.
pub(super) const fn flaw(text: &str) -> Option<&'static str> {
    let (scheme, rest) = split(text.as_bytes(), b":");
    let [b':', rest @ ..] = rest else { return Some(NO_SCHEME) };
    if !is_scheme(scheme) || rest.is_empty() {
        return Some(NO_SCHEME);
    }
    if needs_host(scheme) { flaw_of_authority(split(without_slashes(rest), b"/\\?#").0) } else { None }
}

/// Whether it is one of `http` or `https`, by which brokers are reached.
pub(super) const fn is_http(text: &str) -> bool {
    let (scheme, _) = split(text.as_bytes(), b":");
    scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https")
}

/// Whether it is an `http` URL with `//` and a host: the client of a broker's metrics speaks no TLS.
pub(super) const fn is_http_without_tls(text: &str) -> bool {
    match text.as_bytes().split_at_checked(b"http://".len()) {
        Some((_, [b'/' | b'\\', ..])) | None => false,
        Some((start, _)) => start.eq_ignore_ascii_case(b"http://"),
    }
}

/// Whether a URL with a host has a user or a password.
pub(super) const fn has_login(text: &str) -> bool {
    let (_, behind) = split(text.as_bytes(), b":");
    match behind {
        [b':', rest @ ..] => contains(split(without_slashes(rest), b"/\\?#").0, b'@'),
        _ => false,
    }
}

/// Whether it has a query or a fragment.
pub(super) const fn has_query(text: &str) -> bool {
    contains(text.as_bytes(), b'?') || contains(text.as_bytes(), b'#')
}

/// Whether it consists of what an IP address consists of. Only the type knows whether it is one.
pub(super) const fn may_be_ip(text: &str) -> bool {
    let text = text.as_bytes();
    is_ipv6(text) || contains(text, b'.') && !any!(byte in text => !matches!(byte, b'0'..=b'9' | b'.'))
}

/// `user:password@host:port`
const fn flaw_of_authority(mut authority: &[u8]) -> Option<&'static str> {
    while let (_, [b'@', behind @ ..]) = split(authority, b"@") {
        authority = behind;
    }
    if let [b'[', inside @ ..] = authority {
        return match split(inside, b"]") {
            (address, [b']', port @ ..]) if is_ipv6(address) => flaw_of_port(port),
            _ => Some(ADDRESS),
        };
    }
    let (host, port) = split(authority, b":");
    if host.is_empty() {
        return Some(NO_HOST);
    }
    let has_forbidden = any!(byte in host => *byte <= b' ' || *byte == 0x7f || contains(b"<>[]^|", *byte));
    if has_forbidden { Some(HOST) } else { flaw_of_port(port) }
}

const fn flaw_of_port(port: &[u8]) -> Option<&'static str> {
    match port {
        [] | [b':'] => None,
        // The first is no sign, which the conversion takes.
        [b':', b'0'..=b'9', ..] => match str::from_utf8(port.split_at(1).1) {
            Ok(digits) if u16::from_str_radix(digits, 10).is_ok() => None,
            _ => Some(PORT),
        },
        _ => Some(PORT),
    }
}

/// What stands before the first of these bytes, and the rest with it.
const fn split<'a>(bytes: &'a [u8], stops: &[u8]) -> (&'a [u8], &'a [u8]) {
    let mut index = 0;
    while index < bytes.len() && !contains(stops, bytes[index]) {
        index += 1;
    }
    bytes.split_at(index)
}

const fn contains(bytes: &[u8], byte: u8) -> bool {
    any!(other in bytes => *other == byte)
}

const fn without_slashes(mut rest: &[u8]) -> &[u8] {
    while let [b'/' | b'\\', behind @ ..] = rest {
        rest = behind;
    }
    rest
}

const fn is_scheme(scheme: &[u8]) -> bool {
    matches!(scheme, [first, ..] if first.is_ascii_alphabetic())
        && !any!(byte in scheme => !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')))
}

const fn needs_host(scheme: &[u8]) -> bool {
    let schemes: [&[u8]; 5] = [b"http", b"https", b"ws", b"wss", b"ftp"];
    any!(with_host in &schemes => scheme.eq_ignore_ascii_case(with_host))
}

const fn is_ipv6(address: &[u8]) -> bool {
    contains(address, b':') && !any!(byte in address => !(byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn what_is_no_url_is_told_with_its_flaw() {
        for (text, flaw_there) in [
            ("localhost", NO_SCHEME),
            ("://a", NO_SCHEME),
            ("http:", NO_SCHEME),
            ("1a://b", NO_SCHEME),
            (" https://a", NO_SCHEME),
            ("https://", NO_HOST),
            ("https:///?a", NO_HOST),
            ("http://user:password@", NO_HOST),
            ("http://:80", NO_HOST),
            ("http://a b/", HOST),
            ("http://a|b/", HOST),
            ("http://[::1/", ADDRESS),
            ("http://[a]/", ADDRESS),
            ("http://a:66000", PORT),
            ("http://a:8o80", PORT),
            ("http://[::1]80", PORT),
        ] {
            assert_eq!(flaw(text), Some(flaw_there), "{text}");
            assert!(text.starts_with(' ') || Url::parse(text).is_err(), "{text}");
        }
        for text in
            ["https://a", "s3:x", "s3://bucket/path", "HTTP://a:80/b?c#d", "http://[::1]:80", "https:a", "http://ä"]
        {
            assert_eq!(flaw(text), None, "{text}");
            assert!(Url::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_login_stands_before_the_host_only() {
        for text in ["http://a@b", "http://a:b@c:80/d", "https:a@b", "http:\\\\@b", "HTTP://:a@b?c"] {
            assert!(has_login(text), "{text}");
        }
        for text in ["http://a:80", "http://a/b@c", "http://a?b@c", "http://a#@", "http://a\\@b"] {
            assert!(!has_login(text), "{text}");
        }
    }

    #[test]
    fn a_url_without_tls_has_its_scheme_and_slashes() {
        for text in ["http://a", "HTTP://a:80/b?c"] {
            assert!(is_http_without_tls(text), "{text}");
        }
        for text in ["https://a", "http:a", "http:/a", "http:\\\\a", "http:///a", "ftp://a"] {
            assert!(!is_http_without_tls(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_url_is_refused(text in "(https?|ftp|s3|file|[a-z]{1,3}):?[/\\\\]{0,3}[a-z@:.\\[\\]%0-9<|^?#/ä-]{0,12}") {
            if Url::parse(&text).is_ok() && !text.ends_with(':') {
                prop_assert_eq!(flaw(&text), None);
            }
        }
    }
}
