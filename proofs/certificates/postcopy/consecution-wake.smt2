; postcopy: consecution wake
; The page is there, and whoever waited for it goes on.
(set-logic ALL)
(declare-sort Cpu 0)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase sending|) (|phase switching|) (|phase running|) (|phase complete|))))
(declare-fun phase () |Choice phase|)
(declare-fun present (Page) Bool)
(declare-fun waits (Cpu Page) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |this cpu| () Cpu)
(declare-fun |this page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; require self.powered()
(assert (= phase |phase running|))
; require self.waits[cpu, page]
(assert (waits |this cpu| |this page|))
; require self.present[page]
(assert (present |this page|))
; and yet not
(assert (not true))
(check-sat)
