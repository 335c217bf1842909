//! The process of the example application `files`: arguments, environment,
//! clocks and files through nothing but Rust's standard library.

wit_bindgen::generate!({ world: "file-processor" });

use std::time::{Duration, Instant};
use std::{env, fs, thread};

struct FileProcessor;

impl Guest for FileProcessor {
    fn process() -> Result<(), String> {
        let input = argument("--input").ok_or("there is no --input among the arguments")?;
        let column = argument("--column").unwrap_or_else(|| "amount".to_owned());
        let format = env::var("OUTPUT_FORMAT").unwrap_or_else(|_| "txt".to_owned());

        let csv = fs::read_to_string(&input).map_err(|error| format!("{input}: {error}"))?;
        let (rows, total) = sum(&csv, &column).map_err(|error| format!("{input}: {error}"))?;
        let summary = match format.as_str() {
            "json" => {
                format!("{{\"column\": \"{column}\", \"rows\": {rows}, \"total\": {total}}}\n")
            }
            "csv" => format!("column,rows,total\n{column},{rows},{total}\n"),
            "txt" => format!("{rows} rows, total {column} {total}\n"),
            _ => return Err(format!("OUTPUT_FORMAT is {format}; it may be json, csv or txt")),
        };
        let output = format!("/output/summary.{format}");
        fs::write(&output, summary).map_err(|error| format!("{output}: {error}"))?;

        // The directory of the input is mounted read-only.
        if fs::write("/data/summary", "").is_ok() {
            return Err("/data can be written to".to_owned());
        }
        println!("{rows} rows, total {total}, in {output}; /data is read-only");
        Ok(())
    }

    fn countdown() -> Result<(), String> {
        let pause = env::var("PAUSE_MS").map_err(|error| format!("PAUSE_MS: {error}"))?;
        let pause = pause.parse().map_err(|error| format!("PAUSE_MS is {pause}: {error}"))?;
        let start = Instant::now();
        for left in (1..=3u32).rev() {
            println!("{left}");
            thread::sleep(Duration::from_millis(pause));
        }
        if start.elapsed() < Duration::from_millis(3 * pause) {
            return Err(format!("woken too early, after {:?}", start.elapsed()));
        }
        println!("lift-off");
        Ok(())
    }
}

/// What follows the option.
fn argument(option: &str) -> Option<String> {
    env::args().skip_while(|arg| arg != option).nth(1)
}

/// How many rows there are, and the sum of the column.
fn sum(csv: &str, column: &str) -> Result<(u32, i64), String> {
    let mut lines = csv.lines();
    let head = lines.next().ok_or("no first line")?;
    let at = head.split(',').position(|name| name == column);
    let at = at.ok_or_else(|| format!("no column {column} in {head}"))?;
    let (mut rows, mut total) = (0, 0);
    for line in lines {
        let value = line.split(',').nth(at).unwrap_or_default();
        total += value.parse::<i64>().map_err(|error| format!("{line}: {error}"))?;
        rows += 1;
    }
    Ok((rows, total))
}

export!(FileProcessor);
