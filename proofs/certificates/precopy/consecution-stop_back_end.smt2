; precopy: consecution stop_back_end
; A back end stops (VHOST_GET_VRING_BASE returns). It may have something to mark still.
; shown: lemma 5: ~(working[device] & ((phase == 'stopped') | (phase == 'handed_over')))
(set-logic ALL)
(declare-sort Device 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase setup|) (|phase rounds|) (|phase stopping|) (|phase stopped|) (|phase handed_over|) (|phase given_up|))))
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
; require self.phase == "stopping"
(assert (= phase |phase stopping|))
; require self.working[device]
(assert (working |this device|))
; and yet not
(assert (not (and (not (and (ite (= |observed device| |this device|) false (working |observed device|)) (or (= phase |phase stopped|) (= phase |phase handed_over|)))))))
(check-sat)
