"""The symbols of C#."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.cs")) == snapshot(
        [
            "5-75 module Example.Queue | namespace Example.Queue",
            "  10-10 enum Example.Queue.State | public enum State | How far a job is.",
            "    10-10 constant Example.Queue.State.New | New",
            "    10-10 constant Example.Queue.State.Done | Done = 5",
            "  12-12 type Example.Queue.Handler | public delegate Task<T> Handler<in T>(Job job, T value)",
            "  15-56 class Example.Queue.Queue | public abstract partial class Queue<T> : Base<T>, IRunner",
            "        where T : class, new() | Runs jobs.",
            "    19-19 constant Example.Queue.Queue.MaxJobs | public const int MaxJobs = 100 | How many jobs",
            "          there may be.",
            "    20-20 field Example.Queue.Queue._jobs | private readonly Dictionary<string, List<Job>> _jobs",
            "          = new()",
            "    21-21 field Example.Queue.Queue.first | protected int first, second",
            "    21-21 field Example.Queue.Queue.second | protected int first, second",
            "    22-22 field Example.Queue.Queue.Changed | public event EventHandler<JobEventArgs> Changed",
            "    25-26 field Example.Queue.Queue.Name | public string Name | Its name.",
            "    27-27 field Example.Queue.Queue.Count | public int Count",
            "    28-28 method Example.Queue.Queue.this | public Job this[int index]",
            "    30-30 method Example.Queue.Queue.Queue | static Queue()",
            "    33-33 method Example.Queue.Queue.Queue | public Queue(IStore store) : base(store) | Makes a",
            "          queue.",
            "    35-35 method Example.Queue.Queue.Queue | ~Queue()",
            "    38-48 method Example.Queue.Queue.Run | public override async Task<IResult> Run<TResult>(int",
            "          limit, [FromBody] Func<T, TResult> mapper) where TResult : struct",
            "      44-44 function Example.Queue.Queue.Run.Helper | int Helper(int x)",
            "    50-50 method Example.Queue.Queue.Stop | public abstract void Stop()",
            "    51-51 method Example.Queue.Queue.+ | public static Queue<T> operator +(Queue<T> a, Job b)",
            "    53-53 method Example.Queue.Queue.Start | void IRunner.Start()",
            "    55-55 class Example.Queue.Queue.Node | private sealed class Node",
            "      55-55 field Example.Queue.Queue.Node.Next | public Node? Next",
            "  58-63 interface Example.Queue.IRunner | public interface IRunner : IDisposable",
            "    61-61 method Example.Queue.IRunner.Start | void Start() | Runs.",
            "    62-62 field Example.Queue.IRunner.Limit | int Limit",
            "  65-65 struct Example.Queue.Point | public readonly struct Point",
            "    65-65 field Example.Queue.Point.X | public readonly int X, Y",
            "    65-65 field Example.Queue.Point.Y | public readonly int X, Y",
            "  67-67 class Example.Queue.Person | public record Person(string First, string Last) :",
            "        Entity(First)",
            "  69-69 struct Example.Queue.Size | public record struct Size(int Width)",
            "  71-74 class Example.Queue.Extensions | static class Extensions",
            "    73-73 method Example.Queue.Extensions.Shout | internal static string Shout(this string text)",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.cs")) == snapshot(
        [
            ": System:1 System:2 Math:2 Json:3 System:3 Text:3 Json:3 JsonSerializer:3",
            "Example.Queue: Example:5",
            "Example.Queue.State.Done: Obsolete:10",
            "Example.Queue.Handler: Task:12 T:12 T:12 Job:12 T:12",
            "Example.Queue.Queue: Serializable:15 DebuggerDisplay:15 T:16 Base:16 T:16 IRunner:16 T:16",
            "Example.Queue.Queue._jobs: Dictionary:20 List:20 Job:20",
            "Example.Queue.Queue.Changed: EventHandler:22 JobEventArgs:22",
            "Example.Queue.Queue.Name: JsonPropertyName:25",
            "Example.Queue.Queue.Count: Count:27",
            "Example.Queue.Queue.this: Job:28 Find:28",
            "Example.Queue.Queue.Queue: Registry:30 Register:30 Queue:30 T:30",
            "Example.Queue.Queue.Queue: IStore:33",
            "Example.Queue.Queue.Queue: Dispose:35",
            "Example.Queue.Queue.Run: HttpGet:38 Task:39 IResult:39 TResult:39 FromBody:41 Func:41 T:41",
            "      TResult:41 TResult:42 Value:45 Start:45 Result:46 TResult:46 Value:46 Helper:46 Task:47",
            "      IResult:47 Json:47 Serialize:47",
            "Example.Queue.Queue.+: Queue:51 T:51 Queue:51 T:51 Job:51",
            "Example.Queue.Queue: Queue:52 T:52",
            "Example.Queue.Queue.Start: IRunner:53",
            "Example.Queue.Queue.Node.Next: Node:55",
            "Example.Queue.IRunner: IDisposable:58",
            "Example.Queue.Person: First:67 Last:67 Entity:67 First:67",
            "Example.Queue.Size: Width:69",
            "Example.Queue.Extensions.Shout: ToUpper:73",
        ]
    )
