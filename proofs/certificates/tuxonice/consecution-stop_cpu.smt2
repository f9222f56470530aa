; tuxonice: consecution stop_cpu
; A secondary CPU is stopped.
; shown: lemma 29: ~((phase == 'copying') & running[cpu])
(set-logic ALL)
(declare-sort Cpu 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase saving_set_2|) (|phase stopping|) (|phase copying|) (|phase writing_copies|) (|phase marked|) (|phase off|) (|phase booted|) (|phase loading|) (|phase restoring|) (|phase reading_set_2|) (|phase resumed|) (|phase aborting|) (|phase aborted|) (|phase fresh|))))
(declare-fun boot_cpu () Cpu)
(declare-fun phase () |Choice phase|)
(declare-fun running (Cpu) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |observed cpu| () Cpu)
(declare-fun |this cpu| () Cpu)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many cpus| 1))
(assert (>= |how many devices| 1))
; require self.phase == "stopping"
(assert (= phase |phase stopping|))
; require cpu != self.boot_cpu
(assert (not (= |this cpu| boot_cpu)))
; require self.running[cpu]
(assert (running |this cpu|))
; and yet not
(assert (not (and (not (and (= phase |phase copying|) (ite (= |observed cpu| |this cpu|) false (running |observed cpu|)))))))
(check-sat)
