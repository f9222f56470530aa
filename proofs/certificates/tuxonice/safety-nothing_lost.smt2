; tuxonice: safety nothing_lost
(set-logic ALL)
(declare-sort Content 0)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase saving_set_2|) (|phase stopping|) (|phase copying|) (|phase writing_copies|) (|phase marked|) (|phase off|) (|phase booted|) (|phase loading|) (|phase restoring|) (|phase reading_set_2|) (|phase resumed|) (|phase aborting|) (|phase aborted|) (|phase fresh|))))
(declare-fun completed (Page) Content)
(declare-fun memory (Page) Content)
(declare-fun phase () |Choice phase|)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |page for every 0| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many cpus| 1))
(assert (>= |how many devices| 1))
; the property is denied
(assert (not (or (not (= phase |phase aborted|)) (= (memory |page for every 0|) (completed |page for every 0|)))))
; lemma 1 at page = page for every 0: implies(phase == 'aborted', memory[page] == completed[page])
(assert (or (not (= phase |phase aborted|)) (= (memory |page for every 0|) (completed |page for every 0|))))
; and yet not
(assert (not false))
(check-sat)
