; postcopy: consecution place_before_settled
; A page is placed by an address at which another page lies by now.
; shown: lemma 0: implies((phase == 'running') | (phase == 'complete'), implies(present[page], memory[page] == expected[page]))
; shown: lemma 1: implies(phase == 'running', present[page] | coming[page] | kept[page])
; shown: lemma 3: ~(~(phase == 'sending') & ~stale[page] & present[page] & ~(memory[page] == expected[page]))
; shown: lemma 4: ~(((phase == 'sending') | (phase == 'switching')) & ~stale[page] & present[page] & ~(memory[page] == source[page]))
(set-logic ALL)
(declare-sort Content 0)
(declare-sort Page 0)
(declare-datatypes ((|Choice phase| 0)) (((|phase sending|) (|phase switching|) (|phase running|) (|phase complete|))))
(declare-fun coming (Page) Bool)
(declare-fun expected (Page) Content)
(declare-fun kept (Page) Bool)
(declare-fun memory (Page) Content)
(declare-fun phase () |Choice phase|)
(declare-fun present (Page) Bool)
(declare-fun settled (Page) Bool)
(declare-fun source (Page) Content)
(declare-fun stale (Page) Bool)
(declare-fun |how many cpus| () Int)
(declare-fun |how many devices| () Int)
(declare-fun |how many pages| () Int)
(declare-fun |observed page| () Page)
(declare-fun |this elsewhere| () Page)
(declare-fun |this page| () Page)
; what is known of the sorts
(assert (>= |how many pages| 1))
(assert (>= |how many devices| 1))
(assert (>= |how many cpus| 1))
; require ~self.settled_before_placed
(assert false)
; require self.phase == "switching"
(assert (= phase |phase switching|))
; require self.coming[page]
(assert (coming |this page|))
; require ~self.settled[page]
(assert (not (settled |this page|)))
; and yet not
(assert (not (and (or (not (or (= phase |phase running|) (= phase |phase complete|))) (or (not (present |observed page|)) (= (ite (= |observed page| |this elsewhere|) (source |this page|) (memory |observed page|)) (expected |observed page|)))) (or (not (= phase |phase running|)) (or (present |observed page|) (ite (= |observed page| |this page|) false (coming |observed page|)) (kept |observed page|))) (not (and (not (= phase |phase sending|)) (not (stale |observed page|)) (present |observed page|) (not (= (ite (= |observed page| |this elsewhere|) (source |this page|) (memory |observed page|)) (expected |observed page|))))) (not (and (or (= phase |phase sending|) (= phase |phase switching|)) (not (stale |observed page|)) (present |observed page|) (not (= (ite (= |observed page| |this elsewhere|) (source |this page|) (memory |observed page|)) (source |observed page|))))))))
(check-sat)
