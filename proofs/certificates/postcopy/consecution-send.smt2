; postcopy: consecution send
; The source sends a page: asked for or not, for the first time or again.
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
; require (self.phase == "switching") | self.powered()
(assert (or (= phase |phase switching|) (= phase |phase running|)))
; require self.kept[page]
(assert (kept |this page|))
; require ~self.coming[page]
(assert (not (coming |this page|)))
; lemma 1 at page = observed page: implies(phase == 'running', present[page] | coming[page] | kept[page])
(assert (or (not (= phase |phase running|)) (or (present |observed page|) (coming |observed page|) (kept |observed page|))))
; and yet not
(assert (not (and (or (not (= phase |phase running|)) (or (present |observed page|) (ite (= |observed page| |this page|) true (coming |observed page|)) (kept |observed page|))))))
(check-sat)
