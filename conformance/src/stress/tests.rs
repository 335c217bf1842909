use std::time::Duration;

use super::round;

#[test]
fn the_books_are_balanced() {
    round(Duration::from_secs(2), 7).unwrap();
}
