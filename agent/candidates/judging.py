"""Which of several candidates is the best, and why; runs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from codeagent.agent.events import CandidateReport


def best(reports: Sequence[CandidateReport]) -> CandidateReport:
    """The check passes first; then the fewest failing tests, the smaller change, the fewer tokens, the lower number."""
    return min(reports, key=_order)


def why(chosen: CandidateReport, reports: Sequence[CandidateReport]) -> str:
    """The choice as the end of a sentence that begins with "because"."""
    others = [report for report in reports if report.candidate != chosen.candidate]
    stopped = sum(report.outcome == "cancelled" for report in others)
    passing = [report for report in others if report.verify == "passed"]
    if chosen.verify == "passed" and not passing:
        if not stopped:
            return "it alone passes the check"
        return "it was the first to pass the check, and others were stopped then"
    rivals = passing if chosen.verify == "passed" else others
    own, rival = _order(chosen), _order(best(rivals))
    reason = next(text for text, mine, its in zip(_REASONS, own, rival, strict=True) if mine < its)
    among = "of those that pass the check" if chosen.verify == "passed" else "none passes the check, and of all"
    return f"{among} {reason}"


_REASONS = (
    "it alone passes",
    "it has the fewest failing tests",
    "it changes the fewest lines",
    "it took the fewest tokens",
    "it comes first and nothing else tells them apart",
)


def _order(report: CandidateReport) -> tuple[float, ...]:
    failed = float("inf") if report.failed_tests is None else report.failed_tests
    passed = report.verify == "passed"
    return (not passed, 0 if passed else failed, report.changed_lines, report.tokens, report.candidate)
