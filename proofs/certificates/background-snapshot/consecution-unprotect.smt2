; background-snapshot: consecution unprotect
; The protection of a saved page is lifted.
; shown: lemma 6: ~(writable[page] & ((phase == 'saving') | (phase == 'complete')) & ~saved[page])
(set-logic ALL)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase stopping|) (|phase stopped|) (|phase saving|) (|phase complete|))))
(declare-fun phase () |Choice phase|)
(declare-fun saved (Page) Bool)
(declare-fun writable (Page) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |observed page| () Page)
(declare-fun |this page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; require self.phase == "saving"
(assert (= phase |phase saving|))
; require ~self.writable[page]
(assert (not (writable |this page|)))
; require implies(self.saved_before_unprotected, self.saved[page])
(assert (saved |this page|))
; lemma 6 at page = observed page: ~(writable[page] & ((phase == 'saving') | (phase == 'complete')) & ~saved[page])
(assert (not (and (writable |observed page|) (or (= phase |phase saving|) (= phase |phase complete|)) (not (saved |observed page|)))))
; and yet not
(assert (not (and (not (and (ite (= |observed page| |this page|) true (writable |observed page|)) (or (= phase |phase saving|) (= phase |phase complete|)) (not (saved |observed page|)))))))
(check-sat)
