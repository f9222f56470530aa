; background-snapshot: consecution populate
; A page that is not there is read once, so that it has an entry that can be protected (ram_block_populate_read).
; shown: lemma 7: ~(~populated[page] & (phase == 'stopped'))
(set-logic ALL)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase stopping|) (|phase stopped|) (|phase saving|) (|phase complete|))))
(declare-fun phase () |Choice phase|)
(declare-fun populated (Page) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |observed page| () Page)
(declare-fun |this page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; require (self.phase == "running") | (self.phase == "stopping")
(assert (or (= phase |phase running|) (= phase |phase stopping|)))
; require ~self.populated[page]
(assert (not (populated |this page|)))
; lemma 7 at page = observed page: ~(~populated[page] & (phase == 'stopped'))
(assert (not (and (not (populated |observed page|)) (= phase |phase stopped|))))
; and yet not
(assert (not (and (not (and (not (ite (= |observed page| |this page|) true (populated |observed page|))) (= phase |phase stopped|))))))
(check-sat)
