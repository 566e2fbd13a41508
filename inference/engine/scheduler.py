"""Answers several requests at once: puts what each wants next into one decode; knows no frames and no prompts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from time import perf_counter

from codeagent.inference.engine.cost_curve import CostCurve
from codeagent.inference.engine.generation import CancelledError, Generation, Step
from codeagent.inference.engine.ggml import NativeError
from codeagent.inference.engine.lineage import FEW, Addition, Line, Lineages, common
from codeagent.inference.engine.llama import CacheFullError, Context, DecodeAbortedError
from codeagent.inference.engine.warm import WarmStart

_SHORT = 32
"""What wants no more tokens than this is writing; what wants more is reading."""
_SHARED_S = 0.3
"""How long a decode may take, by the rate of reading, that others write in."""
_BACKGROUND_S = 1.0
"""The same for reading in the background: as much is lost when it has to make way."""


@dataclass(eq=False)
class Task:
    """A generation in work. `on_end` is called once, with what went wrong, if anything did; its own Finished event
    has then been emitted. `cancelled` may be set from any thread.
    """

    generation: Generation
    cancelled: Event
    on_end: Callable[[Exception | None], None]
    background: bool = False
    line: Line | None = None

    @property
    def held(self) -> int:
        """How many tokens its line has."""
        return len(self.line.tokens) if self.line else 0

    @property
    def missing(self) -> int:
        """How many tokens its line lacks; always at least one."""
        return len(self.generation.history) - self.held

    @property
    def reading(self) -> bool:
        """Whether it has long to read before it can write."""
        return self.missing > _SHORT


class Scheduler:
    """The tasks of one context, used by one thread. Those that write go first, what reads takes the room left.

    Tasks in the background go on only while there are no others.
    """

    def __init__(self, context: Context, beat: Callable[[], None]) -> None:
        """`beat` is called often while there is something to do, during a decode too."""
        self.lineages = Lineages(context)
        self.urgent = Event()
        """Set from any thread: something for the foreground is about to be added, and a decode in the background stops.
        To be cleared before it is.
        """
        self._context = context
        self._beat = beat
        self._tasks: list[Task] = []  # in the order they came
        self.curve = CostCurve()
        """What decodes have cost so far."""
        self.warm: WarmStart | None = None
        """What loads and saves lines; to be set before the first task, if at all."""
        self._rate: float | None = None  # tokens read a second, as measured last
        self._crowded = False  # the cache was full: nobody new may come before somebody has left
        self._stops: tuple[Callable[[], bool], ...] = ()  # any of them ends the decode that runs

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._tasks)

    def add(self, task: Task) -> None:
        """Take a task on; it begins with one of the next steps."""
        self._tasks.append(task)

    def step(self) -> None:
        """One decode at most, for all who can go on, and what follows from it."""
        self._beat()
        for task in [task for task in self._tasks if task.cancelled.is_set()]:
            self._end(task, CancelledError())
        try:
            steps = self._compose(self._admitted())
            for task, step, scores in self._decode(steps):
                self._advance(task, step, scores)
        except DecodeAbortedError:
            pass  # whoever is cancelled ends with the next step, and the others try again
        except Exception as error:  # nobody can tell whose fault it is
            for task in self._tasks[:]:
                self._end(task, error)

    def close(self) -> None:
        """End all tasks as cancelled."""
        for task in self._tasks[:]:
            self._end(task, CancelledError())

    def should_abort(self) -> bool:
        """For the context: whether the decode that runs is to stop. Asked a thousand times during one."""
        self._beat()
        return any(stop() for stop in self._stops)

    def _admitted(self) -> list[Task]:
        """The tasks that go on now, each with a line."""
        front = [task for task in self._tasks if not task.background] or self._tasks
        for task in self._tasks:
            if task.line and task not in front:
                self._suspend(task)
        self._crowded = self._crowded and any(task.line for task in front)
        for task in front:
            if task.line is None and not self._crowded and not self._read_soon(task):
                if self.warm:
                    self.warm.prepare(task.generation.history, self._rate)
                task.line = self.lineages.take(task.generation.history)
                if task.line:
                    task.generation.begin(task.held, self._rate)
        return [task for task in front if task.line]

    def _read_soon(self, task: Task) -> bool:
        """Whether another is about to read the beginning of this task's prompt: then that is better waited for."""
        prompt = task.generation.history
        enough = self.lineages.held(prompt) + FEW
        readers = [other for other in self._tasks if other.line and other.reading]
        return any(common(other.generation.history, prompt) > enough for other in readers)

    def _compose(self, tasks: list[Task]) -> list[tuple[Task, Step]]:
        """What each wants, as far as one decode can hold it."""
        room = self._context.batch
        writing = [task for task in tasks if not task.reading]
        reading = [task for task in tasks if task.reading]
        steps: list[tuple[Task, Step]] = []
        for number, task in enumerate(writing):
            # Guesses of one must not keep the others from guessing.
            step = task.generation.wants(task.held, room // (len(writing) - number))
            steps.append((task, step))
            room -= len(step.tokens)
        if writing or any(task.background for task in reading):
            seconds = _SHARED_S if writing else _BACKGROUND_S
            room = min(room, max(_SHORT, int((self._rate or 0) * seconds)))
        for task in reading:
            if room > 0:
                step = task.generation.wants(task.held, room)
                steps.append((task, step))
                room -= len(step.tokens)
        return steps

    def _decode(self, steps: list[tuple[Task, Step]]) -> list[tuple[Task, Step, range]]:
        """Decode these steps, or as many of the first of them as the cache has room for, with places of the scores."""
        while steps:
            self._stops = self._stops_of([task for task, _ in steps])
            started = perf_counter()
            try:
                scores = self.lineages.extend(
                    [Addition(task.line, step.tokens, step.scored) for task, step in steps if task.line]
                )
            except CacheFullError:
                if not self.lineages.drop_oldest():
                    steps = self._make_room(steps)
                continue
            finally:
                self._stops = ()
            self._measure(steps, perf_counter() - started)
            return [(task, step, places) for (task, step), places in zip(steps, scores, strict=True)]
        return []

    def _make_room(self, steps: list[tuple[Task, Step]]) -> list[tuple[Task, Step]]:
        """Have the task that came last wait until another has ended, and forget what was read for it."""
        *others, last = [task for task in self._tasks if task.line]
        if not others:
            raise NativeError("the cache has no room for a single sequence")
        self._suspend(last)
        self.lineages.drop_oldest()
        self._crowded = True
        return [(task, step) for task, step in steps if task is not last]

    def _measure(self, steps: list[tuple[Task, Step]], seconds: float) -> None:
        tokens = sum(len(step.tokens) for _, step in steps)
        scored = sum(step.scored for _, step in steps)
        self.curve.note(tokens, seconds * 1000, reading=scored < tokens / 2)
        if tokens >= _SHORT:  # fewer at once take longer each, and say nothing about a long prompt
            self._rate = tokens / seconds

    def _stops_of(self, tasks: list[Task]) -> tuple[Callable[[], bool], ...]:
        if len(tasks) > 1 and not self._context.model.can_rewind:
            return ()  # what was in the cache for the others would be lost
        stops = [task.cancelled.is_set for task in tasks]
        return (*stops, self.urgent.is_set) if tasks[0].background else tuple(stops)

    def _advance(self, task: Task, step: Step, scores: range) -> None:
        before = task.held - len(step.tokens)
        try:
            kept = task.generation.advance(before, step, scores, self._rate)
        except Exception as error:  # whatever it is, it is this task's alone
            self._end(task, error)
            return
        if task.line:
            self.lineages.cut(task.line, before + kept)
            if task.held in task.generation.pauses:
                self._pause(task.line, first=task.held == task.generation.pauses[0])
        if task.generation.done:
            self._end(task, None)

    def _pause(self, line: Line, first: bool) -> None:
        self.lineages.checkpoint(line)
        if self.warm and first:
            self.warm.shared(line)

    def _suspend(self, task: Task) -> None:
        if task.line:
            self.lineages.give_back(task.line)
            task.line = None

    def _end(self, task: Task, error: Exception | None) -> None:
        if self.warm and task.line and not task.background:
            self.warm.ended(task.line, self._rate)
        self._suspend(task)
        self._tasks.remove(task)
        self._crowded = False
        task.on_end(error)
