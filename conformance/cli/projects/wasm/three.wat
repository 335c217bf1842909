(component
 (core module $m (func (export "a") (result i32) i32.const 1))
 (core instance $i (instantiate $m))
 (func $f (result u32) (canon lift (core func $i "a")))
 (instance $x (export "go" (func $f)))
 (export "a:b/c@1.0.0" (instance $x)) (export "a:b/d@1.0.0" (instance $x)) (export "d:e/c@2.0.0" (instance $x)))
