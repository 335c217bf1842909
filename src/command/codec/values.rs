//! Terms and values.

use super::{Coded, DecodeError, Problem, Reader, Writer, coded_as, coded_enum, coded_struct};
#[cfg(test)]
use crate::command::codec::tests::Random;
use crate::value::{List, Resource, ResourceId, Scalar, Term, Value};

coded_enum! { Term {
    0 = Nil;
    1 = Bool(truth);
    2 = Int(number);
    3 = Uint(number);
    4 = Float(number);
    5 = Text(text);
    6 = Bytes(bytes);
    7 = List(items);
    8 = Map(pairs);
} check |term| match term {
    Term::Uint(number) if i64::try_from(*number).is_ok() => {
        Err("a large integer that is not large")
    }
    Term::Nil
    | Term::Bool(_)
    | Term::Int(_)
    | Term::Uint(_)
    | Term::Float(_)
    | Term::Text(_)
    | Term::Bytes(_)
    | Term::List(_)
    | Term::Map(_) => Ok(()),
} }

coded_enum! { Value {
    0 = Bool(truth);
    1 = S8(number);
    2 = U8(number);
    3 = S16(number);
    4 = U16(number);
    5 = S32(number);
    6 = U32(number);
    7 = S64(number);
    8 = U64(number);
    9 = F32(number);
    10 = F64(number);
    11 = Char(one);
    12 = String(text);
    13 = List(list);
    14 = Map(pairs);
    15 = Record(fields);
    16 = Variant { case, payload };
    17 = Flags(bits);
    18 = Own(resource);
    19 = Borrow(resource);
} }

coded_enum! { List {
    0 = Scalars(scalar, bytes);
    1 = Values(values);
} check |list| match list {
    List::Scalars(scalar, bytes) if !bytes.len().is_multiple_of(scalar.size()) => {
        Err("a list of numbers that ends in the middle of one")
    }
    List::Scalars(..) | List::Values(_) => Ok(()),
} }

coded_enum! { Scalar {
    0 = S8;
    1 = U8;
    2 = S16;
    3 = U16;
    4 = S32;
    5 = U32;
    6 = S64;
    7 = U64;
    8 = F32;
    9 = F64;
} }

coded_struct! { Resource { ty, rep } }

coded_as! { ResourceId as u32: |id| id.0, |number| Ok(ResourceId(number)) }
