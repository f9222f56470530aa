; incremental: safety promise_kept
(set-logic ALL)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase pausing|) (|phase paused|) (|phase recorded|) (|phase off|) (|phase loading|) (|phase restored|) (|phase nothing_found|))))
(declare-fun marked () Bool)
(declare-fun phase () |Choice phase|)
(declare-fun promised () Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; the property is denied
(assert (not (or (not (or (= phase |phase restored|) (= phase |phase nothing_found|))) (or marked (not promised)))))
; lemma 1 at the scalars: implies((phase == 'restored') | (phase == 'nothing_found'), marked | ~promised)
(assert (or (not (or (= phase |phase restored|) (= phase |phase nothing_found|))) (or marked (not promised))))
; and yet not
(assert (not false))
(check-sat)
