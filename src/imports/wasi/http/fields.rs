//! Fields of heads, and trailers, with the rules of HTTP and of `wasi:http`.
//!
//! Names are tokens and are compared without regard to case; values are any bytes but
//! control characters. Both are given back as they were given. Some fields are the
//! host's alone, because they say how a message is framed or where it goes: a guest can
//! neither set them nor see those that others have sent. `content-length` is one number
//! in digits, once, for two of them would let two readers see two messages.
//!
//! The fields of a head that has been made or received cannot be changed, and are shared
//! by all handles to them.

use std::sync::Arc;

use crate::{
    account::{Account, Charge, Exceeded},
    command::http,
};

/// The limit of the fields of one head, by [`FieldMap::size`].
pub(super) const MAX_FIELDS: u64 = 128 << 10;

/// The size of a field besides its name and value.
const FIELD: u64 = 32;

/// Fields that only the host may set.
const FORBIDDEN: [&str; 9] = [
    "connection",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// Why fields cannot be changed in this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::imports::wasi) enum FieldError {
    /// The name or the value is none of HTTP.
    Syntax,
    /// It is for the host alone.
    Forbidden,
    /// They cannot be changed any more.
    Immutable,
    /// They would be too large.
    TooLarge,
    /// The process has no room for them.
    Exceeded(Exceeded),
}

/// A resource `fields`.
#[derive(Debug)]
pub(in crate::imports::wasi) enum Fields {
    /// Of the guest's own making.
    Own(FieldMap),
    /// Of a head that has been made or received.
    Fixed(Arc<FieldMap>),
}

impl Fields {
    pub fn map(&self) -> &FieldMap {
        match self {
            Fields::Own(map) => map,
            Fields::Fixed(map) => map,
        }
    }

    pub fn map_mut(&mut self) -> Result<&mut FieldMap, FieldError> {
        match self {
            Fields::Own(map) => Ok(map),
            Fields::Fixed(_) => Err(FieldError::Immutable),
        }
    }

    /// As the fields of a head.
    pub fn into_fixed(self) -> Arc<FieldMap> {
        match self {
            Fields::Own(map) => Arc::new(map),
            Fields::Fixed(map) => map,
        }
    }
}

/// Names and values, on an account.
#[derive(Debug)]
pub(in crate::imports::wasi) struct FieldMap {
    entries: Vec<(Box<str>, Box<[u8]>)>,
    size: u64,
    charge: Charge,
}

/// The name, if it is a token.
fn name_of(name: &str) -> Result<&str, FieldError> {
    if is_token(name) { Ok(name) } else { Err(FieldError::Syntax) }
}

/// The name, if it is a token and the guest may set it.
fn allowed(name: &str) -> Result<&str, FieldError> {
    if is_forbidden(name_of(name)?) { Err(FieldError::Forbidden) } else { Ok(name) }
}

/// A word of HTTP: the name of a field or of a method.
pub(super) fn is_token(text: &str) -> bool {
    let is_mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}

/// A field that only the host may set.
pub(super) fn is_forbidden(name: &str) -> bool {
    FORBIDDEN.iter().any(|forbidden| forbidden.eq_ignore_ascii_case(name))
}

fn is_length(name: &str) -> bool {
    name.eq_ignore_ascii_case("content-length")
}

/// A value that a field of this name may have.
fn check_value(name: &str, value: &[u8]) -> Result<(), FieldError> {
    let visible = |byte: &u8| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..);
    let fits = match is_length(name) {
        true => length(value).is_some(),
        false => value.iter().all(visible),
    };
    if fits { Ok(()) } else { Err(FieldError::Syntax) }
}

/// A number of bytes in digits alone.
fn length(value: &[u8]) -> Option<u64> {
    let text = str::from_utf8(value).ok()?;
    // A sign would be a number to `parse`.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn size_of(name: &str, value: &[u8]) -> u64 {
    FIELD.saturating_add(name.len() as u64).saturating_add(value.len() as u64)
}

impl FieldMap {
    /// No fields.
    pub fn new(account: &Account) -> FieldMap {
        FieldMap { entries: Vec::new(), size: 0, charge: account.open() }
    }

    /// Fields that have come in, without those that are for the host.
    pub fn received(fields: http::Fields, account: &Account) -> Result<FieldMap, Exceeded> {
        let mut map = FieldMap::new(account);
        let fields = fields.into_iter().filter(|(name, _)| !is_forbidden(name));
        for (name, value) in fields {
            map.size = map.size.saturating_add(size_of(&name, &value));
            map.entries.push((name.into_boxed_str(), value.into_boxed_slice()));
        }
        map.charge.add(map.size)?;
        Ok(map)
    }

