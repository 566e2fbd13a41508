"""The symbols of PHP."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.php")) == snapshot(
        [
            "10-10 constant MAX_JOBS | const MAX_JOBS = 100",
            "11-11 constant VERSION | define('VERSION', '1.0')",
            "16-24 enum State | enum State: string implements Named | How far a job is.",
            "  18-18 constant State.New | case New = 'new'",
            "  19-19 constant State.Done | case Done = 'done'",
            "  21-21 constant State.DEFAULT | const DEFAULT = self::New",
            "  23-23 method State.label | public function label(): string",
            "26-32 interface Runner | interface Runner extends Closeable",
            "  28-28 constant Runner.LIMIT | const LIMIT = 3",
            "  31-31 method Runner.run | public function run(Job $job): ?Result | Runs a job.",
            "34-39 trait Logs | trait Logs",
            "  36-36 field Logs.log | protected ?Log $log = null",
            "  38-38 method Logs.log | public function log(string $text): void",
            "46-78 class Queue | final class Queue extends Base implements Runner, \\Countable | Runs jobs.",
            "  52-52 constant Queue.TRIES | public const TRIES = 3, OTHER = 4 | How many times a job is",
            "        tried.",
            "  52-52 constant Queue.OTHER | public const TRIES = 3, OTHER = 4 | How many times a job is",
            "        tried.",
            "  53-53 field Queue.count | private static int $count = 0",
            "  54-54 field Queue.jobs | public readonly array $jobs",
            "  57-63 method Queue.__construct | public function __construct(private readonly Clock $clock,",
            "        protected int|string $size = self::TRIES) | Makes a queue.",
            "  65-75 method Queue.run | public static function run(Job $job): ?Result",
            "  77-77 method Queue.stop | abstract protected function stop(): void",
            "81-85 function add | function add(int $a, int ...$more): int | Adds two numbers.",
            "87-87 function handler | $handler = function (Job $job) use ($queue)",
            "88-88 method deep | public function deep()",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.php")) == snapshot(
        [
            ": App:4 Queue:4 App:6 Store:6 Base:6 App:7 Support:7 Clock:7 Logger:7 Log:7 App:8 helper:8",
            "VERSION: define:11",
            "State: Named:16",
            "State.DEFAULT: New:21",
            "State.label: ucfirst:23",
            "Runner: Closeable:26",
            "Runner.run: Job:31 Result:31",
            "Logs.log: Log:36",
            "Logs.log: info:38",
            "Queue: Service:46 Base:47 Runner:47 Countable:47 Logs:49 Naming:49",
            "Queue.__construct: Clock:58 TRIES:59 __construct:61 Options:62",
            "Queue.run: Route:65 Cached:66 Job:67 Result:67 Job:69 Result:69 start:69 array_map:71 all:71",
            "      Result:71 empty:71 QueueException:72 RuntimeException:72 Failed:73 State:73 Done:73",
            "add: helper:84",
            "handler: Job:87 Job:87",
            ": Base:88 add:90",
        ]
    )
