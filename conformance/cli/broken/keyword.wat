(module (func (export "use") (result i32) (i32.const 1)))
