(module
    (tag $wrong)
    (func (export "run") (throw $wrong)))
