; background-snapshot: consecution protect
; One entry is protected (UFFDIO_WRITEPROTECT). What CPUs have cached stays as it is.
; shown: lemma 6: ~(writable[page] & ((phase == 'saving') | (phase == 'complete')) & ~saved[page])
(set-logic ALL)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase stopping|) (|phase stopped|) (|phase saving|) (|phase complete|))))
(declare-fun phase () |Choice phase|)
(declare-fun populated (Page) Bool)
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
; require self.phase == "stopped"
(assert (= phase |phase stopped|))
; require self.populated[page]
(assert (populated |this page|))
; require self.writable[page]
(assert (writable |this page|))
; and yet not
(assert (not (and (not (and (ite (= |observed page| |this page|) false (writable |observed page|)) (or (= phase |phase saving|) (= phase |phase complete|)) (not (saved |observed page|)))))))
(check-sat)
