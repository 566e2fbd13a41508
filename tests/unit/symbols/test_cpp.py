"""The symbols of C++."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.cpp")) == snapshot(
        [
            "6-6 type fs | namespace fs = std::filesystem",
            "8-77 module example.queue | namespace example::queue",
            "  11-11 variable example.queue.kMaxJobs | constexpr int kMaxJobs = 100 | How many jobs there may",
            "        be.",
            "  12-12 type example.queue.Ptr | template <typename T> using Ptr = std::shared_ptr<T>",
            "  13-13 type example.queue.Counts | typedef std::map<string, int> Counts",
            "  16-16 enum example.queue.State | enum class State : int | How far a job is.",
            "    16-16 constant example.queue.State.New | New",
            "    16-16 constant example.queue.State.Done | Done = 3",
            "  21-49 class example.queue.Job | template <typename T, int N = 3> class Job final : public",
            "        Base<T>, private detail::Mixin | One piece of work.",
            "    24-24 method example.queue.Job.Job | explicit Job(std::string name) : name_(std::move(name))",
            "    25-25 method example.queue.Job.Job | Job(const Job &) = delete",
            "    26-26 method example.queue.Job.~Job | virtual ~Job() = default",
            "    29-31 method example.queue.Job.run | [[nodiscard]] virtual auto run(const Context &context,",
            "          int times = 1) const noexcept -> Result<T> override | Runs it.",
            "    32-32 method example.queue.Job.stop | virtual void stop() = 0",
            "    33-33 method example.queue.Job.create | static Job create()",
            "    34-34 method example.queue.Job.operator== | bool operator==(const Job &other) const",
            "    35-35 method example.queue.Job.operator bool | operator bool() const",
            "    36-36 method example.queue.Job.visit | template <class U> void visit(U &&visitor)",
            "    38-38 method example.queue.Job.operator<< | std::ostream &operator<<(std::ostream &out,",
            "          const Job &job)",
            "    40-40 struct example.queue.Job.Options | struct Options",
            "      40-40 field example.queue.Job.Options.retries | int retries = 3",
            "      40-40 field example.queue.Job.Options.strict | bool strict{true}",
            "    41-41 type example.queue.Job.Id | using Id = int",
            "    42-42 constant example.queue.Job.Small | Small",
            "    42-42 constant example.queue.Job.Large | Large",
            "    45-45 field example.queue.Job.name_ | std::string name_",
            "    46-46 field example.queue.Job.count_ | static int count_",
            "    47-47 field example.queue.Job.parents_ | std::vector<Job *> parents_, children_",
            "    47-47 field example.queue.Job.children_ | std::vector<Job *> parents_, children_",
            "    48-48 field example.queue.Job.callback_ | std::function<void(int)> callback_ = nullptr",
            "  51-51 struct example.queue.Point | struct Point",
            "    51-51 field example.queue.Point.x | double x, y",
            "    51-51 field example.queue.Point.y | double x, y",
            "  52-52 struct example.queue.Value | union Value",
            "    52-52 field example.queue.Value.i | int i",
            "    52-52 field example.queue.Value.f | float f",
            "  54-60 method example.queue.Job.run | template <typename T, int N> auto Job<T, N>::run(const",
            "        Context &context, int times) const noexcept -> Result<T>",
            "  62-62 variable example.queue.Queue.count_ | int Queue::count_ = 0",
            "  63-63 method example.queue.Queue.Queue | Queue::Queue(int size) : size_(size)",
            "  64-64 method example.queue.Queue.~Queue | Queue::~Queue()",
            "  65-65 method example.queue.Queue.operator+= | Queue &Queue::operator+=(const Job &job)",
            "  67-68 struct example.queue.Hash | template <> struct Hash<Point>",
            "    68-68 method example.queue.Hash.operator() | size_t operator()(const Point &p) const",
            "  71-71 function example.queue.hidden | int hidden()",
            "  74-75 type example.queue.Runnable | template <typename T> concept Runnable = requires(T t) {",
            "        t.run(); }",
            "80-80 function exported | int exported(int value)",
            "83-83 macro LOG | #define LOG(x)",
            "85-88 function main | int main(int argc, char **argv)",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.cpp")) == snapshot(
        [
            ": std:4 string:5",
            "example.queue.Ptr: T:12 shared_ptr:12 T:12",
            "example.queue.Counts: map:13 string:13",
            "example.queue: Forward:18",
            "example.queue.Job: T:21 N:21 Base:22 T:22 Mixin:22",
            "example.queue.Job.Job: string:24 move:24",
            "example.queue.Job.Job: Job:25",
            "example.queue.Job.run: Context:30 Result:31 T:31",
            "example.queue.Job.create: Job:33 Job:33",
            "example.queue.Job.operator==: Job:34",
            "example.queue.Job.visit: U:36 U:36 visitor:36",
            "example.queue.Job: Queue:37",
            "example.queue.Job.operator<<: ostream:38 ostream:38 Job:38",
            "example.queue.Job.name_: string:45",
            "example.queue.Job.children_: vector:47 Job:47",
            "example.queue.Job.callback_: function:48",
            "example.queue.Job.run: T:54 N:54 Job:55 T:55 N:55 Context:55 Result:55 T:55 helper:56 run:57",
            "      log:58 Result:59 T:59 Task:59 static_cast:59 T:59 State:59 New:59",
            "example.queue.Queue.count_: Queue:62",
            "example.queue.Queue.Queue: Queue:63",
            "example.queue.Queue.~Queue: Queue:64 clear:64",
            "example.queue.Queue.operator+=: Queue:65 Queue:65 Job:65",
            "example.queue.Hash: Point:68",
            "example.queue.Hash.operator(): Point:68",
            "example.queue.Runnable: T:74 T:75 run:75",
            "main: Job:86 runtime_error:87 exception:88",
        ]
    )
