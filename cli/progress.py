"""What explore and verify say about progress: whether every fair run comes to what is expected eventually."""

from __future__ import annotations

from typing import Any

from ..checker.progress import Progress, check_progress
from ..checker.verdict import LIVENESS_STATUS, Result, Verdict
from ..model.machine import Machine, Sizes

VERIFY_SECONDS = 20.0
WORST: tuple[Verdict, ...] = ("violated", "vacuous", "unknown", "holds")


def progress_at(
    machine: Machine, sizes: Sizes, dropped: frozenset[str], timeout: float | None, memory: int
) -> tuple[Result, list[Progress]]:
    """Every expectation by itself, and the worst of the answers as the result of the exploration."""
    found = [check_progress(machine, sizes, item, dropped=dropped, timeout=timeout, memory=memory) for item in machine.eventualities]
    worst = min(found, key=lambda answer: WORST.index(answer.verdict))
    result = Result(
        machine, sizes, dropped, worst.verdict, worst.verdict != "unknown", worst.states, worst.transitions, worst.depth,
        sum(answer.seconds for answer in found), broken=worst.item.name if worst.lasso is not None else None,
        run=worst.lasso.run if worst.lasso is not None else None, reason=worst.reason,
        unmet=(worst.item.name,) if worst.verdict == "vacuous" else (), reductions=("cut down to what matters",),
        stored=worst.states, loop=worst.lasso.loop if worst.lasso is not None else None,
    )  # fmt: skip
    return result, found


def progress_fields(answer: Progress) -> dict[str, Any]:
    """One expectation, for ``--json``."""
    return {
        "property": answer.item.name,
        "verdict": answer.verdict,
        "sizes": dict(answer.sizes),
        "states": answer.states,
        "pending": answer.pending,
        "seconds": round(answer.seconds, 3),
        "reason": answer.reason,
        "length": len(answer.lasso.run.steps) if answer.lasso is not None else None,
        "loop": answer.lasso.loop if answer.lasso is not None else None,
        "fairness": [{"action": fair.action, "fair": fair.kind, "need": fair.need} for fair in answer.fairness],
    }


def progress_lines(answer: Progress) -> list[str]:
    """One expectation, for people."""
    name, where = answer.item.name, f"at {answer.sizes}: {answer.states:,} states, {answer.pending:,} of them on the way"
    match answer.verdict:
        case "holds":
            lines = [f"{name}: every fair run gets there {where}"]
            for kind in ("weak", "strong"):
                for need in ("necessary", "weak would do", "not necessary"):
                    names = [fair.action for fair in answer.fairness if (fair.kind, fair.need) == (kind, need)]
                    each = ", each" if len(names) > 1 else ""
                    lines += [f"{kind} fairness, {need}{each}: {', '.join(names)}"] if names else []
            return lines + ([answer.reason] if answer.reason else [])
        case "violated":
            return [f"{name}: a fair run never gets there {where}"]
        case "vacuous":
            return [f"{name}: vacuous {where}: {answer.reason}"]
    return [f"{name}: unknown {where}: {answer.reason}"]


def verify_progress(machine: Machine, sizes: Sizes, timeout: float | None, memory: int, as_json: bool) -> tuple[list[dict[str, Any]], int]:
    """For verify: every expectation, at the smallest of the sizes; and the exit status that follows."""
    from ..checker.packing import smaller_sizes

    rows: list[dict[str, Any]] = []
    status = 0
    for item in machine.eventualities:
        answer = check_progress(
            machine, next(smaller_sizes(sizes, machine)), item, timeout=min(timeout or VERIFY_SECONDS, VERIFY_SECONDS), memory=memory
        )
        rows.append(progress_fields(answer))
        status = max(status, {"violated": LIVENESS_STATUS, "vacuous": 14}.get(answer.verdict, 0))
        if not as_json:
            first, *more = progress_lines(answer)
            print(f"  {first}; not proved for every size", flush=True)
            for line in more:
                print(f"    {line}")
            if answer.verdict == "violated":
                print("    thawcheck explore --progress shows the run")
    return rows, status
