//! To whom a process may talk: the rules of `wasi.network`, and of the command line.
//!
//! | rule | covers |
//! | --- | --- |
//! | `10.0.0.0/8:443` | the addresses of a network, at one port |
//! | `[::1]:8080-8090` | one address, at several ports |
//! | `example.com:80` | the addresses that a look-up of this name has given the process |
//! | `*:53` | every address and name, at one port |
//! | `loopback` | 127.0.0.0/8, ::1 and `localhost`, at every port; `loopback:80` at one |
//!
//! A port may be `*`. A list that is absent covers everything, one that is empty
//! nothing. Names are compared as they are asked for, without regard to case, and never
//! looked up by ourselves: an address belongs to a name because this process was told so.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
};

/// What a process may do with the network; by default nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Whom it may connect to and send to.
    pub connect: Rules,
    /// Where it may listen and receive.
    pub listen: Rules,
}

impl Default for Network {
    fn default() -> Network {
        Network::NONE
    }
}

impl Network {
    /// Everything.
    pub const ALL: Network = Network { connect: Rules::All, listen: Rules::All };

    /// Nothing at all.
    pub const NONE: Network =
        Network { connect: Rules::Only(Vec::new()), listen: Rules::Only(Vec::new()) };

    /// Tells whether there is nothing that it allows.
    pub fn is_none(&self) -> bool {
        self.connect.is_none() && self.listen.is_none()
    }
}

/// A list of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Everything is allowed.
    All,
    /// What one of these covers.
    Only(Vec<Rule>),
}

impl Rules {
    /// Tells whether nothing is allowed.
    pub fn is_none(&self) -> bool {
        matches!(self, Rules::Only(rules) if rules.is_empty())
    }

    /// Tells whether an address is allowed to a process that has been told these
    /// addresses of names.
    pub fn allow(&self, address: SocketAddr, known: &Known) -> bool {
        match self {
            Rules::All => true,
            Rules::Only(rules) => rules.iter().any(|rule| rule.covers(address, known)),
        }
    }

    /// Tells whether a name is allowed at some port, or at this one.
    pub fn allow_name(&self, name: &str, port: Option<u16>) -> bool {
        match self {
            Rules::All => true,
            Rules::Only(rules) => rules.iter().any(|rule| {
                port.is_none_or(|port| rule.ports.contains(&port)) && rule.host.is_named(name)
            }),
        }
    }
}

/// Names that a process has looked up, with their addresses. Only those that a rule
/// names are kept.
#[derive(Clone, Debug, Default)]
pub struct Known(BTreeSet<(String, IpAddr)>);

/// How many addresses of names a process can know.
const MAX_KNOWN: usize = 1024;

impl Known {
    /// Notes what a look-up has given.
    pub fn note(&mut self, rules: &Rules, name: &str, addresses: &[IpAddr]) {
        let Rules::Only(rules) = rules else { return };
        let name = plain(name);
        let named = |rule: &Rule| matches!(&rule.host, Host::Name(host) if *host == name);
        if rules.iter().any(named) {
            for address in addresses {
                if self.0.len() < MAX_KNOWN {
                    self.0.insert((name.clone(), address.to_canonical()));
                }
            }
        }
    }
}

/// A name as it is compared.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// One rule: hosts and ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    host: Host,
    ports: RangeInclusive<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    Loopback,
    Name(String),
    /// An address, and how many of its bits count.
    Net(IpAddr, u8),
}

impl Rule {
    fn covers(&self, address: SocketAddr, known: &Known) -> bool {
        let ip = address.ip().to_canonical();
        self.ports.contains(&address.port())
            && match &self.host {
                Host::Any => true,
                Host::Loopback => ip.is_loopback(),
                Host::Name(name) => known.0.contains(&(name.clone(), ip)),
                Host::Net(net, bits) => prefix(*net, *bits) == prefix(ip, *bits),
            }
    }
}

impl Host {
    fn is_named(&self, name: &str) -> bool {
        let name = plain(name);
        match self {
            Host::Any => true,
            Host::Loopback => name == "localhost",
            Host::Name(host) => *host == name,
            Host::Net(..) => false,
        }
    }
}

/// The first bits of an address, and its family.
fn prefix(address: IpAddr, bits: u8) -> (bool, u128) {
    match address {
        IpAddr::V4(address) => {
            let rest = 32u32.saturating_sub(bits.into());
            (false, u32::from(address).checked_shr(rest).unwrap_or(0).into())
        }
        IpAddr::V6(address) => {
            let rest = 128u32.saturating_sub(bits.into());
            (true, u128::from(address).checked_shr(rest).unwrap_or(0))
        }
    }
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRule {
    /// What is wrong.
    pub why: &'static str,
    /// What to do.
    pub fix: String,
}

impl BadRule {
    fn new(why: &'static str, fix: impl Into<String>) -> BadRule {
        BadRule { why, fix: fix.into() }
    }
}

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.why, self.fix)
    }
}

impl std::error::Error for BadRule {}

