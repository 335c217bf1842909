//! Standard streams.

use std::io::{self, BufRead, IsTerminal, Read, Write};

/// Every line of stdin, with its number, as it comes in.
pub fn lines() -> io::Result<()> {
    let mut number = 0;
    for line in io::stdin().lock().lines() {
        number += 1;
        println!("{number}: {}", line?);
    }
    println!("{number} lines");
    Ok(())
}

/// All of stdin, which need not be text.
pub fn count() -> io::Result<()> {
    let mut all = Vec::new();
    io::stdin().lock().read_to_end(&mut all)?;
    let sum =
        all.iter().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    println!("{} bytes, sum {sum:08x}", all.len());
    // The end stays the end.
    let again = io::stdin().lock().read(&mut [0; 16])?;
    println!("then {again}");
    Ok(())
}

/// Lines to both streams in turn.
pub fn mixed() -> io::Result<()> {
    for turn in 0..3 {
        println!("out {turn}");
        eprintln!("err {turn}");
    }
    io::stdout().flush()?;
    io::stderr().flush()
}

/// Output without a newline at its end, flushed and then not.
pub fn partial() -> io::Result<()> {
    print!("flushed, ");
    io::stdout().flush()?;
    print!("left over");
    Ok(())
}

/// That many bytes of every value, the same each time.
pub fn big(size: usize) -> io::Result<()> {
    let mut state = 1u32;
    let bytes: Vec<u8> = (0..size)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    io::stdout().write_all(&bytes)
}

/// What of the streams is a terminal.
pub fn terminal() {
    println!("stdin {}", io::stdin().is_terminal());
    println!("stdout {}", io::stdout().is_terminal());
    println!("stderr {}", io::stderr().is_terminal());
}
