; postcopy: consecution touch
; A CPU reads or writes a page that is missing: it waits.
(set-logic ALL)
(declare-sort Cpu 0)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase sending|) (|phase switching|) (|phase running|) (|phase complete|))))
(declare-fun phase () |Choice phase|)
(declare-fun present (Page) Bool)
(declare-fun settled (Page) Bool)
(declare-fun waits (Cpu Page) Bool)
(declare-fun |every 1| () Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |observed page| () Page)
(declare-fun |page of every 1| () Page)
(declare-fun |this cpu| () Cpu)
(declare-fun |this page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
(assert (=> |every 1| (and (not (waits |this cpu| |observed page|)) (not (waits |this cpu| |this page|)))))
(assert (or |every 1| (not (not (waits |this cpu| |page of every 1|)))))
; require self.in_guest(cpu)
(assert (and (= phase |phase running|) |every 1|))
; require ~self.present[page]
(assert (not (present |this page|)))
; require self.settled[page]
(assert (settled |this page|))
; and yet not
(assert (not true))
(check-sat)
