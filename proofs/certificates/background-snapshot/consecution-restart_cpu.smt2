; background-snapshot: consecution restart_cpu
; One CPU runs again.
; shown: lemma 5: ~(running[cpu] & (phase == 'stopped'))
(set-logic ALL)
(declare-sort Cpu 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase stopping|) (|phase stopped|) (|phase saving|) (|phase complete|))))
(declare-fun phase () |Choice phase|)
(declare-fun running (Cpu) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |observed cpu| () Cpu)
(declare-fun |this cpu| () Cpu)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; require self.phase == "saving"
(assert (= phase |phase saving|))
; require ~self.running[cpu]
(assert (not (running |this cpu|)))
; and yet not
(assert (not (and (not (and (ite (= |observed cpu| |this cpu|) true (running |observed cpu|)) (= phase |phase stopped|))))))
(check-sat)
