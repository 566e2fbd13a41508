"""The symbols of Java."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.java")) == snapshot(
        [
            "12-58 class Queue | public abstract class Queue<T extends Job & Closeable> extends Base<T>",
            "      implements Runner, Iterable<T> | Runs jobs.",
            "  16-16 constant Queue.MAX_JOBS | public static final int MAX_JOBS = 100 | How many jobs there",
            "        may be.",
            "  17-17 field Queue.jobs | private final Map<String, List<Job>> jobs = new HashMap<>()",
            "  18-18 field Queue.first | protected int first, second",
            "  18-18 field Queue.second | protected int first, second",
            "  25-30 method Queue.Queue | public Queue(Store store, @Nullable Clock clock) | Makes a queue.",
            "  36-51 method Queue.run | public <R> Future<R> run(int limit, Function<? super T, R> mapper)",
            "        throws IOException, QueueException | Runs all jobs.",
            "    48-49 method Queue.run.call | public void call()",
            "  53-53 method Queue.stop | protected abstract void stop()",
            "  55-55 class Queue.Node | private static class Node<E>",
            "    55-55 field Queue.Node.item | E item",
            "    55-55 field Queue.Node.next | Node<E> next",
            "  57-57 class Queue.Inner | class Inner",
            "    57-57 method Queue.Inner.deep | void deep()",
            "60-67 interface Runner | interface Runner extends Closeable, AutoCloseable",
            "  61-61 constant Runner.LIMIT | int LIMIT = 3",
            "  64-64 method Runner.run | void run(Job job) | Runs.",
            "  66-66 method Runner.name | default String name()",
            "70-77 enum State | enum State implements Named | How far a job is.",
            "  71-71 constant State.NEW | NEW",
            '  73-73 constant State.RUNNING | RUNNING("r") | It runs.',
            "    73-73 method State.RUNNING.label | String label()",
            "  75-75 field State.code | private final String code",
            "  76-76 method State.State | State(String code)",
            "79-82 class Point | record Point<T>(int x, @NotNull T y) implements Comparable<Point<T>>",
            "  80-80 method Point.Point | Point",
            "  81-81 method Point.origin | static Point<String> origin()",
            "84-87 interface Marked | @interface Marked",
            '  86-86 method Marked.value | String value() default ""',
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.java")) == snapshot(
        [
            ": Objects:3 requireNonNull:3 util:4 Future:5",
            "Queue: Service:12 Scope:13 T:14 Job:14 Closeable:14 Base:14 T:14 Runner:14 Iterable:14 T:14",
            "Queue.jobs: Map:17 String:17 List:17 Job:17 HashMap:17",
            "Queue: Registry:21 register:21 Queue:21",
            "Queue.Queue: Inject:25 Store:26 Nullable:26 Clock:26 requireNonNull:29",
            "Queue.run: Override:36 SuppressWarnings:37 R:38 Future:38 R:38 Function:40 T:40 R:40",
            "      IOException:41 QueueException:41 Job:42 values:42 start:43 Runnable:45 System:45",
            "      println:45 Runnable:46 stop:46 submit:47 Task:47 R:47",
            "Queue.run.call: Override:48 helper:49",
            "Queue.Node: E:55",
            "Queue.Node.item: E:55",
            "Queue.Node.next: Node:55 E:55",
            "Runner: Closeable:60 AutoCloseable:60",
            "Runner.run: Job:64",
            "Runner.name: String:66",
            "State: Named:70",
            "State.RUNNING.label: Override:73 String:73",
            "State.code: String:75",
            "State.State: String:76",
            "Point: T:79 NotNull:79 T:79 Comparable:79 Point:79 T:79",
            "Point.Point: check:80",
            "Point.origin: Point:81 String:81 Point:81",
            "Marked: Retention:84 RetentionPolicy:84 RUNTIME:84",
            "Marked.value: String:86",
        ]
    )
