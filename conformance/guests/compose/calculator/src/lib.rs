wit_bindgen::generate!({ world: "calculator", path: "../wit" });

use wippy::conformance::adder;

struct Calculator;

impl Guest for Calculator {
    fn calc(expr: String) -> Result<i32, String> {
        let text = adder::squeeze(&expr);
        let mut rest = text.as_str();
        if rest.is_empty() {
            return Err("nothing to calculate".into());
        }
        let mut sum = 0;
        while !rest.is_empty() {
            // A sign, which the first number may lack, and the digits after it.
            let end = rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| matches!(c, '+' | '-'))
                .map_or(rest.len(), |(at, _)| at);
            let (term, next) = rest.split_at(end);
            let number = term.parse().map_err(|_| format!("not a number: {term}"))?;
            sum = adder::add(sum, number);
            rest = next;
        }
        Ok(sum)
    }

    fn sum(numbers: Vec<i32>) -> i32 {
        let tally = adder::Tally::new(0);
        for number in numbers {
            tally.add(number);
        }
        tally.total()
    }

    fn leftovers() -> u32 {
        adder::tallies()
    }
}

export!(Calculator);
