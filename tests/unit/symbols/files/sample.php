<?php
declare(strict_types=1);

namespace App\Queue;

use App\Store\Base;
use App\Support\{Clock, Logger as Log};
use function App\helper;

const MAX_JOBS = 100;
define('VERSION', '1.0');

/**
 * How far a job is.
 */
enum State: string implements Named
{
    case New = 'new';
    case Done = 'done';

    const DEFAULT = self::New;

    public function label(): string { return ucfirst($this->value); }
}

interface Runner extends Closeable
{
    const LIMIT = 3;

    /** Runs a job. */
    public function run(Job $job): ?Result;
}

trait Logs
{
    protected ?Log $log = null;

    public function log(string $text): void { $this->log->info($text); }
}

/**
 * Runs jobs.
 *
 * More words.
 */
#[Service(name: 'queue')]
final class Queue extends Base implements Runner, \Countable
{
    use Logs, Naming;

    // How many times a job is tried.
    public const TRIES = 3, OTHER = 4;
    private static int $count = 0;
    public readonly array $jobs;

    /** Makes a queue. */
    public function __construct(
        private readonly Clock $clock, // the time
        protected int|string $size = self::TRIES,
    ) {
        parent::__construct();
        $local = new Options($size);
    }

    #[Route('/run')]
    #[Cached]
    public static function run(Job $job): ?Result
    {
        $mapper = fn(Job $x): Result => $x->start();
        try {
            return array_map($mapper, static::all())[0] ?? Result::empty();
        } catch (QueueException | \RuntimeException $e) {
            throw new Failed(State::Done, $e);
        }
    }

    abstract protected function stop(): void;
}

/** Adds two numbers. */
function add(int $a, int ...$more): int
{
    static $calls = 0;
    return helper($a) + $calls;
}

$handler = function (Job $job) use ($queue) { return $job instanceof Job; };
$anonymous = new class extends Base { public function deep() {} };
?>
<p><?= add(1, 2) ?></p>
