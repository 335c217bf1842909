//! The answers of the host, kept for a second run.

use crate::value::Value;

/// Host values that are kept for a second run, in bytes.
const MAX_RECORDING: usize = 64 << 10;

/// The answers that the host has given to a process so far.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    answers: Vec<Recorded>,
    writes: Vec<(u32, Vec<u8>)>,
    bytes: usize,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub value: Option<Value>,
    /// Addresses and bytes that the host function wrote into the memory of its caller.
    pub writes: Vec<(u32, Vec<u8>)>,
}

impl Recording {
    /// Notes what a host function that has not answered yet has written.
    pub fn note_writes(&mut self, mut writes: Vec<(u32, Vec<u8>)>) {
        for (_, bytes) in &writes {
            self.bytes = self.bytes.saturating_add(bytes.len()).saturating_add(32);
        }
        if self.bytes <= MAX_RECORDING {
            self.writes.append(&mut writes);
        }
    }

    /// Notes an answer. When there is too much, the recording is given up.
    pub fn note(&mut self, value: &Option<Value>) {
        if self.bytes > MAX_RECORDING {
            return;
        }
        self.bytes = self.bytes.saturating_add(value.as_ref().map_or(32, size));
        let writes = std::mem::take(&mut self.writes);
        if self.bytes <= MAX_RECORDING {
            self.answers.push(Recorded { value: value.clone(), writes });
        } else {
            self.answers = Vec::new();
        }
    }

    /// The answers in order, if none is missing.
    pub fn into_answers(self) -> Option<Vec<Recorded>> {
        (self.bytes <= MAX_RECORDING).then_some(self.answers)
    }
}

/// True if values are few enough to be kept for a second run.
pub(crate) fn small(values: &[Value]) -> bool {
    values.iter().map(size).fold(0, usize::saturating_add) <= MAX_RECORDING
}

/// Roughly the bytes of a value; it is not looked at beyond the limit.
fn size(value: &Value) -> usize {
    use crate::value::List;
    let all = |values: &[Value]| {
        let mut sum = 0usize;
        for value in values {
            sum = sum.saturating_add(size(value));
            if sum > MAX_RECORDING {
                break;
            }
        }
        sum
    };
    size_of::<Value>().saturating_add(match value {
        Value::String(text) => text.len(),
        Value::List(List::Scalars(_, bytes)) => bytes.len(),
        Value::List(List::Values(values)) | Value::Record(values) => all(values),
        Value::Map(entries) => entries.len().saturating_mul(MAX_RECORDING / 8),
        Value::Variant { payload: Some(payload), .. } => size(payload),
        Value::Bool(_)
        | Value::S8(_)
        | Value::U8(_)
        | Value::S16(_)
        | Value::U16(_)
        | Value::S32(_)
        | Value::U32(_)
        | Value::S64(_)
        | Value::U64(_)
        | Value::F32(_)
        | Value::F64(_)
        | Value::Char(_)
        | Value::Variant { .. }
        | Value::Flags(_)
        | Value::Own(_)
        | Value::Borrow(_) => 0,
    })
}
