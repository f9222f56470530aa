; tuxonice: safety consumed_once
(set-logic ALL)
(declare-fun resumed_twice () Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many cpus| 1))
(assert (>= |how many devices| 1))
; the property is denied
(assert resumed_twice)
; lemma 2 at the scalars: ~resumed_twice
(assert (not resumed_twice))
; and yet not
(assert (not false))
(check-sat)
