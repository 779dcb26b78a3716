// Package queue is what the roles of a line have in common: streams of jobs,
// verdicts, journals and states on NATS JetStream, which is either inside the
// program or a cluster.
//
// Two things are all that the roles do with it. A [Writer] is the only one who
// writes to its subject, or learns that it is not any more. A reader goes through
// the messages from a position that it has found in what it has made of them. No
// consumer of JetStream takes part, so there is nothing to acknowledge: no work is
// delivered again while it waits in a client (nats.go #1929), no pause before
// another delivery overrides the time for an acknowledgment (nats.docs #828), none
// comes too late and counts all the same (nats-server #4786), and no image is given
// up because processes died while they had it. Streams keep messages until they
// are told to forget them, because work queues lose some over leaf nodes (#3207,
// #4109): stations dial the hub. Repeated messages are recognized by their
// position, not by the window of two minutes, whose memory grows with its ids.
package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Options tell where the queue is.
type Options struct {
	URL string // of a cluster; "": Server is the queue
	// Server is the engine inside the program.
	Server *Server
	// Credentials is the path of a file of credentials; "" for none.
	Credentials string
	Token       string // "" for none
	// Replicas is how many nodes of a cluster keep each message.
	Replicas int
	Name     string // of this program among those who are connected
	Log      *slog.Logger
}

// Queue is a connection to the queue.
type Queue struct {
	conn *nats.Conn
	js   jetstream.JetStream
	opts Options
}

// timeout is how long the queue may take to respond before it is asked again.
const timeout = 2 * time.Second

// Open connects to the queue, and waits until it can be used.
func Open(ctx context.Context, opts Options) (*Queue, error) {
	q, err := Connect(opts)
	if err != nil {
		return nil, err
	}
	if err := q.Prepare(ctx); err != nil {
		q.Close()
		return nil, err
	}
	return q, nil
}

// Connect connects to the queue, which need not be there yet: whatever is asked of it
// waits until then.
func Connect(opts Options) (*Queue, error) {
	conn, err := connect(opts)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(timeout))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Queue{conn: conn, js: js, opts: opts}, nil
}

// Prepare waits for the queue, and makes its streams if they are not there.
func (q *Queue) Prepare(ctx context.Context) error {
	err := q.make(ctx)
	if err == nil {
		err = checkVersion(q.conn.ConnectedServerVersion(), q.opts)
	}
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

func connect(opts Options) (*nats.Conn, error) {
	set := []nats.Option{
		nats.Name(opts.Name),
		nats.MaxReconnects(-1), // the roles outlast the queue
		nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.RetryOnFailedConnect(true),
		// Credentials that are refused may be about to be changed, here or there: the
		// connection must not end for good, with images that nobody is told of.
		nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { opts.Log.Warn("queue", "error", err) }),
		// What is sent while nobody is there must not be kept: whoever sent it does so
		// again, and by then somebody else may have.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
	}
	if opts.Credentials != "" {
		set = append(set, nats.UserCredentials(opts.Credentials))
	}
	if opts.Token != "" {
		set = append(set, nats.Token(opts.Token))
	}
	if opts.URL == "" {
		set = append(set, nats.InProcessServer(opts.Server))
	}
	return nats.Connect(opts.URL, set...)
}

// make makes the streams. A cluster that is starting is waited for.
func (q *Queue) make(ctx context.Context) error {
	told := time.Time{}
	for _, c := range q.streams() {
		for {
			err := q.makeStream(ctx, c)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return errors.Join(context.Cause(ctx), err)
			}
			if time.Since(told) > 10*time.Second {
				told = time.Now()
				q.opts.Log.Warn("the queue cannot be used yet", "error", cmp.Or(q.conn.LastError(), err))
			}
			if !pause(ctx, 200*time.Millisecond) {
				return errors.Join(context.Cause(ctx), err)
			}
		}
	}
	return nil
}