    /// A copy that can be changed.
    pub fn copied(&self, account: &Account) -> Result<FieldMap, Exceeded> {
        let charge = account.charge(self.size)?;
        Ok(FieldMap { entries: self.entries.clone(), size: self.size, charge })
    }

    /// As they are sent: names in small letters.
    pub fn to_send(&self) -> http::Fields {
        let sent =
            |(name, value): &(Box<str>, Box<[u8]>)| (name.to_ascii_lowercase(), value.to_vec());
        self.entries.iter().map(sent).collect()
    }

    /// Bytes of all, with what each takes besides name and value.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The values of a name, in their order; none of a name that cannot be.
    pub fn get(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// The number in `content-length`.
    pub fn content_length(&self) -> Option<u64> {
        self.get("content-length").next().and_then(length)
    }

    /// One more.
    pub fn append(&mut self, name: &str, value: Vec<u8>) -> Result<(), FieldError> {
        check_value(allowed(name)?, &value)?;
        if is_length(name) && self.get(name).next().is_some() {
            return Err(FieldError::Syntax);
        }
        self.take(size_of(name, &value))?;
        self.entries.push((name.into(), value.into_boxed_slice()));
        Ok(())
    }

    /// These values and no others. The first takes the place of what was the first.
    pub fn set(&mut self, name: &str, values: Vec<Vec<u8>>) -> Result<(), FieldError> {
        allowed(name)?;
        values.iter().try_for_each(|value| check_value(name, value))?;
        if is_length(name) && values.len() > 1 {
            return Err(FieldError::Syntax);
        }
        let new = values.iter().map(|value| size_of(name, value)).fold(0, u64::saturating_add);
        let old = self.size_of_all(name);
        match new.checked_sub(old) {
            Some(more) => self.take(more)?,
            None => self.give(old.saturating_sub(new)),
        }
        let is_it = |(other, _): &(Box<str>, _)| other.eq_ignore_ascii_case(name);
        let at = self.entries.iter().position(is_it).unwrap_or(self.entries.len());
        self.entries.retain(|entry| !is_it(entry));
        let values = values.into_iter().map(|value| (name.into(), value.into_boxed_slice()));
        self.entries.splice(at..at, values);
        Ok(())
    }

    /// None of this name.
    pub fn delete(&mut self, name: &str) -> Result<(), FieldError> {
        allowed(name)?;
        self.give(self.size_of_all(name));
        self.entries.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        Ok(())
    }

    fn size_of_all(&self, name: &str) -> u64 {
        self.get(name).map(|value| size_of(name, value)).fold(0, u64::saturating_add)
    }

    fn take(&mut self, more: u64) -> Result<(), FieldError> {
        let size = self.size.saturating_add(more);
        if size > MAX_FIELDS {
            return Err(FieldError::TooLarge);
        }
        self.charge.add(more).map_err(FieldError::Exceeded)?;
        self.size = size;
        Ok(())
    }

    fn give(&mut self, less: u64) {
        self.charge.sub(less);
        self.size = self.size.saturating_sub(less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> FieldMap {
        FieldMap::new(&Account::default())
    }

    fn all(map: &FieldMap) -> Vec<(&str, &[u8])> {
        map.iter().collect()
    }

    #[test]
    fn names_are_tokens_and_values_have_no_control_characters() {
        let mut map = map();
        for name in ["", "a b", "a:b", "ä", "a\n", "a\0", "(a)", "a/b", "\"a\""] {
            assert_eq!(map.append(name, vec![]), Err(FieldError::Syntax), "{name:?}");
            assert_eq!(map.set(name, vec![]), Err(FieldError::Syntax), "{name:?}");
            assert_eq!(map.delete(name), Err(FieldError::Syntax), "{name:?}");
            assert_eq!(map.get(name).count(), 0);
        }
        for value in [&b"a\nb"[..], b"\r", b"\0", b"\x7f", b"\x1f"] {
            assert_eq!(map.append("a", value.to_vec()), Err(FieldError::Syntax), "{value:?}");
            assert_eq!(map.set("a", vec![value.to_vec()]), Err(FieldError::Syntax));
        }
        assert!(all(&map).is_empty());
        map.append("a!#$%&'*+-.^_`|~0", b" \t\x80\xff ".to_vec()).unwrap();
        map.append("empty", vec![]).unwrap();
        assert_eq!(all(&map)[0].1, b" \t\x80\xff ");
    }

    #[test]
    fn what_is_the_hosts_cannot_be_set_and_is_not_seen() {
        let mut own = map();
        for name in FORBIDDEN {
            for name in [name.to_owned(), name.to_uppercase()] {
                assert_eq!(own.append(&name, b"x".to_vec()), Err(FieldError::Forbidden));
                assert_eq!(own.set(&name, vec![]), Err(FieldError::Forbidden));
                assert_eq!(own.delete(&name), Err(FieldError::Forbidden));
            }
        }
        let fields = FORBIDDEN.into_iter().chain(["Host", "x-a"]);
        let fields = fields.map(|name| (name.to_owned(), b"1".to_vec())).collect();
        let received = FieldMap::received(fields, &Account::default()).unwrap();
        assert_eq!(all(&received), [("x-a", &b"1"[..])]);
    }

    #[test]
    fn names_have_no_case_and_values_keep_their_order() {
        let mut map = map();
        for (name, value) in [("X-A", "1"), ("b", "2"), ("x-a", "3"), ("X-a", "4")] {
            map.append(name, value.into()).unwrap();
        }
        assert_eq!(map.get("x-A").collect::<Vec<_>>(), [b"1", b"3", b"4"]);
        let names: Vec<&str> = all(&map).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["X-A", "b", "x-a", "X-a"]);
        assert_eq!(map.to_send()[0].0, "x-a");
        map.set("x-a", vec![b"5".to_vec(), b"6".to_vec()]).unwrap();
        let expected = [("x-a", &b"5"[..]), ("x-a", b"6"), ("b", b"2")];
        assert_eq!(all(&map), expected);
        map.set("B", vec![]).unwrap();
        map.delete("X-A").unwrap();
        map.delete("nothing").unwrap();
        assert_eq!((all(&map).len(), map.size()), (0, 0));
    }

    #[test]
    fn a_length_is_one_number_in_digits() {
        let mut map = map();
        for value in ["", "+5", "-5", " 5", "5 ", "5,5", "0x5", "18446744073709551616", "٥"] {
            assert_eq!(map.append("content-length", value.into()), Err(FieldError::Syntax));
        }
        map.append("Content-Length", b"007".to_vec()).unwrap();
        assert_eq!(map.content_length(), Some(7));
        assert_eq!(map.append("content-length", b"7".to_vec()), Err(FieldError::Syntax));
        let two = vec![b"7".to_vec(), b"7".to_vec()];
        assert_eq!(map.set("content-length", two), Err(FieldError::Syntax));
        map.set("content-length", vec![b"18446744073709551615".to_vec()]).unwrap();
        assert_eq!(map.content_length(), Some(u64::MAX));
    }

    #[test]
    fn all_together_have_a_size_and_are_on_the_account() {
        let account = Account::default();
        let mut map = FieldMap::new(&account);
        let mut count = 0;
        let full = loop {
            match map.append("x", vec![]) {
                Ok(()) => count += 1,
                Err(error) => break error,
            }
        };
        assert_eq!((full, count), (FieldError::TooLarge, MAX_FIELDS / 33));
        assert_eq!(map.set("y", vec![vec![b'a'; 200]]), Err(FieldError::TooLarge));
        assert_eq!(account.used(), map.size());
        let copy = map.copied(&account).unwrap();
        assert_eq!(account.used(), 2 * map.size());
        map.set("x", vec![vec![b'a'; (MAX_FIELDS - 33) as usize]]).unwrap();
        assert_eq!(map.size(), MAX_FIELDS);
        map.delete("x").unwrap();
        drop(copy);
        assert_eq!((map.size(), account.used()), (0, 0));

        let small = Account::new(100);
        let mut map = FieldMap::new(&small);
        assert!(matches!(map.append("x", vec![0x20; 100]), Err(FieldError::Exceeded(_))));
        assert_eq!((map.size(), small.used()), (0, 0));
        // More than the limit of what guests make: whoever receives has looked.
        let many = vec![("x".to_owned(), Vec::new()); 40_000];
        assert_eq!(FieldMap::received(many, &account).unwrap().get("X").count(), 40_000);
    }

    #[test]
    fn what_is_fixed_stays() {
        let mut fields = Fields::Fixed(Arc::new(map()));
        assert_eq!(fields.map_mut().unwrap_err(), FieldError::Immutable);
        let mut fields = Fields::Own(map());
        fields.map_mut().unwrap().append("a", b"1".to_vec()).unwrap();
        assert_eq!(fields.into_fixed().get("A").count(), 1);
    }
}
