//! Primitives that only compute: sums of texts, base64, differences, time zones. All are
//! given short texts or short parts of long ones, and are paid for by who calls them.

use base64::{DecodeError, Engine as _, engine::general_purpose::STANDARD};
use dissimilar::Chunk;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, tz::TimeZone};
use md5::Md5;
use mlua::{Error, Function, Lua, LuaString, MultiValue, Result, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::primitives::Primitives;

/// Bytes of the two texts of a difference, without what they begin and end with both: the
/// work grows with their product.
const MAX_DIFF: usize = 8 << 10;
/// The longest text of a difference.
const MAX_TEXT: usize = 256 << 10;

/// The most rounds of a key derivation in one call.
const MAX_ROUNDS: u32 = 1000;

pub(super) fn primitive(
    lua: &Lua,
    primitives: &Primitives,
    name: &str,
) -> Result<Option<Function>> {
    let own = primitives.clone();
    let primitive = match name {
        "hash" => lua.create_function(|lua, (name, data): (String, LuaString)| {
            lua.create_string(hash(&name, &data.as_bytes())?)
        }),
        "hmac" => lua.create_function(|lua, (name, key, data): (String, LuaString, LuaString)| {
            lua.create_string(mac(&name, &key.as_bytes(), &data.as_bytes())?)
        }),
        // Further rounds of PBKDF2 (RFC 8018): the last round, and the sum so far.
        "pbkdf2" => lua.create_function(
            |lua, (name, key, last, sum, n): (String, LuaString, LuaString, LuaString, u32)| {
                let (key, mut last) = (key.as_bytes().to_vec(), last.as_bytes().to_vec());
                let mut sum = sum.as_bytes().to_vec();
                for _ in 0..n.min(MAX_ROUNDS) {
                    last = mac(&name, &key, &last)?;
                    sum.iter_mut().zip(&last).for_each(|(sum, byte)| *sum ^= byte);
                }
                Ok((lua.create_string(last)?, lua.create_string(sum)?))
            },
        ),
        "hasher" => lua.create_function(hasher),
        "fnv" => lua.create_function(|_, args: (bool, LuaString, usize, usize, Option<i64>)| {
            let (long, data, from, len, sum) = args;
            Ok(fnv(long, part(&data.as_bytes(), from, len), sum))
        }),
        "hex" => lua.create_function(|_, bytes: LuaString| Ok(hex(&bytes.as_bytes()))),
        "base64_encode" => {
            lua.create_function(|_, (data, from, len): (LuaString, usize, usize)| {
                Ok(STANDARD.encode(part(&data.as_bytes(), from, len)))
            })
        }
        "base64_decode" => {
            lua.create_function(|lua, (text, from, len): (LuaString, usize, usize)| {
                match decoded(&text.as_bytes(), from, len) {
                    Ok(data) => Ok((Some(lua.create_string(data)?), None)),
                    Err(why) => Ok((None, Some(format!("illegal base64 data: {why}")))),
                }
            })
        }
        "diff" => lua.create_function(move |lua, texts| diff(lua, &own, texts)),
        // The seconds that a zone is ahead of UTC at a time, and what it calls that.
        "zone" => lua.create_function(|_, (name, seconds): (String, i64)| Ok(zone(&name, seconds))),
        _ => return Ok(None),
    };
    primitive.map(Some)
}

/// So many bytes of a text, from a position of Lua on, which counts from 1.
fn part(text: &[u8], from: usize, len: usize) -> &[u8] {
    let rest = text.get(from.saturating_sub(1)..).unwrap_or_default();
    rest.get(..len).unwrap_or(rest)
}

/// A part of a text in base64, which other parts follow if it is not the last.
fn decoded(text: &[u8], from: usize, len: usize) -> std::result::Result<Vec<u8>, DecodeError> {
    let (coded, before) = (part(text, from, len), from.saturating_sub(1));
    let there = |at: usize| at.saturating_add(before);
    let is_last = there(coded.len()) >= text.len();
    match coded.iter().position(|byte| *byte == b'=') {
        Some(at) if !is_last => return Err(DecodeError::InvalidByte(there(at), b'=')),
        Some(_) | None => {}
    }
    STANDARD.decode(coded).map_err(|error| match error {
        DecodeError::InvalidByte(at, byte) => DecodeError::InvalidByte(there(at), byte),
        DecodeError::InvalidLastSymbol { offset, symbol, symbol_value } => {
            DecodeError::InvalidLastSymbol { offset: there(offset), symbol, symbol_value }
        }
        DecodeError::InvalidLength(len) => DecodeError::InvalidLength(there(len)),
        DecodeError::InvalidPadding => DecodeError::InvalidPadding,
    })
}

/// A sum that takes a text part by part.
trait Sum: Send {
    fn take(&mut self, part: &[u8]);
    fn give(self: Box<Self>) -> Vec<u8>;
}

struct Plain<D>(D);

impl<D: Digest + Send> Sum for Plain<D> {
    fn take(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    fn give(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}

struct Keyed<M>(M);

impl<M: Mac + Send> Sum for Keyed<M> {
    fn take(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    fn give(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().into_bytes().to_vec()
    }
}

fn sum(name: &str, key: Option<&[u8]>) -> Result<Box<dyn Sum>> {
    fn keyed<M: Mac + KeyInit + Send + 'static>(key: &[u8]) -> Result<Box<dyn Sum>> {
        let mac = <M as KeyInit>::new_from_slice(key);
        Ok(Box::new(Keyed(mac.map_err(|why| Error::RuntimeError(why.to_string()))?)))
    }
    match (name, key) {
        ("md5", None) => Ok(Box::new(Plain(Md5::new()))),
        ("sha1", None) => Ok(Box::new(Plain(Sha1::new()))),
        ("sha256", None) => Ok(Box::new(Plain(Sha256::new()))),
        ("sha384", None) => Ok(Box::new(Plain(Sha384::new()))),
        ("sha512", None) => Ok(Box::new(Plain(Sha512::new()))),
        ("md5", Some(key)) => keyed::<Hmac<Md5>>(key),
        ("sha1", Some(key)) => keyed::<Hmac<Sha1>>(key),
        ("sha256", Some(key)) => keyed::<Hmac<Sha256>>(key),
        ("sha384", Some(key)) => keyed::<Hmac<Sha384>>(key),
        ("sha512", Some(key)) => keyed::<Hmac<Sha512>>(key),
        (other, _) => Err(Error::RuntimeError(format!("there is no hash {other}"))),
    }
}

/// A function that takes parts of a text, and gives their sum when it is called without.
fn hasher(lua: &Lua, (name, key): (String, Option<LuaString>)) -> Result<Function> {
    let key = key.as_ref().map(LuaString::as_bytes);
    let mut sum = Some(sum(&name, key.as_deref())?);
    lua.create_function_mut(move |lua, (text, from, len): (Option<LuaString>, _, _)| {
        let (from, len): (Option<usize>, Option<usize>) = (from, len);
        match (text, &mut sum) {
            (Some(text), Some(sum)) => {
                let text = text.as_bytes();
                sum.take(part(&text, from.unwrap_or(1), len.unwrap_or(usize::MAX)));
                Ok(None)
            }
            (None, _) => sum.take().map(|sum| lua.create_string(sum.give())).transpose(),
            (Some(_), None) => Ok(None),
        }
    })
}

fn hash(name: &str, data: &[u8]) -> Result<Vec<u8>> {
    whole(sum(name, None)?, data)
}

fn mac(name: &str, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    whole(sum(name, Some(key))?, data)
}

fn whole(mut sum: Box<dyn Sum>, data: &[u8]) -> Result<Vec<u8>> {
    sum.take(data);
    Ok(sum.give())
}

/// The sum of Fowler, Noll and Vo, in the form that Go's `hash/fnv` has as `New32a` and
/// `New64a`; it goes on from a sum, if there is one.
fn fnv(long: bool, data: &[u8], sum: Option<i64>) -> i64 {
    if long {
        let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let begun = sum.map_or(0xcbf2_9ce4_8422_2325, i64::cast_unsigned);
        return data.iter().fold(begun, step).cast_signed();
    }
    let step = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    let begun = sum.and_then(|sum| u32::try_from(sum).ok()).unwrap_or(0x811c_9dc5);
    data.iter().fold(begun, step).into()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |n: u8| DIGITS.get(usize::from(n & 15)).copied().unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The pieces of a difference, each after the word for what it is; or nothing, and why.
fn diff(lua: &Lua, primitives: &Primitives, (a, b): (LuaString, LuaString)) -> Result<MultiValue> {
    let text = |value: Option<String>| match value {
        Some(text) => lua.create_string(text).map(Value::String),
        None => Ok(Value::Nil),
    };
    let refuse = |why: String| Ok([Value::Nil, text(Some(why))?].into_iter().collect());
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().max(b.len()) > MAX_TEXT {
        return refuse(format!("a text that is compared has at most {MAX_TEXT} bytes"));
    }
    let (Ok(a), Ok(b)) = (std::str::from_utf8(&a), std::str::from_utf8(&b)) else {
        return refuse("only texts in UTF-8 are compared".to_owned());
    };
    let (a_own, b_own) = differing(a.as_bytes(), b.as_bytes());
    if a_own.saturating_add(b_own) > MAX_DIFF {
        return refuse(format!(
            "the texts differ too much: in between what both begin and end with there are more \
             than {MAX_DIFF} bytes"
        ));
    }
    let work = a_own.saturating_add(1).saturating_mul(b_own.saturating_add(1)) / 16;
    let work = work.saturating_add(a.len().saturating_add(b.len()) / 4);
    primitives.budget.charge(i64::try_from(work).unwrap_or(i64::MAX));
    let pieces = lua.create_table()?;
    let mut at = 0_i64;
    for chunk in dissimilar::diff(a, b) {
        let (what, piece) = match chunk {
            Chunk::Equal(piece) => ("equal", piece),
            Chunk::Delete(piece) => ("delete", piece),
            Chunk::Insert(piece) => ("insert", piece),
        };
        for part in [what, piece] {
            at = at.saturating_add(1);
            pieces.raw_set(at, part)?;
        }
    }
    Ok([Value::Table(pieces)].into_iter().collect())
}

/// Bytes of two texts without what both begin and end with.
fn differing(a: &[u8], b: &[u8]) -> (usize, usize) {
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(front..).unwrap_or_default(), b.get(front..).unwrap_or_default());
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    (a.len().saturating_sub(back), b.len().saturating_sub(back))
}

/// The zones that come with the program: those of the machine would make a run differ
/// from the next.
fn zone(name: &str, seconds: i64) -> (Option<i32>, Option<String>) {
    let known = |name: &str| jiff::tz::TimeZoneDatabase::bundled().get(name).ok();
    let Some(zone): Option<TimeZone> = known(name) else { return (None, None) };
    // Beyond what is known, the last rule goes on.
    let clamped = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let Ok(time) = Timestamp::from_second(clamped) else { return (None, None) };
    let info = zone.to_offset_info(time);
    (Some(info.offset().seconds()), Some(info.abbreviation().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_their_standards() {
        let hello = |name| hex(&hash(name, b"hello").unwrap());
        assert_eq!(hello("md5"), "5d41402abc4b2a76b9719d911017c592");
        assert_eq!(hello("sha1"), "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d");
        // RFC 4231, test case 2.
        let mac = mac("sha256", b"Jefe", b"what do ya want for nothing?").unwrap();
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&mac), expected);
        assert_eq!(
            (fnv(false, b"a", None), fnv(true, b"", None)),
            (0xe40c_292c, 0xcbf2_9ce4_8422_2325_u64.cast_signed())
        );
        for long in [false, true] {
            assert_eq!(fnv(long, b"b", Some(fnv(long, b"a", None))), fnv(long, b"ab", None));
        }
    }

    #[test]
    fn parts_make_the_same_as_the_whole() {
        let text = b"The quick brown fox jumps over the lazy dog";
        for name in ["md5", "sha1", "sha256", "sha384", "sha512"] {
            let mut sum = sum(name, Some(b"key")).unwrap();
            sum.take(part(text, 1, 20));
            sum.take(part(text, 21, 1000));
            assert_eq!(sum.give(), mac(name, b"key", text).unwrap(), "{name}");
        }
        let coded = STANDARD.encode(text);
        let mut all = decoded(coded.as_bytes(), 1, 40).unwrap();
        all.extend(decoded(coded.as_bytes(), 41, 40).unwrap());
        assert_eq!(all, text);
        // Padding stands at the end of the whole, and a fault where it is.
        assert_eq!(decoded(b"YQ==YWJj", 1, 4), Err(DecodeError::InvalidByte(2, b'=')));
        assert_eq!(decoded(b"YWJjY!Jj", 5, 4), Err(DecodeError::InvalidByte(5, b'!')));
    }

    #[test]
    fn texts_differ_in_between_what_they_share() {
        assert_eq!(differing(b"abcd", b"abxd"), (1, 1));
        assert_eq!(differing(b"aaa", b"aa"), (1, 0));
        assert_eq!(differing(b"", b"x"), (0, 1));
    }

    #[test]
    fn a_zone_knows_its_summer() {
        let new_york = |seconds| zone("America/New_York", seconds);
        assert_eq!(new_york(1_704_067_200), (Some(-5 * 3600), Some("EST".to_owned())));
        assert_eq!(new_york(1_719_792_000), (Some(-4 * 3600), Some("EDT".to_owned())));
        assert_eq!(zone("Invalid/Location", 0), (None, None));
    }
}
