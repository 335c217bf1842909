use std::time::Duration;

use super::{hostile, round};

#[test]
fn the_books_are_balanced() {
    round(Duration::from_secs(2), 7).unwrap();
}

#[test]
fn nobody_makes_the_host_hold_more_than_is_on_the_accounts() {
    println!("{}", hostile::run(Duration::from_secs(5), 7).unwrap());
}
