; tuxonice: safety saved_is_found
(set-logic ALL)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase saving_set_2|) (|phase stopping|) (|phase copying|) (|phase writing_copies|) (|phase marked|) (|phase off|) (|phase booted|) (|phase loading|) (|phase restoring|) (|phase reading_set_2|) (|phase resumed|) (|phase aborting|) (|phase aborted|) (|phase fresh|))))
(declare-fun given_out () Bool)
(declare-fun phase () |Choice phase|)
(declare-fun said_saved () Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many cpus| 1))
(assert (>= |how many devices| 1))
; the property is denied
(assert (not (or (not (and (= phase |phase fresh|) said_saved)) given_out)))
; lemma 3 at the scalars: implies((phase == 'fresh') & said_saved, given_out)
(assert (or (not (and (= phase |phase fresh|) said_saved)) given_out))
; and yet not
(assert (not false))
(check-sat)
