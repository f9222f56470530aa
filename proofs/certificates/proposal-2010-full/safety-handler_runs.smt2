; proposal-2010-full: safety handler_runs
(set-logic ALL)
(declare-sort Page 0)
(declare-fun copied (Page) Bool)
(declare-fun faulted_in_handler () Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |number of copied| () Int)
(declare-fun |observed page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
(assert (>= |number of copied| 0))
(assert (<= |number of copied| |how many pages|))
(assert (=> (copied |observed page|) (>= |number of copied| 1)))
(assert (=> (not (copied |observed page|)) (<= |number of copied| (- |how many pages| 1))))
; the property is denied
(assert faulted_in_handler)
; lemma 10 at the scalars: ~faulted_in_handler
(assert (not faulted_in_handler))
; and yet not
(assert (not false))
(check-sat)
