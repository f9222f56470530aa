; postcopy: safety restored
(set-logic ALL)
(declare-sort Content 0)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase sending|) (|phase switching|) (|phase running|) (|phase complete|))))
(declare-fun expected (Page) Content)
(declare-fun memory (Page) Content)
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
(assert (not (or (not (or (= phase |phase running|) (= phase |phase complete|))) (or (not (present |page for every 0|)) (= (memory |page for every 0|) (expected |page for every 0|))))))
; lemma 0 at page = page for every 0: implies((phase == 'running') | (phase == 'complete'), implies(present[page], memory[page] == expected[page]))
(assert (or (not (or (= phase |phase running|) (= phase |phase complete|))) (or (not (present |page for every 0|)) (= (memory |page for every 0|) (expected |page for every 0|)))))
; and yet not
(assert (not false))
(check-sat)
