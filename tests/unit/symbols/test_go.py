"""The symbols of Go."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.go")) == snapshot(
        [
            "13-13 constant MaxJobs | const MaxJobs = 100 | MaxJobs is how many jobs there may be.",
            "17-17 constant Only | Only = 1 | Only is alone in its list.",
            "23-23 constant New | New State = iota | New has not begun.",
            "24-24 constant Running | Running",
            "25-25 constant done | done, failed = 7, 8",
            "25-25 constant failed | done, failed = 7, 8",
            "29-29 variable defaultQueue | defaultQueue *Queue",
            "30-30 variable first | first, second = pair()",
            "30-30 variable second | first, second = pair()",
            '33-33 variable ErrFull | var ErrFull = NewError("full")',
            "36-36 type State | type State int | State tells how far a job is.",
            "40-40 type Handler | Handler func(ctx context.Context, job *Job) (Result, error) | Handler does",
            "      the work.",
            "41-41 type ID | ID = string",
            "45-50 interface Store | type Store[K comparable, V any] interface | Store keeps jobs.",
            "  48-48 method Store.Get | Get(ctx context.Context, key K) (V, error) | Get finds one.",
            "55-65 struct Job | type Job struct | Job is one piece of work.",
            '  58-58 field Job.ID | ID, Name string `json:"id"`',
            '  58-58 field Job.Name | ID, Name string `json:"id"`',
            "  60-60 field Job.Parents | Parents []*Job | Parents come first.",
            "  61-61 field Job.handlers | handlers map[string]Handler",
            "  62-64 field Job.nested | nested struct {…",
            "    63-63 field Job.nested.Deep | Deep int",
            "68-74 function New2 | func New2(store Store[string, Job], options ...Option) *Queue",
            "78-89 method Queue.Run | func (q *Queue) Run(ctx context.Context, jobs []Job) (n int, err error)",
            "      | Run runs all jobs",
            "91-91 method List.Len | func (List[T]) Len() int",
            "93-100 function Map | func Map[T, U any](items []T, f func(T) U) []U",
            "102-102 function main | func main()",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.go")) == snapshot(
        [
            "New: State:23",
            "defaultQueue: Queue:29",
            "second: pair:30",
            "ErrFull: NewError:33",
            "State: int:36",
            "Handler: Context:40 Job:40 Result:40 error:40",
            "ID: string:41",
            "Store: K:45 comparable:45 V:45 any:45 Base:46",
            "Store.Get: Context:48 K:48 V:48 error:48",
            "Store: int:49 string:49",
            "Job: Context:56 Base:57",
            "Job.Name: string:58",
            "Job.Parents: Job:60",
            "Job.handlers: string:61 Handler:61",
            "Job.nested.Deep: int:63",
            "New2: Store:68 string:68 Job:68 Option:68 Queue:68 int:70 int:72 int:72 Queue:73 helper:73",
            "Queue.Run: Queue:78 Context:79 Job:80 int:81 error:81 start:83 Check:84 Wrap:85 ToUpper:85",
            "      Name:85 len:88",
            "List.Len: List:91 T:91 int:91",
            "Map: T:93 U:93 any:93 T:93 T:93 U:93 U:93 make:94 U:94 len:94 any:95 Mapper:95 U:95 Node:97",
            "      append:99 Zero:99 U:99 U:99",
        ]
    )
