"""The symbols of Rust."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.rs")) == snapshot(
        [
            "7-7 constant MAX_JOBS | pub const MAX_JOBS: usize = 100 | How many jobs there may be.",
            "8-8 constant COUNTER | static mut COUNTER: u32 = 0",
            "10-10 type Result | pub type Result<T> = std::result::Result<T, Error>",
            "13-23 struct Job | pub struct Job<'a, T: Send = ()> where T: Sync | One piece of work.",
            "  20-20 field Job.name | pub name: &'a str | Its name.",
            "  21-22 field Job.parents | parents: Vec<Box<Job<'a, T>>>",
            "25-25 struct Unit | struct Unit",
            "26-26 struct Pair | pub(crate) struct Pair(pub i32, Point)",
            "28-35 enum State | pub enum State | How far a job is.",
            "  31-31 constant State.New | New",
            "  32-32 constant State.Running | Running { since: Instant }",
            "    32-32 field State.Running.since | since: Instant",
            "  34-34 constant State.Done | Done(Outcome) | It ended.",
            "37-37 struct Bits | union Bits",
            "  37-37 field Bits.int | int: u32",
            "  37-37 field Bits.float | float: f32",
            "40-50 trait Runner | pub trait Runner: Base + Send | Runs something.",
            "  41-41 constant Runner.LIMIT | const LIMIT: usize = 3",
            "  42-42 type Runner.Output | type Output",
            "  44-44 method Runner.run | fn run(&mut self, job: &Job) -> Self::Output",
            "  47-49 method Runner.stop | fn stop(&self) | Stops.",
            '53-53 constant Job.DEFAULT | pub const DEFAULT: &\'static str = "x"',
            "58-71 method Job.new | pub async fn new<F>(name: &'a str, callback: F) -> Result<Self> where F:",
            "      Fn(&str) -> State | Makes one.",
            "  67-67 function Job.new.helper | fn helper(x: i32) -> i32",
            "75-77 method Job.fmt | fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result",
            "81-81 method Wrapper.from | fn from(value: T) -> Self",
            "84-92 module inner | pub mod inner",
            "  87-89 function inner.free | pub fn free(map: &HashMap<String, Pair>) -> Option<&Pair>",
            "95-98 macro my_vec | macro_rules! my_vec | Makes a vector.",
            "101-101 function external | fn external(value: c_int) -> c_int",
            "104-108 module tests | mod tests",
            "  106-107 function tests.works | fn works()",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.rs")) == snapshot(
        [
            ": HashMap:2 Entry:2 MapEntry:2 store:3 Base:4",
            "Result: T:10 Result:10 T:10 Error:10",
            "Job: Debug:13 Clone:13 T:15 Send:15 T:17 Sync:17",
            "Job.parents: Vec:22 Box:22 Job:22 T:22",
            "Pair: Point:26",
            "State: Debug:28",
            "State.Running.since: Instant:32",
            "State.Done: Outcome:34",
            "Runner: Base:40 Send:40",
            "Runner.run: Job:44 Self:44 Output:44",
            "Runner.stop: info:48",
            ": T:52 Send:52 Job:52 T:52",
            "Job.new: F:59 F:61 Result:62 Self:62 F:64 Fn:64 State:64 Vec:66 new:66 State:68 Done:68",
            "      Outcome:68 default:68 Ok:70 Self:70 helper:70 LOCAL:70 into:70",
            ": Display:74 Job:74",
            "Job.fmt: Formatter:75 Result:75 write:76",
            ": T:80 From:80 T:80 Wrapper:80 T:80",
            "Wrapper.from: T:81 Self:81 Self:81",
            "inner.free: HashMap:87 String:87 Pair:87 Option:87 Pair:87 get:88 or_else:88 empty:88 Pair:88",
            "      next:88",
            "inner: deeper:91",
            "tests.works: assert_eq:107",
        ]
    )