/// The forms of a rule, for messages.
pub const FORMS: &str = "a host and ports (example.com:443, 10.0.0.0/8:8000-8999, [::1]:80, *:53, 127.0.0.1:*), or loopback";

impl FromStr for Rule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Rule, BadRule> {
        if text == "loopback" {
            return Ok(Rule { host: Host::Loopback, ports: 0..=u16::MAX });
        }
        if text.contains("://") {
            let host = text.split("://").nth(1).unwrap_or_default();
            let host = host.split(['/', ':']).next().unwrap_or_default();
            return Err(BadRule::new(
                "it is a URL",
                format!("write the host and the port alone: {host}:443"),
            ));
        }
        let (host, ports) = match text.rsplit_once(':') {
            // The brackets' own colons.
            Some((_, after)) if after.contains(']') => return Err(no_port(text)),
            // The colons of an address without brackets.
            Some((host, _)) if host.contains(':') && !is_bracketed(host) => {
                let inner = if text.parse::<Ipv6Addr>().is_ok() { text } else { host };
                return Err(BadRule::new(
                    "an IPv6 address has brackets around it",
                    format!("write it like this: \"[{}]:443\"", inner.trim_matches(['[', ']'])),
                ));
            }
            None => return Err(no_port(text)),
            Some(parts) => parts,
        };
        Ok(Rule { host: read_host(host)?, ports: read_ports(host, ports)? })
    }
}

fn is_bracketed(host: &str) -> bool {
    host.starts_with('[') && host.contains(']')
}

fn no_port(text: &str) -> BadRule {
    BadRule::new(
        "it says no port",
        format!("write it like this: \"{text}:443\", or \"{text}:*\" for every port"),
    )
}

fn read_ports(host: &str, ports: &str) -> Result<RangeInclusive<u16>, BadRule> {
    let bad = || {
        BadRule::new(
            "its ports are none: a port is a number from 1 to 65535, two of them with a dash between, or *",
            format!("write it like this: \"{host}:8080\", \"{host}:8080-8090\" or \"{host}:*\""),
        )
    };
    if ports == "*" {
        return Ok(0..=u16::MAX);
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| digits && *port > 0).ok_or_else(bad)
    };
    let (first, last) = match ports.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(ports)?, number(ports)?),
    };
    if first > last {
        return Err(BadRule::new(
            "its first port is greater than its last",
            format!("write it like this: \"{host}:{last}-{first}\""),
        ));
    }
    Ok(first..=last)
}

fn read_host(host: &str) -> Result<Host, BadRule> {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (address, bits) = match bracketed {
        Some((inner, rest)) => {
            let address = inner.parse::<Ipv6Addr>().map(IpAddr::V6);
            let address = address.map_err(|_| {
                BadRule::new(
                    "what is between its brackets is no IPv6 address",
                    "write it like this: \"[::1]:443\"",
                )
            })?;
            match rest {
                "" => (address, None),
                _ => (address, Some(rest.strip_prefix('/').unwrap_or(""))),
            }
        }
        None => match host.split_once('/') {
            Some((address, bits)) => {
                let address = address.parse::<Ipv4Addr>().map(IpAddr::V4);
                let address = address.map_err(|_| {
                    BadRule::new(
                        "what is before its `/` is no address",
                        "write it like this: \"10.0.0.0/8:443\"",
                    )
                })?;
                (address, Some(bits))
            }
            None => match host.parse::<Ipv4Addr>() {
                Ok(address) => (IpAddr::V4(address), None),
                Err(_) => return read_name(host),
            },
        },
    };
    let most: u8 = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => most,
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(|| {
            BadRule::new(
                "how many bits of its address count is no such number",
                format!("after the `/` there is a number from 0 to {most}"),
            )
        })?,
    };
    if let IpAddr::V6(v6) = address
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        return Err(BadRule::new(
            "it is an IPv4 address in the form of IPv6",
            format!("write it like this: \"{v4}:443\""),
        ));
    }
    Ok(Host::Net(address, bits))
}

