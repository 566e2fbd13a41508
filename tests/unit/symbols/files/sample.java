package com.example.queue;

import static java.util.Objects.requireNonNull;
import java.util.*;
import java.util.concurrent.Future;

/**
 * Runs jobs.
 *
 * <p>More words.
 */
@Service
@Scope("x")
public abstract class Queue<T extends Job & Closeable> extends Base<T> implements Runner, Iterable<T> {
    // How many jobs there may be.
    public static final int MAX_JOBS = 100;
    private final Map<String, List<Job>> jobs = new HashMap<>();
    protected int first, second;

    static {
        Registry.register(Queue.class);
    }

    /** Makes a queue. */
    @Inject
    public Queue(Store store, @Nullable Clock clock) {
        super(store);
        int local = 1;
        this.store = requireNonNull(store);
    }

    /**
     * Runs all jobs.
     * @param limit how many
     */
    @Override
    @SuppressWarnings({"unchecked"})
    public <R> Future<R> run(
            int limit, // at most
            Function<? super T, R> mapper
    ) throws IOException, QueueException {
        for (Job job : jobs.values()) {
            job.start();
        }
        Runnable task = () -> System.out.println("x");
        Runnable other = this::stop;
        return executor.submit(new Task<R>(mapper) {
            @Override
            public void call() { helper(); }
        });
    }

    protected abstract void stop();

    private static class Node<E> { E item; Node<E> next; }

    class Inner { void deep() {} }
}

interface Runner extends Closeable, AutoCloseable {
    int LIMIT = 3;

    /** Runs. */
    void run(Job job);

    default String name() { return "runner"; }
}

/** How far a job is. */
enum State implements Named {
    NEW,
    /** It runs. */
    RUNNING("r") { @Override String label() { return "x"; } };

    private final String code;
    State(String code) { this.code = code; }
}

record Point<T>(int x, @NotNull T y) implements Comparable<Point<T>> {
    Point { check(x); }
    static Point<String> origin() { return new Point<>(0, ""); }
}

@Retention(RetentionPolicy.RUNTIME)
@interface Marked {
    String value() default "";
}
