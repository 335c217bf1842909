;; A raw core module as text. Its process entry says
;;   wit: "answer: func() -> s32;"
(module
  (func (export "answer") (result i32)
    i32.const 6
    i32.const 7
    i32.mul))
