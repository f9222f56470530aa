; precopy: safety one_guest
(set-logic ALL)
(declare-sort Cpu 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase setup|) (|phase rounds|) (|phase stopping|) (|phase stopped|) (|phase handed_over|) (|phase given_up|))))
(declare-fun phase () |Choice phase|)
(declare-fun running (Cpu) Bool)
(declare-fun |cpu for every 0| () Cpu)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; the property is denied
(assert (not (or (not (= phase |phase handed_over|)) (not (running |cpu for every 0|)))))
; lemma 1 at cpu = cpu for every 0: implies(phase == 'handed_over', ~running[cpu])
(assert (or (not (= phase |phase handed_over|)) (not (running |cpu for every 0|))))
; and yet not
(assert (not false))
(check-sat)
