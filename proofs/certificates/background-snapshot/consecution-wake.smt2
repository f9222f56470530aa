; background-snapshot: consecution wake
; Who waited for the page goes on, and tries its store again. It may be woken late, or for nothing.
(set-logic ALL)
(declare-sort Cpu 0)
(declare-sort Page 0)
(declare-datatypes ((|Choice fault| 0)) (((|fault none|) (|fault trapped|))))
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase stopping|) (|phase stopped|) (|phase saving|) (|phase complete|))))
(declare-fun fault (Cpu Page) |Choice fault|)
(declare-fun phase () |Choice phase|)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |this cpu| () Cpu)
(declare-fun |this page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; require self.phase == "saving"
(assert (= phase |phase saving|))
; require self.fault[cpu, page] == "trapped"
(assert (= (fault |this cpu| |this page|) |fault trapped|))
; and yet not
(assert (not true))
(check-sat)
