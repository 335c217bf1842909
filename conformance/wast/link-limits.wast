;; Small components that ask for much. They are refused when they are linked,
;; before any of it is made.

;; Instances of instances: 2^16 of the innermost.
(assert_unlinkable
  (component
    (component $c0)
    (component $c1
      (alias outer 1 $c0 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c2
      (alias outer 1 $c1 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c3
      (alias outer 1 $c2 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c4
      (alias outer 1 $c3 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c5
      (alias outer 1 $c4 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c6
      (alias outer 1 $c5 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c7
      (alias outer 1 $c6 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c8
      (alias outer 1 $c7 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c9
      (alias outer 1 $c8 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c10
      (alias outer 1 $c9 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c11
      (alias outer 1 $c10 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c12
      (alias outer 1 $c11 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c13
      (alias outer 1 $c12 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c14
      (alias outer 1 $c13 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c15
      (alias outer 1 $c14 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c16
      (alias outer 1 $c15 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)))
    (instance (instantiate $c16)))
  "more than 10000 component instances")

;; Core instances.
(assert_unlinkable
  (component
    (core module $m)
    (component $c0
      (alias outer 1 $m (core module $m))
      (core instance (instantiate $m)) (core instance (instantiate $m))
      (core instance (instantiate $m)) (core instance (instantiate $m))
      (core instance (instantiate $m)) (core instance (instantiate $m))
      (core instance (instantiate $m)) (core instance (instantiate $m))
      (core instance (instantiate $m)) (core instance (instantiate $m))
      (core instance (instantiate $m)) (core instance (instantiate $m))
      (core instance (instantiate $m)) (core instance (instantiate $m))
      (core instance (instantiate $m)) (core instance (instantiate $m)))
    (component $c1
      (alias outer 1 $c0 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c))
      (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c2
      (alias outer 1 $c1 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c))
      (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c3
      (alias outer 1 $c2 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c))
      (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c)))
    (component $c4
      (alias outer 1 $c3 (component $c))
      (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c))
      (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c)))
    (instance (instantiate $c4)))
  "more than 10000 core instances")

;; Types of types: an instance of eight instances of eight instances, and so on,
;; all of them the same one, and then some aliases of it. Each type is made once.
(component
    (component $c0
      (core module $m (func (export "f")))
      (core instance $i (instantiate $m))
      (func (export "f") (canon lift (core func $i "f"))))
    (instance $i0 (instantiate $c0))
    (instance $i1 (export "a" (instance $i0)) (export "b" (instance $i0)) (export "c" (instance
        $i0)) (export "d" (instance $i0)) (export "e" (instance $i0)) (export "f" (instance $i0))
        (export "g" (instance $i0)) (export "h" (instance $i0)))
    (instance $i2 (export "a" (instance $i1)) (export "b" (instance $i1)) (export "c" (instance
        $i1)) (export "d" (instance $i1)) (export "e" (instance $i1)) (export "f" (instance $i1))
        (export "g" (instance $i1)) (export "h" (instance $i1)))
    (instance $i3 (export "a" (instance $i2)) (export "b" (instance $i2)) (export "c" (instance
        $i2)) (export "d" (instance $i2)) (export "e" (instance $i2)) (export "f" (instance $i2))
        (export "g" (instance $i2)) (export "h" (instance $i2)))
    (instance $i4 (export "a" (instance $i3)) (export "b" (instance $i3)) (export "c" (instance
        $i3)) (export "d" (instance $i3)) (export "e" (instance $i3)) (export "f" (instance $i3))
        (export "g" (instance $i3)) (export "h" (instance $i3)))
    (instance $i5 (export "a" (instance $i4)) (export "b" (instance $i4)) (export "c" (instance
        $i4)) (export "d" (instance $i4)) (export "e" (instance $i4)) (export "f" (instance $i4))
        (export "g" (instance $i4)) (export "h" (instance $i4)))
    (instance $i6 (export "a" (instance $i5)) (export "b" (instance $i5)) (export "c" (instance
        $i5)) (export "d" (instance $i5)) (export "e" (instance $i5)) (export "f" (instance $i5))
        (export "g" (instance $i5)) (export "h" (instance $i5)))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance))
    (alias export $i6 "a" (instance)) (alias export $i6 "b" (instance)) (alias export $i6 "c"
        (instance)))
