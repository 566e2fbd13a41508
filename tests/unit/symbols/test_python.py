"""The symbols of Python."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.pyw")) == snapshot(
        [
            '12-12 constant T | T = TypeVar("T")',
            "13-13 constant MAX_JOBS | MAX_JOBS = 100",
            "14-16 constant DEFAULTS | DEFAULTS = {…",
            "18-18 variable timeout | timeout: float = 1.5 | How long a worker waits.",
            "22-46 function retry | def retry(times: int = 3, *, on: type[Exception] = OSError) -> Wrapper |",
            "      Calls a function again when it fails.",
            "  33-44 function retry.wrap | def wrap(function: Callable[[], T]) -> Callable[[], T]",
            "    36-42 function retry.wrap.inner | def inner(*args: object) -> T",
            "51-69 class Job | class Job(Generic[T], metaclass=Meta) | A job to be done.",
            "  53-53 field Job.name | name: str",
            "  54-54 constant Job.LIMIT | LIMIT = 5",
            "  55-55 field Job.state | state: State | None = State.NEW",
            "  57-60 class Job.Config | class Config | Settings of a job.",
            "    60-60 field Job.Config.strict | strict = True",
            "  62-63 method Job.path | def path(self) -> str",
            '  65-69 method Job.run | async def run(queue: "asyncio.Queue[Job]") -> list[Result] | Runs it.',
            "72-72 class Empty | class Empty(errors.Base, Full)",
            "76-76 function conditional | def conditional()",
            "78-78 variable conditional | conditional = None",
            "80-83 function index | def index()",
            "86-86 variable check | check = lambda x: x + 1",
            "87-87 variable first | first = second = None",
            "89-89 variable a | a, b = 1, 2",
            "89-89 variable b | a, b = 1, 2",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.pyw")) == snapshot(
        [
            ": asyncio:5 path:6 abc:7 Callable:7 typing:8 Generic:8 TypeVar:8 errors:10 QueueFull:10 Full:10",
            "T: TypeVar:12",
            "timeout: float:18",
            "retry: int:23 Exception:25 OSError:25 Wrapper:26",
            "retry.wrap: Callable:33 T:33 Callable:33 T:33",
            "retry.wrap.inner: object:36 T:36 range:37 function:39 Full:42",
            "Job: dataclass:51 Generic:52 T:52 Meta:52",
            "Job.name: str:53",
            "Job.state: State:55 State:55 NEW:55",
            "Job.path: property:62 str:63 join:63",
            "Job.run: retry:65 staticmethod:66 Result:67 gather:69 start:69 Job:69",
            "Empty: Base:72 Full:72",
            ": exists:75",
            "index: route:80 render:83 Job:83 MAX_JOBS:83",
        ]
    )
