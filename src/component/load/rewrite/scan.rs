//! A quick look at the bytes of function bodies, so that only those are decoded
//! in which there may be something to rewrite.
//!
//! Nearly all bodies have nothing, and there are megabytes of them. So the bytes
//! are looked at without being understood, in blocks, of which the compiler makes
//! wide comparisons. The bytes of an instruction may also mean something else
//! (a constant, an index), which costs no more than decoding one function.

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// The bytes of the longest pattern, less one.
const OVERLAP: usize = 3;

/// A function body may contain one of these instructions:
///
/// * `memory.grow`: 0x40, then an index, which is small;
/// * a bulk instruction: 0xfc, then 8 to 17, or a padded number;
/// * an integer store of which the offset takes three bytes or more, or with the
///   index of a memory: 0x36, 0x37 or 0x3a to 0x3e, then the alignment, of which
///   bit 6 announces an index, then the offset;
/// * a `select` right behind an instruction that may leave a comparison for being equal as
///   its condition (see `selects`): 0x1b or 0x1c behind the comparison itself, 0x45 to 0x47
///   or 0xd1; behind another without operands, of those that are listed below; or behind one
///   with an index of one byte or two, 0x02, 0x04, 0x0d or 0x21, or with a type, 0x1c.
///
/// `memories` is how many the module has.
pub(super) fn may_need_rewriting(body: &[u8], memories: usize) -> bool {
    let memories = u8::try_from(memories).unwrap_or(0x80).min(0x80);
    let mut rest = body;
    while rest.len() > OVERLAP {
        let take = rest.len().min(BLOCK + OVERLAP);
        let Some(block) = rest.get(..take) else { break };
        if block_matches(block, memories) {
            return true;
        }
        rest = rest.get(take - OVERLAP..).unwrap_or_default();
    }
    // Fewer bytes than the longest pattern are left: padded, so that it fits.
    let mut end = [0u8; 2 * OVERLAP];
    end.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    block_matches(&end, memories)
}

fn block_matches(block: &[u8], memories: u8) -> bool {
    let at = |n: usize| block.get(n..).unwrap_or_default();
    let windows = block.iter().zip(at(1)).zip(at(2)).zip(at(3));
    let mut found = 0u8;
    for (((a, b), c), d) in windows {
        let grow = u8::from(*a == 0x40) & (u8::from(*b < memories) | (*b >> 7));
        let bulk = u8::from(*a == 0xfc) & (u8::from(b.wrapping_sub(8) <= 9) | (*b >> 7));
        let far = (*c & *d) >> 7;
        let other = (*b >> 6) | (*b >> 7);
        let integer = u8::from(a.wrapping_sub(0x36) <= 8) & u8::from(*a & 0xfe != 0x38);
        let store = integer & (far | other) & 1;
        let select = |byte: &u8| u8::from(byte.wrapping_sub(0x1b) <= 1);
        // `i32.eqz`, `i32.eq`, `i32.ne`; `ref.is_null`.
        let equal = u8::from(a.wrapping_sub(0x45) <= 2) | u8::from(*a == 0xd1);
        // `nop`, `else`, `end`, `select`.
        let plain = [0x01, 0x05, 0x0b, 0x1b].map(|code| u8::from(*a == code));
        let plain = plain[0] | plain[1] | plain[2] | plain[3];
        // `i32.add` to `i32.rotr`; what makes an `i32` out of others.
        let number = u8::from(a.wrapping_sub(0x6a) <= 0x0e)
            | u8::from(*a == 0xa7)
            | u8::from(a.wrapping_sub(0xbc) <= 5);
        // `block`, `if`, `br_if`, `local.set`.
        let indexed = [0x02, 0x04, 0x0d, 0x21].map(|code| u8::from(*a == code));
        let indexed = indexed[0] | indexed[1] | indexed[2] | indexed[3];
        let select = ((equal | plain | number) & select(b))
            | (indexed & (select(c) | select(d)))
            | (u8::from(*a == 0x1c) & select(d));
        found |= grow | bulk | store | select;
    }
    found != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wat: &str) -> bool {
        let wat = format!("(module (memory $m 1) (memory $n 1) (table 1 funcref) {wat})");
        let bytes = wat::parse_str(wat).unwrap();
        let mut found = false;
        for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
            if let wasmparser::Payload::CodeSectionEntry(body) = payload.unwrap() {
                found |= may_need_rewriting(body.as_bytes(), 2);
            }
        }
        found
    }

    #[test]
    fn what_may_need_rewriting_is_found_wherever_it_is() {
        let wanted = [
            "(drop (memory.grow (i32.const 1)))",
            "(memory.fill (i32.const 1) (i32.const 2) (i32.const 3))",
            "(memory.copy (i32.const 1) (i32.const 2) (i32.const 3))",
            "(table.copy (i32.const 1) (i32.const 2) (i32.const 3))",
            "(table.fill (i32.const 1) (ref.null func) (i32.const 3))",
            "(drop (table.grow (ref.null func) (i32.const 3)))",
            "(i32.store offset=65536 (i32.const 0) (i32.const 0))",
            "(i64.store32 offset=1000000 (i32.const 0) (i64.const 0))",
            "(i32.store8 $n (i32.const 0) (i32.const 0))",
            "(drop (select (i32.const 1) (i32.const 2) (i32.eqz (i32.const 3))))",
            "(drop (select (i64.const 1) (i64.const 2) (i32.ne (i32.const 3) (i32.const 4)) (nop)))",
            "(drop (select (i32.const 1) (i32.const 2) (i32.eqz (i32.const 3)) (nop) (nop) (nop)))",
            "(drop (select (i32.const 1) (i32.const 2) (ref.is_null (ref.null func))))",
            "(drop (select (i32.const 1) (i32.const 2) (loop (result i32) (i32.eqz (i32.const 3)))))",
            "(drop (select (i32.const 1) (i32.const 2) (i32.or (i32.const 0) (i32.eqz (i32.const 3)))))",
            "(drop (select (result i32) (i32.const 1) (i32.const 2) (i32.eq (i32.const 3) (i32.const 4))))",
        ];
        for wanted in wanted {
            for before in 0..130 {
                let nops = "(nop) ".repeat(before);
                assert!(found(&format!("(func {nops} {wanted})")), "{wanted} after {before}");
            }
        }
    }

    #[test]
    fn ordinary_functions_are_not_decoded() {
        let harmless = "(func (param i32) (result i32)
            (i32.store offset=16000 (local.get 0) (local.get 0))
            (f32.store offset=70000 (local.get 0) (f32.const 1))
            (block (loop (br_if 1 (local.get 0)) (br 0)))
            (i32.add (i32.load offset=70000 (local.get 0)) (i32.const 63)))";
        assert!(!found(harmless));
    }
}