func (q *Queue) makeStream(ctx context.Context, c jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, timeout) // nodes that have no leader do not respond
	defer cancel()
	if _, err := q.js.Stream(ctx, c.Name); err == nil {
		return nil // as an operator may have set it up
	} else if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	_, err := q.js.CreateStream(ctx, c)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil // another role was faster
	}
	return err
}

func (q *Queue) streams() []jetstream.StreamConfig {
	common := jetstream.StreamConfig{
		Storage:  jetstream.FileStorage,
		Replicas: max(q.opts.Replicas, 1),
		// What is full refuses what is new. The other policy deletes what is old, whether
		// or not it was worked on.
		Discard: jetstream.DiscardNew,
		// Any replica may be read from. One that lags behind is noticed: writers state
		// what they expect, and readers wait for what they know of.
		AllowDirect: true,
		// A stream that is made again goes on behind the one that was lost (#5876, #6888),
		// whose positions are still about.
		FirstSeq: uint64(time.Now().UnixMilli()),
		// Nothing is recognized by it; this is the shortest.
		Duplicates: 100 * time.Millisecond,
	}
	if !q.isAtomic() { // or else it is how a write that is sent again is recognized
		common.Duplicates = time.Minute
	}
	var all []jetstream.StreamConfig
	for _, subject := range []string{jobs, verdicts, journals, states, leases} {
		c := common
		c.Name, c.Subjects = streamOf(subject), []string{subject + ".>"}
		if subject == states || subject == leases {
			c.MaxMsgsPerSubject, c.Discard = 1, jetstream.DiscardOld // an older one is of no use
		}
		if subject == leases {
			c.Storage = jetstream.MemoryStorage // renewed all the time: no disk should have to keep up with it
		}
		all = append(all, c)
	}
	return all
}

// streamOf names the stream of a subject.
func streamOf(subject string) string {
	return "HACARUS_" + strings.ToUpper(strings.Split(subject, ".")[1])
}

// IsThere says whether the queue responds.
func (q *Queue) IsThere(ctx context.Context) bool {
	_, err := q.js.Stream(ctx, streamOf(states))
	return err == nil
}

// Forget forgets the messages of a subject before a sequence number.
func (q *Queue) Forget(ctx context.Context, subject string, before uint64) error {
	return q.purge(ctx, subject, before, jetstream.WithPurgeSequence(before))
}

// Trim forgets the messages of a subject before a sequence number, but for its last one.
// [Queue.Forget] looks through all that is kept as well, and this does not, but what
// somebody adds at the same time makes it forget as many messages more.
func (q *Queue) Trim(ctx context.Context, subject string, before uint64) error {
	oldest, err := q.Next(ctx, subject, 0)
	if err != nil || oldest == nil || oldest.Seq >= before {
		return err
	}
	last, err := q.Last(ctx, subject)
	if err != nil || last == nil {
		return err
	}
	_, kept, err := q.Count(ctx, *last, before)
	if err != nil {
		return err
	}
	return q.purge(ctx, subject, min(before, last.Seq), jetstream.WithPurgeKeep(uint64(max(kept, 1))))
}

// purge forgets the messages of a subject before a sequence number, as an option says
// it to servers that can do so themselves.
func (q *Queue) purge(ctx context.Context, subject string, before uint64, how jetstream.StreamPurgeOpt) error {
	stream, err := q.js.Stream(ctx, streamOf(subject))
	if err != nil {
		return err
	}
	if !q.mayPurge() {
		return q.deleteEach(ctx, stream, subject, before)
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject(subject), how)
}

func (q *Queue) deleteEach(ctx context.Context, stream jetstream.Stream, subject string, before uint64) error {
	for from := uint64(1); ; {
		messages, err := q.Read(ctx, subject, from)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.Seq >= before {
				return nil
			}
			if err := stream.DeleteMsg(ctx, m.Seq); err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
				return err // or a replica that lags behind has told of it
			}
			from = m.Seq + 1
		}
		if len(messages) == 0 {
			return nil
		}
	}
}

// Close ends the connection.
func (q *Queue) Close() { q.conn.Close() }

// pause waits, and says whether the context has not ended by then.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Hostname is how this computer calls itself.
func Hostname() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}
