(component (import "m" (core module (export "f" (func)))) (import "c" (component)) (import "i" (instance $i (export "x" (core module)))))
