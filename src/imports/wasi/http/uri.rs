//! Where a request goes: what may be a method, a scheme, an authority and a path.
//!
//! A path is one of the same server: one that reads as a whole address
//! (`http://elsewhere/`) would be sent to this server as a request for another one, as
//! if it were a proxy. So a path begins with `/`, or is `*`, or nothing but a query.

use super::fields::is_token;

/// Bytes that a path with its query may have when it is sent.
pub(super) const MAX_PATH: usize = 32 << 10;

/// A method that has no name of its own.
pub(super) fn is_method(name: &str) -> bool {
    is_token(name)
}

/// A scheme: a letter, and then letters, digits and `+-.`.
pub(super) fn is_scheme(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    name.len() <= 64
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && name.bytes().all(rest)
}

/// True if a path can be sent.
pub(super) fn is_path(path: &str) -> bool {
    (path.is_empty() || path == "*" || path.starts_with(['/', '?']))
        && path.bytes().all(|byte| matches!(byte, 0x21..=0x7e if byte != b'#') || byte >= 0x80)
}

/// A path as it is sent.
pub(super) fn path_to_send(path: &str) -> String {
    if path.is_empty() || path.starts_with('?') { format!("/{path}") } else { path.to_owned() }
}

/// True if an authority is a host, and perhaps a port: a name, an address of four
/// numbers, or one of eight in brackets. Users and passwords are for `authorization`.
pub(super) fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, rest)) if host.parse::<core::net::Ipv6Addr>().is_ok() => match rest {
                "" => (host, None),
                rest => match rest.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None => return false,
                },
            },
            Some(_) | None => return false,
        },
        None => {
            let (host, port) = match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            };
            let fits =
                |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
            if !host.bytes().all(fits) {
                return false;
            }
            (host, port)
        }
    };
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    !host.is_empty() && host.len() <= 255 && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_hosts_with_ports() {
        for good in [
            "example.com",
            "example.com:443",
            "a",
            "127.0.0.1:0",
            "[::1]",
            "[::]:443",
            "x_y:65535",
            "[2001:db8::1]:8080",
            "a%20b",
        ] {
            assert!(is_authority(good), "{good}");
        }
        for bad in [
            "",
            ":80",
            ":abc",
            "example.com:",
            "example.com:abc",
            "example.com:65536",
            "a:+1",
            "bad-\nhost",
            "a b",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[a]",
            "::1",
            "user@host",
            "a/b",
            "a?b",
            "a#b",
            "ä",
            "[]",
            "a:1:2",
        ] {
            assert!(!is_authority(bad), "{bad}");
        }
        assert!(!is_authority(&"a".repeat(256)));
    }

    #[test]
    fn paths_stay_on_their_server() {
        for good in ["", "/", "*", "?a=b", "/a?b=/c", "//host/path", "/ä", "/%20"] {
            assert!(is_path(good), "{good}");
        }
        for bad in ["http://host/", "host/path", "/a b", "/a\n", "/a#b", "/\0", "/\x7f", "\\a"] {
            assert!(!is_path(bad), "{bad}");
        }
        assert_eq!(path_to_send(""), "/");
        assert_eq!(path_to_send("?a"), "/?a");
        assert_eq!(path_to_send("//host/path"), "//host/path");
    }

    #[test]
    fn schemes_and_methods_are_words() {
        assert!(is_scheme("ws") && is_scheme("WS") && is_scheme("a+b-c.1"));
        for bad in ["", "1a", "bad\nscheme", "a:", "ä"] {
            assert!(!is_scheme(bad), "{bad}");
        }
        assert!(is_method("PURGE") && is_method("m-search"));
        for bad in ["", "invalid method", "bad\nmethod", "ä"] {
            assert!(!is_method(bad), "{bad}");
        }
    }
}
