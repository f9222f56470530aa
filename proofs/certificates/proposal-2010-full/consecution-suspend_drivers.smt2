; proposal-2010-full: consecution suspend_drivers
; The boot kernel's drivers suspend; they need memory for it, and may not get it (L3, Q2).
(set-logic ALL)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase protecting|) (|phase writing|) (|phase stopping|) (|phase copying|) (|phase writing_copies|) (|phase off|) (|phase loading|) (|phase suspending|) (|phase restoring|) (|phase resumed|) (|phase aborting|) (|phase aborted|) (|phase abandoned|) (|phase flushed|) (|phase marked|) (|phase lost|) (|phase fresh|))))
(declare-fun copied (Page) Bool)
(declare-fun drivers_suspended () Bool)
(declare-fun phase () |Choice phase|)
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
; require self.phase == "suspending"
(assert (= phase |phase suspending|))
; require ~self.drivers_suspended
(assert (not drivers_suspended))
; and yet not
(assert (not true))
(check-sat)
