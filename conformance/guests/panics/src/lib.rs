wit_bindgen::generate!({ world: "panics" });

struct Panics;

impl Guest for Panics {
    fn panic(message: String) {
        panic!("{message}");
    }

    fn index(items: Vec<u32>, at: u32) -> u32 {
        items[at as usize]
    }

    fn unwrap(text: String) -> i32 {
        text.parse().unwrap()
    }
}

export!(Panics);
