; proposal-2010: consecution restart_cpu
; A stopped CPU runs again.
; shown: lemma 5: implies(phase == 'aborted', running[cpu])
; shown: lemma 20: ~(running[cpu] & ((phase == 'copying') | (phase == 'restoring') | (phase == 'resumed')))
(set-logic ALL)
(declare-sort Cpu 0)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase protecting|) (|phase writing|) (|phase stopping|) (|phase copying|) (|phase writing_copies|) (|phase off|) (|phase loading|) (|phase suspending|) (|phase restoring|) (|phase resumed|) (|phase aborting|) (|phase aborted|) (|phase abandoned|))))
(declare-fun copied (Page) Bool)
(declare-fun phase () |Choice phase|)
(declare-fun running (Cpu) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |number of copied| () Int)
(declare-fun |observed cpu| () Cpu)
(declare-fun |observed page| () Page)
(declare-fun |this cpu| () Cpu)
; what is known of the sorts
(assert (>= |how many devices| 1))
(assert (>= |how many pages| 1))
(assert (>= |how many cpus| 1))
(assert (>= |number of copied| 0))
(assert (<= |number of copied| |how many pages|))
(assert (=> (copied |observed page|) (>= |number of copied| 1)))
(assert (=> (not (copied |observed page|)) (<= |number of copied| (- |how many pages| 1))))
; require self.phase == "aborting"
(assert (= phase |phase aborting|))
; require ~self.running[cpu]
(assert (not (running |this cpu|)))
; and yet not
(assert (not (and (or (not (= phase |phase aborted|)) (ite (= |observed cpu| |this cpu|) true (running |observed cpu|))) (not (and (ite (= |observed cpu| |this cpu|) true (running |observed cpu|)) (or (= phase |phase copying|) (= phase |phase restoring|) (= phase |phase resumed|)))))))
(check-sat)
