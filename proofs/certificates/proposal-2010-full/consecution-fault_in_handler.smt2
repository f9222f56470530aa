; proposal-2010-full: consecution fault_in_handler
; A page that the fault handler writes is protected: it faults, and its handler does, before it can do anything.
; shown: lemma 10: ~faulted_in_handler
(set-logic ALL)
(declare-sort Cpu 0)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase protecting|) (|phase writing|) (|phase stopping|) (|phase copying|) (|phase writing_copies|) (|phase off|) (|phase loading|) (|phase suspending|) (|phase restoring|) (|phase resumed|) (|phase aborting|) (|phase aborted|) (|phase abandoned|) (|phase flushed|) (|phase marked|) (|phase lost|) (|phase fresh|))))
(declare-fun cached_writable (Cpu Page) Bool)
(declare-fun copied (Page) Bool)
(declare-fun handlers_own (Page) Bool)
(declare-fun in_use (Page) Bool)
(declare-fun phase () |Choice phase|)
(declare-fun running (Cpu) Bool)
(declare-fun writable (Page) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |number of copied| () Int)
(declare-fun |observed page| () Page)
(declare-fun |this cpu| () Cpu)
(declare-fun |this page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
(assert (>= |number of copied| 0))
(assert (<= |number of copied| |how many pages|))
(assert (=> (copied |observed page|) (>= |number of copied| 1)))
(assert (=> (not (copied |observed page|)) (<= |number of copied| (- |how many pages| 1))))
(assert (=> (copied |this page|) (>= |number of copied| 1)))
(assert (=> (not (copied |this page|)) (<= |number of copied| (- |how many pages| 1))))
(assert (=> (and (distinct |observed page| |this page|) (copied |observed page|) (copied |this page|)) (>= |number of copied| 2)))
; require ~self.own_pages_unprotected
(assert false)
; require self.executes(cpu)
(assert (and (or (= phase |phase running|) (= phase |phase protecting|) (= phase |phase writing|) (= phase |phase stopping|) (= phase |phase copying|) (= phase |phase writing_copies|) (= phase |phase loading|) (= phase |phase suspending|) (= phase |phase restoring|) (= phase |phase aborting|) (= phase |phase flushed|) (= phase |phase marked|)) (running |this cpu|)))
; require self.in_use[page]
(assert (in_use |this page|))
; require ~self.writable[page]
(assert (not (writable |this page|)))
; require ~self.cached_writable[cpu, page]
(assert (not (cached_writable |this cpu| |this page|)))
; require self.handlers_own[page]
(assert (handlers_own |this page|))
; and yet not
(assert (not (and false)))
(check-sat)
