//! Inputs that are made of others.

use crate::random::Random;

/// The most bytes of an input.
const MOST: usize = 64 << 10;

/// Changes of one input, at most.
const CHANGES: usize = 6;

/// Bytes at which readers have something to decide.
const ODD: [&[u8]; 12] = [
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x80, 0x80, 0x80, 0x80, 0x08],
    &[0xff; 8],
    b"\"",
    b"\n",
    b"{[(",
    "\u{202e}\u{1b}[".as_bytes(),
];

/// Makes inputs.
#[derive(Debug)]
pub struct Mutator {
    random: Random,
    seeds: Vec<Vec<u8>>,
    at: usize,
}

impl Mutator {
    pub fn new(seed: u64, seeds: Vec<Vec<u8>>) -> Mutator {
        Mutator { random: Random(seed), seeds, at: 0 }
    }

    /// The seeds as they are, one after the other; then what is made of them, and now
    /// and then of nothing.
    pub fn next(&mut self) -> Vec<u8> {
        if let Some(seed) = self.seeds.get(self.at) {
            self.at += 1;
            return seed.clone();
        }
        let mut input = match self.random.index(8) {
            0 => self.noise(),
            _ => self.seed(),
        };
        for _ in 0..=self.random.index(CHANGES) {
            self.change(&mut input);
        }
        input.truncate(MOST);
        input
    }

    fn seed(&mut self) -> Vec<u8> {
        let at = self.random.index(self.seeds.len());
        self.seeds.get(at).cloned().unwrap_or_default()
    }

    fn noise(&mut self) -> Vec<u8> {
        let length = self.random.index(4096);
        (0..length).map(|_| self.random.next() as u8).collect()
    }

    /// A part of an input: from where to where.
    fn part(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.random.index(length + 1);
        let most = match self.random.index(2) {
            0 => 8,
            _ => length,
        };
        from..length.min(from + self.random.index(most + 1))
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random.index(input.len());
        match self.random.index(8) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.random.index(8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = self.random.next() as u8;
                }
            }
            2 => {
                let part = self.part(input.len());
                input.drain(part);
            }
            3 => {
                let part = self.part(input.len());
                let copy = input[part].to_vec();
                input.splice(at..at, copy);
            }
            4 | 5 => {
                let odd = ODD[self.random.index(ODD.len())];
                let end =
                    if self.random.index(2) == 0 { at } else { input.len().min(at + odd.len()) };
                input.splice(at..end, odd.iter().copied());
            }
            _ => {
                let other = self.seed();
                let from = self.part(other.len());
                let to = self.part(input.len());
                input.splice(to, other[from].iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_inputs_each_time() {
        let inputs = |seed| {
            let mut mutator = Mutator::new(seed, vec![b"abc".to_vec(), b"(module)".to_vec()]);
            (0..200).map(|_| mutator.next()).collect::<Vec<_>>()
        };
        assert_eq!(inputs(7), inputs(7));
        assert_ne!(inputs(7), inputs(8));
        assert_eq!(inputs(7)[0], b"abc");
    }
}
