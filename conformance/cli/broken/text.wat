(module (func (export "f") (param i32 i32 (result i32)))
