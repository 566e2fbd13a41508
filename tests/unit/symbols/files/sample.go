// Package queue runs jobs.
package queue

import (
	"context"
	str "strings"

	. "github.com/example/errors"
	"github.com/example/store/v2"
)

// MaxJobs is how many jobs there may be.
const MaxJobs = 100

const (
	// Only is alone in its list.
	Only = 1
)

// States of a job.
const (
	// New has not begun.
	New State = iota
	Running
	done, failed = 7, 8
)

var (
	defaultQueue *Queue
	first, second = pair()
)

var ErrFull = NewError("full")

// State tells how far a job is.
type State int

type (
	// Handler does the work.
	Handler func(ctx context.Context, job *Job) (Result, error)
	ID      = string
)

// Store keeps jobs.
type Store[K comparable, V any] interface {
	store.Base
	// Get finds one.
	Get(ctx context.Context, key K) (V, error)
	~int | ~string
}

// Job is one piece of work.
//
// More words.
type Job struct {
	context.Context
	*Base
	ID, Name string `json:"id"`
	// Parents come first.
	Parents  []*Job
	handlers map[string]Handler
	nested   struct {
		Deep int
	}
}

//go:noinline
func New2(store Store[string, Job], options ...Option) *Queue {
	local := 1
	var other int
	const inside = 3
	helper := func(a int) int { return a + local + other }
	return &Queue{store: store, size: helper(inside)}
}

// Run runs all jobs
// until the context ends.
func (q *Queue) Run(
	ctx context.Context, // until when
	jobs []Job,
) (n int, err error) {
	for _, job := range jobs {
		go q.start(ctx, job)
		if err := job.Check(); err != nil {
			return n, Wrap(err, str.ToUpper(job.Name))
		}
	}
	return len(jobs), nil
}

func (List[T]) Len() int { return 0 }

func Map[T, U any](items []T, f func(T) U) []U {
	out := make([]U, 0, len(items))
	v := any(out).(Mapper[U])
	switch v.(type) {
	case *Node:
	}
	return append(out, Zero[U](), U(nil))
}

func main() {}
