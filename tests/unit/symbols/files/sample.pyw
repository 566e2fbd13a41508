"""A queue of jobs."""

from __future__ import annotations

import asyncio
import os.path as paths
from collections.abc import Callable
from typing import Generic, TypeVar

from .errors import QueueFull as Full

T = TypeVar("T")
MAX_JOBS = 100
DEFAULTS = {
    "retries": 3,
}
#: How long a worker waits.
timeout: float = 1.5
timeout = 2.5


def retry(
    times: int = 3,  # attempts
    *,
    on: type[Exception] = OSError,
) -> Wrapper:
    """
    Calls a function again when it fails.

    More words.
    """

    def wrap(function: Callable[[], T]) -> Callable[[], T]:
        attempts = times

        def inner(*args: object) -> T:
            for _ in range(attempts):
                try:
                    return function(*args)
                except on:
                    continue
            raise Full(times)

        return inner

    return wrap


# A job to be done.
# Has a second line.
@dataclass(frozen=True)
class Job(Generic[T], metaclass=Meta):
    name: str
    LIMIT = 5
    state: State | None = State.NEW

    class Config:
        """Settings of a job."""

        strict = True

    @property
    def path(self) -> str: return paths.join("jobs", self.name)

    @retry(times=2)
    @staticmethod
    async def run(queue: "asyncio.Queue[Job]") -> list[Result]:
        'Runs it.'
        return await asyncio.gather(*(job.start(key=Job) for job in queue))


class Empty(errors.Base, Full): ...


if paths.exists("x"):
    def conditional(): pass
else:
    conditional = None

@app.route("/")
def index():
    # not documentation
    return render(Job, MAX_JOBS)


check = lambda x: x + 1
first = second = None  # trailing

a, b = 1, 2
