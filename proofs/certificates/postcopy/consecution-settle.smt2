; postcopy: consecution settle
; A region is moved to its place and registered: who touches a missing page in it waits (UFFDIO_REGISTER).
(set-logic ALL)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase sending|) (|phase switching|) (|phase running|) (|phase complete|))))
(declare-fun phase () |Choice phase|)
(declare-fun settled (Page) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |this page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; require self.phase == "switching"
(assert (= phase |phase switching|))
; require ~self.settled[page]
(assert (not (settled |this page|)))
; and yet not
(assert (not true))
(check-sat)
