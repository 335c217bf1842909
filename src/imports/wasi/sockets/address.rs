//! Addresses as values of `wasi:sockets/network`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::{
    component::Trap,
    imports::wasi::call::{Args, unexpected_argument},
    value::Value,
};

/// The next argument, an `ip-socket-address`.
pub(super) fn read(args: &mut Args) -> Result<SocketAddr, Trap> {
    let (case, payload) = args.case()?;
    of_parts(case, payload)
}

/// The next argument, an optional `ip-socket-address`.
pub(super) fn read_option(args: &mut Args) -> Result<Option<SocketAddr>, Trap> {
    match args.option()? {
        None => Ok(None),
        Some(Value::Variant { case, payload }) => {
            of_parts(case, payload.map(|value| *value)).map(Some)
        }
        Some(_) => Err(unexpected_argument()),
    }
}

fn of_parts(case: u32, payload: Option<Value>) -> Result<SocketAddr, Trap> {
    let Some(Value::Record(fields)) = payload else { return Err(unexpected_argument()) };
    let mut fields = Args::new(fields);
    let port = u16_of(&fields.value()?)?;
    match case {
        0 => {
            let [a, b, c, d] = numbers(fields.value()?, u8_of)?;
            Ok(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into())
        }
        1 => {
            let flow = u32_of(&fields.value()?)?;
            let segments: [u16; 8] = numbers(fields.value()?, u16_of)?;
            let scope = u32_of(&fields.value()?)?;
            Ok(SocketAddrV6::new(Ipv6Addr::from(segments), port, flow, scope).into())
        }
        _ => Err(unexpected_argument()),
    }
}

fn u8_of(value: &Value) -> Result<u8, Trap> {
    if let Value::U8(number) = value { Ok(*number) } else { Err(unexpected_argument()) }
}

fn u16_of(value: &Value) -> Result<u16, Trap> {
    if let Value::U16(number) = value { Ok(*number) } else { Err(unexpected_argument()) }
}

fn u32_of(value: &Value) -> Result<u32, Trap> {
    if let Value::U32(number) = value { Ok(*number) } else { Err(unexpected_argument()) }
}

/// The items of a tuple.
fn numbers<T, const N: usize>(
    value: Value,
    each: fn(&Value) -> Result<T, Trap>,
) -> Result<[T; N], Trap> {
    let Value::Record(items) = value else { return Err(unexpected_argument()) };
    let numbers: Vec<T> = items.iter().map(each).collect::<Result<_, _>>()?;
    numbers.try_into().map_err(|_| unexpected_argument())
}

/// An `ip-address`.
pub(super) fn ip(address: IpAddr) -> Value {
    let (case, payload) = match address {
        IpAddr::V4(address) => (0, v4(address)),
        IpAddr::V6(address) => (1, v6(address)),
    };
    Value::Variant { case, payload: Some(Box::new(payload)) }
}

/// An `ip-socket-address`.
pub(super) fn write(address: SocketAddr) -> Value {
    let port = Value::U16(address.port());
    let (case, fields) = match address {
        SocketAddr::V4(address) => (0, vec![port, v4(*address.ip())]),
        SocketAddr::V6(address) => {
            let flow = Value::U32(address.flowinfo());
            (1, vec![port, flow, v6(*address.ip()), Value::U32(address.scope_id())])
        }
    };
    Value::Variant { case, payload: Some(Box::new(Value::Record(fields))) }
}

fn v4(address: Ipv4Addr) -> Value {
    Value::Record(address.octets().into_iter().map(Value::U8).collect())
}

fn v6(address: Ipv6Addr) -> Value {
    Value::Record(address.segments().into_iter().map(Value::U16).collect())
}

/// Tells whether an address is one single end's.
pub(super) fn is_unicast(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !address.is_multicast() && !address.is_broadcast(),
        IpAddr::V6(address) => !address.is_multicast(),
    }
}

/// Tells whether there can be another end at this address.
pub(super) fn is_remote(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_unspecified() && address.port() != 0
}
