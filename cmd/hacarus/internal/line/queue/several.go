package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Several messages come for one request only from servers of 2.11 and later. An
// older one responds with the first message, or refuses, and so it is known: any
// node of a cluster may respond, and during an upgrade they are not of one version.
// What an older one does not know of takes more requests, which are on their way at
// the same time.

// errOlder says that an older server has responded, to a request that it does not
// understand.
var errOlder = errors.New("the server does not know of several messages for a request")

// pendingHeader is how many more messages there are. Older servers do not tell.
const pendingHeader = "Nats-Num-Pending"

// maxBatch and maxBatchBytes bound what is on its way to a reader.
const (
	maxBatch      = 256
	maxBatchBytes = 4 << 20
)

// Read returns some of the messages of a subject from a sequence number on; none
// if there is none yet.
func (q *Queue) Read(ctx context.Context, subject string, from uint64) ([]Message, error) {
	messages, err := q.batch(ctx, subject, getRequest{Seq: max(from, 1), Next: subject, Batch: maxBatch, MaxBytes: maxBatchBytes})
	if errors.Is(err, errOlder) {
		return q.readAhead(ctx, subject, messages)
	}
	return messages, err
}

// LastOfEach returns the last message of each subject that a wildcard stands for.
func (q *Queue) LastOfEach(ctx context.Context, subject string) ([]Message, error) {
	messages, err := q.batch(ctx, subject, getRequest{LastOfEach: []string{subject}, Batch: 1024})
	if errors.Is(err, errOlder) {
		return q.lastOfThose(ctx, subject)
	}
	return messages, err
}

// batch asks for several messages with one request. With errOlder comes the first
// one, if there is one.
func (q *Queue) batch(ctx context.Context, subject string, request getRequest) ([]Message, error) {
	raw, _ := json.Marshal(request)
	return retry(ctx, func(ctx context.Context) (found []Message, err error) {
		err = q.ask(ctx, []question{{directOf(subject), raw}}, func(_ int, response *nats.Msg) (more bool, err error) {
			switch status := response.Header.Get("Status"); {
			case status == "204": // the end of the batch
				return false, nil
			case status == "408" && request.LastOfEach != nil:
				return false, errOlder
			}
			m, err := messageOf(response)
			if errors.Is(err, errNone) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			found = append(found, *m)
			if response.Header.Get(pendingHeader) == "" {
				return false, errOlder
			}
			return true, nil
		})
		return found, err
	})
}

// readAhead goes on reading without batches: it asks for what comes next to each of
// some sequence numbers in a row. Where the messages of a subject lie close
// together, these are as many messages, and next time it asks for more.
func (q *Queue) readAhead(ctx context.Context, subject string, all []Message) ([]Message, error) {
	size := 0
	for n := 2; len(all) > 0 && len(all)+n <= maxBatch && size < maxBatchBytes; {
		from := all[len(all)-1].Seq + 1
		questions := make([]question, n)
		for i := range questions {
			raw, _ := json.Marshal(getRequest{Seq: from + uint64(i), Next: subject})
			questions[i] = question{directOf(subject), raw}
		}
		found, err := q.each(ctx, questions)
		if err != nil {
			return nil, err
		}
		used := 0
		for next := from; next-from < uint64(n) && found[next-from] != nil; used++ {
			m := *found[next-from]
			all, size, next = append(all, m), size+len(m.Data), m.Seq+1
		}
		switch used {
		case 0:
			return all, nil
		case n:
			n *= 2
		default:
			n = used
		}
	}
	return all, nil
}

// lastOfThose asks for the last message of each subject that there is.
func (q *Queue) lastOfThose(ctx context.Context, subject string) ([]Message, error) {
	names, err := q.subjects(ctx, subject)
	if err != nil {
		return nil, err
	}
	requests := make([]question, len(names))
	for i, name := range names {
		requests[i] = question{directOf(subject) + "." + name, nil}
	}
	var all []Message
	for some := range slices.Chunk(requests, maxBatch) {
		found, err := q.each(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			if m != nil {
				all = append(all, *m)
			}
		}
	}
	return all, nil
}

// subjects returns the subjects that a wildcard stands for.
func (q *Queue) subjects(ctx context.Context, wildcard string) ([]string, error) {
	raw, _ := json.Marshal(map[string]string{"subjects_filter": wildcard})
	return retry(ctx, func(ctx context.Context) ([]string, error) {
		response, err := q.conn.RequestWithContext(ctx, "$JS.API.STREAM.INFO."+streamOf(wildcard), raw)
		if err != nil {
			return nil, err
		}
		var info struct {
			Error *jetstream.APIError `json:"error"`
			State struct {
				Subjects map[string]uint64 `json:"subjects"`
			} `json:"state"`
		}
		if err := json.Unmarshal(response.Data, &info); err != nil {
			return nil, err
		}
		if info.Error != nil {
			return nil, info.Error
		}
		return slices.Sorted(maps.Keys(info.State.Subjects)), nil
	})
}

// question is a request for one message.
type question struct {
	subject string
	data    []byte
}

// each asks for messages, all at the same time; nil for one that is not there.
func (q *Queue) each(ctx context.Context, questions []question) ([]*Message, error) {
	return retry(ctx, func(ctx context.Context) ([]*Message, error) {
		found, left := make([]*Message, len(questions)), len(questions)
		err := q.ask(ctx, questions, func(n int, response *nats.Msg) (more bool, err error) {
			m, err := messageOf(response)
			if err != nil && !errors.Is(err, errNone) {
				return false, err
			}
			found[n] = m
			left--
			return left > 0, nil
		})
		return found, err
	})
}

// ask sends requests, and takes the responses as long as there are more to come,
// each with the number of its request.
func (q *Queue) ask(ctx context.Context, questions []question, take func(n int, response *nats.Msg) (more bool, err error)) error {
	inbox := q.conn.NewRespInbox()
	sub, err := q.conn.SubscribeSync(inbox + ".*")
	if err != nil {
		return err
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection is gone then
	for n, one := range questions {
		if err := q.conn.PublishRequest(one.subject, fmt.Sprintf("%s.%d", inbox, n), one.data); err != nil {
			return err
		}
	}
	for more := len(questions) > 0; more; {
		response, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(response.Subject[len(inbox)+1:])
		if err != nil {
			return err
		}
		if more, err = take(n, response); err != nil {
			return err
		}
	}
	return nil
}
