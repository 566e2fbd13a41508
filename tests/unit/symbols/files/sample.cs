using System;
using static System.Math;
using Json = System.Text.Json.JsonSerializer;

namespace Example.Queue
{
    /// <summary>
    /// How far a job is.
    /// </summary>
    public enum State { New, [Obsolete] Done = 5 }

    public delegate Task<T> Handler<in T>(Job job, T value);

    /// <summary>Runs jobs.</summary>
    [Serializable, DebuggerDisplay("x")]
    public abstract partial class Queue<T> : Base<T>, IRunner where T : class, new()
    {
        // How many jobs there may be.
        public const int MaxJobs = 100;
        private readonly Dictionary<string, List<Job>> _jobs = new();
        protected int first, second;
        public event EventHandler<JobEventArgs> Changed;

        /// <value>Its name.</value>
        [JsonPropertyName("name")]
        public string Name { get; private set; } = "x";
        public int Count => _jobs.Count;
        public Job this[int index] => Find(index);

        static Queue() { Registry.Register(typeof(Queue<T>)); }

        /// <summary>Makes a queue.</summary>
        public Queue(IStore store) : base(store) { int local = 1; }

        ~Queue() { Dispose(); }

        /// <inheritdoc/>
        [HttpGet("{id}")]
        public override async Task<IResult> Run<TResult>(
            int limit, // at most
            [FromBody] Func<T, TResult> mapper)
            where TResult : struct
        {
            int Helper(int x) => x + limit;
            foreach (var job in _jobs) await job.Value.Start();
            var result = new Result<TResult> { Value = Helper(1) };
            return job is Task task ? (IResult)task : Json.Serialize(result);
        }

        public abstract void Stop();
        public static Queue<T> operator +(Queue<T> a, Job b) => a;
        public static implicit operator bool(Queue<T> q) => true;
        void IRunner.Start() { }

        private sealed class Node { public Node? Next; }
    }

    public interface IRunner : IDisposable
    {
        /// Runs.
        void Start();
        int Limit { get; }
    }

    public readonly struct Point { public readonly int X, Y; }

    public record Person(string First, string Last) : Entity(First);

    public record struct Size(int Width);

    static class Extensions
    {
        internal static string Shout(this string text) => text.ToUpper();
    }
}
