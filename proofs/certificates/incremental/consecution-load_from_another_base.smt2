; incremental: consecution load_from_another_base
; A page that the newest epoch does not have is taken from images of something else.
; shown: lemma 0: implies(phase == 'restored', memory[page] == ite(marked, snapshot[page], snapshot_before[page]))
; shown: lemma 5: ~(marked & ~(phase == 'off') & loaded[page] & ~(memory[page] == snapshot[page]))
; shown: lemma 6: ~(~marked & ~(phase == 'off') & loaded[page] & ~(memory[page] == snapshot_before[page]))
; shown: lemma 8: ~(~((phase == 'off') | (phase == 'loading') | (phase == 'restored')) & loaded[page])
; shown: lemma 9: ~(~marked & ~has_chain & loaded[page])
; shown: lemma 20: ~(((phase == 'paused') | (phase == 'recorded')) & ~(memory[page] == snapshot[page]))
; shown: lemma 25: ~(~unmarked[page] & ~marks[page] & ~logged[page] & ((phase == 'running') | (phase == 'pausing') | (phase == 'paused') | (phase == 'recorded')) & ~(memory[page] == snapshot[page]))
(set-logic ALL)
(declare-sort Content 0)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase running|) (|phase pausing|) (|phase paused|) (|phase recorded|) (|phase off|) (|phase loading|) (|phase restored|) (|phase nothing_found|))))
(declare-fun has_chain () Bool)
(declare-fun in_epoch (Page) Bool)
(declare-fun loaded (Page) Bool)
(declare-fun logged (Page) Bool)
(declare-fun marked () Bool)
(declare-fun marks (Page) Bool)
(declare-fun memory (Page) Content)
(declare-fun phase () |Choice phase|)
(declare-fun snapshot (Page) Content)
(declare-fun snapshot_before (Page) Content)
(declare-fun unmarked (Page) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |observed page| () Page)
(declare-fun |this content| () Content)
(declare-fun |this page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; require ~self.own_base
(assert false)
; require self.phase == "loading"
(assert (= phase |phase loading|))
; require ~self.loaded[page]
(assert (not (loaded |this page|)))
; require self.marked
(assert marked)
; require ~self.in_epoch[page]
(assert (not (in_epoch |this page|)))
; and yet not
(assert (not (and (or (not (= phase |phase restored|)) (= (ite (= |observed page| |this page|) |this content| (memory |observed page|)) (ite marked (snapshot |observed page|) (snapshot_before |observed page|)))) (not (and marked (not (= phase |phase off|)) (ite (= |observed page| |this page|) true (loaded |observed page|)) (not (= (ite (= |observed page| |this page|) |this content| (memory |observed page|)) (snapshot |observed page|))))) (not (and (not marked) (not (= phase |phase off|)) (ite (= |observed page| |this page|) true (loaded |observed page|)) (not (= (ite (= |observed page| |this page|) |this content| (memory |observed page|)) (snapshot_before |observed page|))))) (not (and (not (or (= phase |phase off|) (= phase |phase loading|) (= phase |phase restored|))) (ite (= |observed page| |this page|) true (loaded |observed page|)))) (not (and (not marked) (not has_chain) (ite (= |observed page| |this page|) true (loaded |observed page|)))) (not (and (or (= phase |phase paused|) (= phase |phase recorded|)) (not (= (ite (= |observed page| |this page|) |this content| (memory |observed page|)) (snapshot |observed page|))))) (not (and (not (unmarked |observed page|)) (not (marks |observed page|)) (not (logged |observed page|)) (or (= phase |phase running|) (= phase |phase pausing|) (= phase |phase paused|) (= phase |phase recorded|)) (not (= (ite (= |observed page| |this page|) |this content| (memory |observed page|)) (snapshot |observed page|))))))))
(check-sat)
