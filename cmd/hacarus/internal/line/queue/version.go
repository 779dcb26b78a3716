package queue

import (
	"fmt"
	"slices"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// version is that of a NATS server.
type version [3]int

// From which version on servers can do something.
var (
	// directGets: any node responds to who reads. Nothing works without.
	directGets = version{2, 9}
	// purges: what is forgotten of one subject. Before, a node of a cluster that is
	// started again may forget all of the stream (nats-server #4196).
	purges = version{2, 9, 18}
	// expectations: a write comes in only behind the message that it expects. Before, the
	// nodes of a cluster look at that before they agree on a write, so that two that
	// expect the same may both come in (nats-server #4320).
	expectations = version{2, 9, 21}
	// syncs: what is acknowledged is on the disk, if the server is told so, and a stream
	// that is made again goes on behind the one that was lost.
	syncs = version{2, 10}
)

// versionOf reads a version; the zero one is none.
func versionOf(text string) (v version) {
	if n, _ := fmt.Sscanf(text, "%d.%d.%d", &v[0], &v[1], &v[2]); n < 2 {
		return version{}
	}
	return v
}

func (v version) isBefore(other version) bool { return slices.Compare(v[:], other[:]) < 0 }

// checkVersion refuses a server that cannot be the queue, and tells what one does not
// promise that is old.
func checkVersion(text string, opts Options) error {
	switch v := versionOf(text); {
	case v.isBefore(directGets):
		return language.Errorf("the NATS server is of version %s, and 2.9 or later is needed", text)
	case v.isBefore(syncs):
		opts.Log.Warn("the NATS server acknowledges what is not on the disk yet: a power failure of most nodes may take verdicts; 2.10 or later can do without", "version", text)
	}
	return nil
}

// knows says whether the servers can do something that one without others always
// could.
func (q *Queue) knows(since version) bool {
	return q.opts.Replicas <= 1 || !versionOf(q.conn.ConnectedServerVersion()).isBefore(since)
}

// mayPurge says whether the messages of one subject can be forgotten together.
func (q *Queue) mayPurge() bool { return q.knows(purges) }

// isAtomic says whether the servers hold to what a writer expects.
func (q *Queue) isAtomic() bool { return q.knows(expectations) }

// CarriesImages says whether images can travel through the queue: those that are not
// needed any more are purged.
func (q *Queue) CarriesImages() bool { return q.mayPurge() }
