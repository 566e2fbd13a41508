"""The symbols of C."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.c")) == snapshot(
        [
            "5-5 macro MAX_JOBS | #define MAX_JOBS 100",
            "7-8 macro MAX | #define MAX(a, b) | The larger of two.",
            "11-14 enum state | enum state | Tells how far a job is.",
            "  12-12 constant state.STATE_NEW | STATE_NEW",
            "  13-13 constant state.STATE_DONE | STATE_DONE = 5",
            "16-16 enum color_t | typedef enum {…} color_t",
            "  16-16 constant color_t.RED | RED",
            "  16-16 constant color_t.GREEN | GREEN",
            "21-27 struct job | struct job | One piece of work.",
            "  22-22 field job.name | const char *name",
            "  23-23 field job.parents | struct job *parents[4]",
            "  24-24 field job.handler | int (*handler)(struct job *self, void *data)",
            "  25-25 field job.first | unsigned first : 3, second",
            "  25-25 field job.second | unsigned first : 3, second",
            "  26-26 field job.value | union { int i; float f; } value",
            "    26-26 field job.value.i | int i",
            "    26-26 field job.value.f | float f",
            "29-29 type job_t | typedef struct job job_t",
            "30-33 struct queue_t | typedef struct {…} queue_t",
            "  31-31 field queue_t.length | size_t length",
            "  32-32 field queue_t.items | job_t *items",
            "34-34 type callback_t | typedef int (*callback_t)(job_t *job, void *data)",
            "35-35 type id_t | typedef unsigned long id_t, *id_ptr",
            "35-35 type id_ptr | typedef unsigned long id_t, *id_ptr",
            "37-39 struct node | typedef struct node",
            "  38-38 field node.next | struct node *next",
            "40-40 struct _cell | typedef union _cell",
            "40-40 struct cell | typedef union _cell {…} cell",
            "  40-40 field cell.number | long number",
            "42-42 struct number | union number",
            "  42-42 field number.i | int i",
            "  42-42 field number.d | double d",
            "46-46 variable verbose | extern int verbose",
            '47-47 variable names | static const char *const names[] = { "a", "b" }',
            "48-48 variable counter | static int counter = 0, total",
            "48-48 variable total | static int counter = 0, total",
            "49-49 variable hook | int (*hook)(int)",
            "52-52 function queue_add | int queue_add(queue_t *queue, job_t *job) | Adds a job.",
            "53-53 function queue_free | extern void queue_free(queue_t *), queue_clear(queue_t *)",
            "53-53 function queue_clear | extern void queue_free(queue_t *), queue_clear(queue_t *)",
            "54-54 function queue_find | static inline struct job *queue_find(const queue_t *queue, const",
            "      char *name) __attribute__((pure))",
            "60-74 function queue_add | int queue_add(queue_t *queue, job_t *job) | Adds a job.",
            "  67-67 struct queue_add.node | struct node",
            "    67-67 field queue_add.node.x | int x",
            "76-78 function get_handler | static void (*get_handler(int kind))(int)",
            "81-81 function debug | static void debug(void)",
            "83-83 function debug | static void debug(void)",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.c")) == snapshot(
        [
            "job.parents: job:23",
            "job.handler: job:24",
            "job_t: job:29",
            "queue_t.items: job_t:32",
            "callback_t: job_t:34",
            "node.next: node:38",
            ": forward:44",
            "queue_add: queue_t:52 job_t:52",
            "queue_clear: queue_t:53 queue_t:53",
            "queue_find: job:54 queue_t:54",
            "queue_add: queue_t:62 job_t:63 MAX:68 job:68 handler:69 NULL:69 list_push:71 job_t:71",
            "      MAX_JOBS:71",
            ": DEBUG:80",
            "debug: printf:81",
        ]
    )
