//! The program: what `wit/greet.wit` says that it exports.

wit_bindgen::generate!({ path: "wit" });

struct Greeter;

impl Guest for Greeter {
    fn greet(name: String) -> String {
        format!("Hello, {name}!")
    }
}

export!(Greeter);
