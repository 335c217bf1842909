//! Primitives that only compute: sums of texts, base64, differences, time zones. All are
//! given short texts, or are paid for by who calls them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use dissimilar::Chunk;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, tz::TimeZone};
use md5::Md5;
use mlua::{Error, Function, Lua, LuaString, MultiValue, Result, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::primitives::Primitives;

/// Bytes of the two texts of a difference: the work grows with their product.
const MAX_DIFF: usize = 16 << 10;

/// The most rounds of a key derivation in one call.
const MAX_ROUNDS: u32 = 1000;

pub(super) fn primitive(lua: &Lua, _: &Primitives, name: &str) -> Result<Option<Function>> {
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
        "fnv" => lua
            .create_function(|_, (long, data): (bool, LuaString)| Ok(fnv(long, &data.as_bytes()))),
        "hex" => lua.create_function(|_, bytes: LuaString| Ok(hex(&bytes.as_bytes()))),
        "base64_encode" => {
            lua.create_function(|_, data: LuaString| Ok(STANDARD.encode(&*data.as_bytes())))
        }
        "base64_decode" => {
            lua.create_function(|lua, text: LuaString| match STANDARD.decode(&*text.as_bytes()) {
                Ok(data) => Ok((Some(lua.create_string(data)?), None)),
                Err(why) => Ok((None, Some(format!("illegal base64 data: {why}")))),
            })
        }
        "diff" => lua.create_function(diff),
        // The seconds that a zone is ahead of UTC at a time, and what it calls that.
        "zone" => lua.create_function(|_, (name, seconds): (String, i64)| Ok(zone(&name, seconds))),
        _ => return Ok(None),
    };
    primitive.map(Some)
}

fn hash(name: &str, data: &[u8]) -> Result<Vec<u8>> {
    Ok(match name {
        "md5" => Md5::digest(data).to_vec(),
        "sha1" => Sha1::digest(data).to_vec(),
        "sha256" => Sha256::digest(data).to_vec(),
        "sha512" => Sha512::digest(data).to_vec(),
        other => return Err(Error::RuntimeError(format!("there is no hash {other}"))),
    })
}

fn mac(name: &str, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    fn of<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
        let mac = <M as KeyInit>::new_from_slice(key);
        let mut mac = mac.map_err(|why| Error::RuntimeError(why.to_string()))?;
        mac.update(data);
        Ok(mac.finalize().into_bytes().to_vec())
    }
    match name {
        "md5" => of::<Hmac<Md5>>(key, data),
        "sha1" => of::<Hmac<Sha1>>(key, data),
        "sha256" => of::<Hmac<Sha256>>(key, data),
        "sha384" => of::<Hmac<Sha384>>(key, data),
        "sha512" => of::<Hmac<Sha512>>(key, data),
        other => Err(Error::RuntimeError(format!("there is no hash {other}"))),
    }
}

/// The sum of Fowler, Noll and Vo, in the form that Go's `hash/fnv` has as `New32a` and
/// `New64a`.
fn fnv(long: bool, data: &[u8]) -> i64 {
    if long {
        let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        return data.iter().fold(0xcbf2_9ce4_8422_2325, step).cast_signed();
    }
    let step = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    data.iter().fold(0x811c_9dc5, step).into()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |n: u8| DIGITS.get(usize::from(n & 15)).copied().unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The pieces of a difference, each after the word for what it is; or nothing, and why.
fn diff(lua: &Lua, (a, b): (LuaString, LuaString)) -> Result<MultiValue> {
    let text = |value: Option<String>| match value {
        Some(text) => lua.create_string(text).map(Value::String),
        None => Ok(Value::Nil),
    };
    let refuse = |why: String| Ok([Value::Nil, text(Some(why))?].into_iter().collect());
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().saturating_add(b.len()) > MAX_DIFF {
        return refuse(format!("the texts have more than {MAX_DIFF} bytes together"));
    }
    let (Ok(a), Ok(b)) = (std::str::from_utf8(&a), std::str::from_utf8(&b)) else {
        return refuse("only texts in UTF-8 are compared".to_owned());
    };
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
            (fnv(false, b"a"), fnv(true, b"")),
            (0xe40c_292c, 0xcbf2_9ce4_8422_2325_u64.cast_signed())
        );
    }

    #[test]
    fn a_zone_knows_its_summer() {
        let new_york = |seconds| zone("America/New_York", seconds);
        assert_eq!(new_york(1_704_067_200), (Some(-5 * 3600), Some("EST".to_owned())));
        assert_eq!(new_york(1_719_792_000), (Some(-4 * 3600), Some("EDT".to_owned())));
        assert_eq!(zone("Invalid/Location", 0), (None, None));
    }
}
