; tuxonice: consecution suspend_device
; A driver suspends its device, for the atomic copy or for the atomic restore.
; shown: lemma 30: ~(((phase == 'copying') | (phase == 'restoring') | (phase == 'reading_set_2') | (phase == 'resumed')) & awake[device])
(set-logic ALL)
(declare-sort Device 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase saving_set_2|) (|phase stopping|) (|phase copying|) (|phase writing_copies|) (|phase marked|) (|phase off|) (|phase booted|) (|phase loading|) (|phase restoring|) (|phase reading_set_2|) (|phase resumed|) (|phase aborting|) (|phase aborted|) (|phase fresh|))))
(declare-fun awake (Device) Bool)
(declare-fun phase () |Choice phase|)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |observed device| () Device)
(declare-fun |this device| () Device)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many cpus| 1))
(assert (>= |how many devices| 1))
; require (self.phase == "stopping") | (self.phase == "loading")
(assert (or (= phase |phase stopping|) (= phase |phase loading|)))
; require self.awake[device]
(assert (awake |this device|))
; lemma 30 at device = observed device: ~(((phase == 'copying') | (phase == 'restoring') | (phase == 'reading_set_2') | (phase == 'resumed')) & awake[device])
(assert (not (and (or (= phase |phase copying|) (= phase |phase restoring|) (= phase |phase reading_set_2|) (= phase |phase resumed|)) (awake |observed device|))))
; and yet not
(assert (not (and (not (and (or (= phase |phase copying|) (= phase |phase restoring|) (= phase |phase reading_set_2|) (= phase |phase resumed|)) (ite (= |observed device| |this device|) false (awake |observed device|)))))))
(check-sat)
