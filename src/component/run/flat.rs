//! Core values as their bits: what the canonical ABI calls flat.

use wasmi::{Val, ValType};

use crate::component::{abi::CoreType, link::plan::Signature};

/// The bits of a core value.
pub(crate) fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(v) => u64::from(*v as u32),
        Val::I64(v) => *v as u64,
        Val::F32(v) => u64::from(v.to_bits()),
        Val::F64(v) => v.to_bits(),
        _ => 0,
    }
}

/// A core value of the given type with these bits.
pub(crate) fn core_value(bits: u64, ty: CoreType) -> Val {
    match ty {
        CoreType::I32 => Val::I32(bits as u32 as i32),
        CoreType::I64 => Val::I64(bits as i64),
        CoreType::F32 => Val::F32(wasmi::F32::from_bits(bits as u32)),
        CoreType::F64 => Val::F64(wasmi::F64::from_bits(bits)),
    }
}

/// The core values of the given types with these bits.
pub(crate) fn core_values(flat: &[u64], types: &[ValType]) -> Vec<Val> {
    let value = |(bits, ty): (&u64, &ValType)| {
        let ty = match ty {
            ValType::I64 => CoreType::I64,
            ValType::F32 => CoreType::F32,
            ValType::F64 => CoreType::F64,
            _ => CoreType::I32,
        };
        core_value(*bits, ty)
    };
    flat.iter().zip(types).map(value).collect()
}

/// The bits of core values, in a buffer on the stack.
pub(crate) fn collect<'a>(values: &[Val], buffer: &'a mut [u64]) -> &'a [u64] {
    let len = values.len().min(buffer.len());
    for (to, from) in buffer.iter_mut().zip(values) {
        *to = bits(from);
    }
    buffer.get(..len).unwrap_or_default()
}

/// The arguments without the address for the result, and that address.
pub(crate) fn split_address<'a>(
    args: &'a [u64],
    signature: &Signature,
) -> (&'a [u64], Option<u64>) {
    match args.split_last() {
        Some((address, args)) if signature.spill_result => (args, Some(*address)),
        _ => (args, None),
    }
}
