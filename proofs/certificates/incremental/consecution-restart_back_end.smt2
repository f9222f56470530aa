; incremental: consecution restart_back_end
; A back end works again.
; shown: lemma 7: ~(working[device] & ((phase == 'paused') | (phase == 'recorded')))
(set-logic ALL)
(declare-sort Device 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase pausing|) (|phase paused|) (|phase recorded|) (|phase off|) (|phase loading|) (|phase restored|) (|phase nothing_found|))))
(declare-fun phase () |Choice phase|)
(declare-fun working (Device) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |observed device| () Device)
(declare-fun |this device| () Device)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; require self.phase == "running"
(assert (= phase |phase running|))
; require ~self.working[device]
(assert (not (working |this device|)))
; and yet not
(assert (not (and (not (and (ite (= |observed device| |this device|) true (working |observed device|)) (or (= phase |phase paused|) (= phase |phase recorded|)))))))
(check-sat)
