wit_bindgen::generate!({ world: "records" });

struct Records;

impl Guest for Records {
    fn echo_bytes(data: Vec<u8>) -> Vec<u8> {
        data
    }

    fn echo_records(r: Vec<Rec>) -> Vec<Rec> {
        r
    }
}

export!(Records);