fn read_name(host: &str) -> Result<Host, BadRule> {
    match host {
        "*" => return Ok(Host::Any),
        "loopback" => return Ok(Host::Loopback),
        "" => {
            return Err(BadRule::new(
                "it says no host",
                "for every host, write it like this: \"*:443\"",
            ));
        }
        _ => {}
    }
    let name = plain(host);
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fits)
    };
    // Digits and dots alone would be an address with a slip in it.
    let digits = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if digits {
        return Err(BadRule::new(
            "its host is neither an address nor a name",
            "an IPv4 address has four numbers from 0 to 255",
        ));
    }
    if name.contains('*') {
        return Err(BadRule::new(
            "a part of a name cannot be left open",
            "list the names, or allow every host: \"*:443\"",
        ));
    }
    if name.len() > 253 || !name.split('.').all(label) {
        return Err(BadRule::new(
            "its host is neither an address nor a name",
            "names have letters, digits, dashes and dots; one with others is written in its xn-- form",
        ));
    }
    Ok(Host::Name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> Rules {
        Rules::Only(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn allows(rule: &str, address: &str) -> bool {
        rules(&[rule]).allow(address.parse().unwrap(), &Known::default())
    }

    #[test]
    fn a_rule_covers_addresses_at_ports() {
        for (rule, inside, outside) in [
            ("10.0.0.0/8:443", "10.255.1.2:443", "11.0.0.0:443"),
            ("10.1.2.3/8:443", "10.9.9.9:443", "10.9.9.9:444"),
            ("127.0.0.1:80-90", "127.0.0.1:90", "127.0.0.1:91"),
            ("127.0.0.1:*", "127.0.0.1:1", "127.0.0.2:1"),
            ("[::1]:8080-8090", "[::1]:8080", "[::2]:8080"),
            ("[fe80::]/10:53", "[febf::1]:53", "[fec0::1]:53"),
            ("0.0.0.0/0:53", "1.2.3.4:53", "[::1]:53"),
            ("[::]/0:53", "[2::]:53", "1.2.3.4:53"),
            ("*:53", "[2::]:53", "[2::]:54"),
            ("loopback", "127.9.9.9:1", "128.0.0.1:1"),
            ("loopback", "[::1]:65535", "0.0.0.0:80"),
            ("loopback:80", "[::1]:80", "[::1]:81"),
        ] {
            assert!(allows(rule, inside), "{rule} {inside}");
            assert!(!allows(rule, outside), "{rule} {outside}");
        }
        // The other spelling of an IPv4 address is no way around.
        assert!(allows("10.0.0.0/8:443", "[::ffff:10.0.0.1]:443"));
        assert!(!allows("[::]/0:443", "[::ffff:10.0.0.1]:443"));
    }

    #[test]
    fn a_name_covers_what_its_look_up_has_given() {
        let rules = rules(&["Example.com:80", "other.test:443"]);
        let (mut known, address) = (Known::default(), "192.0.2.1:80".parse().unwrap());
        assert!(rules.allow_name("example.COM.", Some(80)));
        assert!(!rules.allow_name("example.com", Some(443)));
        assert!(!rules.allow_name("www.example.com", None));
        assert!(!rules.allow(address, &known));
        known.note(&rules, "third.test", &[address.ip()]);
        known.note(&rules, "other.test", &[address.ip()]);
        assert!(!rules.allow(address, &known));
        known.note(&rules, "EXAMPLE.com", &[address.ip()]);
        assert!(rules.allow(address, &known));
    }

    #[test]
    fn an_absent_list_covers_all_and_an_empty_one_nothing() {
        let address = "192.0.2.1:80".parse().unwrap();
        assert!(Rules::All.allow(address, &Known::default()));
        assert!(Rules::All.allow_name("example.com", None));
        let none = Rules::Only(Vec::new());
        assert!(none.is_none() && !none.allow(address, &Known::default()));
        assert!(!none.allow_name("localhost", None));
        assert!(Network::default().is_none() && !Network::ALL.is_none());
    }

    #[test]
    fn what_is_no_rule_is_told_why() {
        for (text, why) in [
            ("", "it says no port; write it like this: \":443\", or \":*\" for every port"),
            ("example.com", "it says no port; write it like this: \"example.com:443\""),
            ("[::1]", "it says no port; write it like this: \"[::1]:443\""),
            ("::1", "an IPv6 address has brackets around it; write it like this: \"[::1]:443\""),
            ("::1:80", "an IPv6 address has brackets"),
            (":80", "it says no host; for every host, write it like this: \"*:443\""),
            (
                "http://example.com/x",
                "it is a URL; write the host and the port alone: example.com:443",
            ),
            ("a:0", "its ports are none"),
            ("a:65536", "its ports are none"),
            ("a:+80", "its ports are none"),
            ("a:80-", "its ports are none"),
            ("a:", "its ports are none"),
            ("a:90-80", "its first port is greater than its last; write it like this: \"a:80-90\""),
            ("1.2.3.4/33:80", "how many bits of its address count is no such number"),
            ("1.2.3.4/x:80", "how many bits"),
            (
                "[::1]/129:80",
                "how many bits of its address count is no such number; after the `/` there is a number from 0 to 128",
            ),
            ("[::1]x:80", "how many bits"),
            ("[1.2.3.4]:80", "what is between its brackets is no IPv6 address"),
            ("[::ffff:1.2.3.4]:80", "it is an IPv4 address in the form of IPv6"),
            ("1.2.3:80", "its host is neither an address nor a name; an IPv4 address"),
            ("1.2.3.256:80", "its host is neither"),
            ("a/8:80", "what is before its `/` is no address"),
            ("*.example.com:80", "a part of a name cannot be left open"),
            ("a b:80", "its host is neither an address nor a name; names have letters"),
            ("münchen.de:80", "its host is neither an address nor a name; names"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_process_knows_only_so_many_addresses() {
        let rules = rules(&["a:80"]);
        let mut known = Known::default();
        let many: Vec<IpAddr> = (0..2000u32).map(|n| Ipv4Addr::from(n).into()).collect();
        known.note(&rules, "a", &many);
        assert_eq!(known.0.len(), MAX_KNOWN);
    }
}
