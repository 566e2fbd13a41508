/* Runs jobs. */
#include <stdio.h>
#include "queue/list.h"

#define MAX_JOBS 100
/* The larger of two. */
#define MAX(a, b) \
    ((a) > (b) ? (a) : (b))

// Tells how far a job is.
enum state {
    STATE_NEW,
    STATE_DONE = 5, /* over */
};

typedef enum { RED, GREEN } color_t;

/**
 * @brief One piece of work.
 */
struct job {
    const char *name;
    struct job *parents[4];
    int (*handler)(struct job *self, void *data);
    unsigned first : 3, second;
    union { int i; float f; } value;
};

typedef struct job job_t;
typedef struct {
    size_t length;
    job_t *items;
} queue_t;
typedef int (*callback_t)(job_t *job, void *data);
typedef unsigned long id_t, *id_ptr;

typedef struct node {
    struct node *next;
} node;
typedef union _cell { long number; } cell;

union number { int i; double d; };

struct forward;

extern int verbose;
static const char *const names[] = { "a", "b" };
static int counter = 0, total;
int (*hook)(int);

/* Adds a job. */
int queue_add(queue_t *queue, job_t *job);
extern void queue_free(queue_t *), queue_clear(queue_t *);
static inline struct job *queue_find(const queue_t *queue, const char *name) __attribute__((pure));

/**
 * Adds a job.
 * @return its place
 */
int
queue_add(
    queue_t *queue, /* where to */
    job_t *job)
{
    int local = 0;
    static int calls;
    struct node { int x; } node;
    local = MAX(queue->length, sizeof(struct job));
    queue->items[local].handler(job, (void *)NULL);
    if (!job) goto out;
    return list_push(&queue->items, (job_t *)job) + MAX_JOBS;
out:
    return -1;
}

static void (*get_handler(int kind))(int) {
    return 0;
}

#ifdef DEBUG
static void debug(void) { printf("%d", counter); }
#else
static void debug(void) {}
#endif
