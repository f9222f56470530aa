; background-snapshot: safety restored
(set-logic ALL)
(declare-sort Content 0)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase stopping|) (|phase stopped|) (|phase saving|) (|phase complete|))))
(declare-fun image (Page) Content)
(declare-fun phase () |Choice phase|)
(declare-fun snapshot (Page) Content)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |page for every 0| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; the property is denied
(assert (not (or (not (= phase |phase complete|)) (= (image |page for every 0|) (snapshot |page for every 0|)))))
; lemma 0 at page = page for every 0: implies(phase == 'complete', image[page] == snapshot[page])
(assert (or (not (= phase |phase complete|)) (= (image |page for every 0|) (snapshot |page for every 0|))))
; and yet not
(assert (not false))
(check-sat)
