; postcopy: consecution drop_late
; A page arrives that is there already, and is dropped (UFFDIO_COPY says EEXIST).
; shown: lemma 1: implies(phase == 'running', present[page] | coming[page] | kept[page])
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
(declare-fun |observed page| () Page)
(declare-fun |this page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; require self.powered()
(assert (= phase |phase running|))
; require self.coming[page]
(assert (coming |this page|))
; require self.present[page]
(assert (present |this page|))
; lemma 7 at page = observed page: ~(~kept[page] & ~present[page])
(assert (not (and (not (kept |observed page|)) (not (present |observed page|)))))
; and yet not
(assert (not (and (or (not (= phase |phase running|)) (or (present |observed page|) (ite (= |observed page| |this page|) false (coming |observed page|)) (kept |observed page|))))))
(check-sat)
