; postcopy: safety nothing_lost
(set-logic ALL)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase sending|) (|phase switching|) (|phase running|) (|phase complete|))))
(declare-fun coming (Page) Bool)
(declare-fun kept (Page) Bool)
(declare-fun phase () |Choice phase|)
(declare-fun present (Page) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |page for every 0| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; the property is denied
(assert (not (or (not (= phase |phase running|)) (or (present |page for every 0|) (coming |page for every 0|) (kept |page for every 0|)))))
; lemma 1 at page = page for every 0: implies(phase == 'running', present[page] | coming[page] | kept[page])
(assert (or (not (= phase |phase running|)) (or (present |page for every 0|) (coming |page for every 0|) (kept |page for every 0|))))
; and yet not
(assert (not false))
(check-sat)
