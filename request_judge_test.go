package hacarus

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var updateMatrix = flag.Bool("update-matrix", false, "write the table of what is promised into docs/reliability.md")

const matrixPage = "docs/reliability.md"

// matrixRow is what is promised of each class of operation when one of its
// attempts was seen to end so; "–" where that cannot be.
type matrixRow struct {
	what                             string
	read, overwrite, del, non, login string
	seen                             []observation
}

func (r matrixRow) promises() map[class]string {
	return map[class]string{classRead: r.read, classOverwrite: r.overwrite, classDelete: r.del, classNonIdempotent: r.non, classLogin: r.login}
}

// alike is a row of which the same is promised of all classes.
func alike(what, promise string, seen ...observation) matrixRow {
	return matrixRow{what, promise, promise, promise, promise, promise, seen}
}

// statuses are responses that tell an error, and what else was seen of them.
func statuses(with observation, codes ...int) []observation {
	var seen []observation
	for _, with.status = range codes {
		seen = append(seen, with)
	}
	return seen
}

// matrix is the fault matrix of docs/reliability.md.
func matrix() []matrixRow {
	const (
		again      = "✓ not executed"
		unknown    = "unknown"
		notSent    = "not sent"
		notDone    = "not executed"
		maybeAgain = "✓ unknown"
		once       = "↻ not executed"
	)
	declined := []int{400, 402, 403, 404, 405, 406, 407, 409, 410, 411, 412, 413, 414, 415, 416, 418, 421, 422, 423, 424, 426, 428, 431, 451, 501, 505}
	return []matrixRow{
		alike("no such host, no connection", "✓ not sent", observation{failure: failedConnection, reach: reachedNothing}),
		alike("unknown certificate, wrong host, TLS below 1.2", notSent, observation{failure: failedForGood, reach: reachedNothing}),
		{"no token, because the login failed", notSent, notSent, notSent, notSent, "–", []observation{{failure: failedLogin, reach: reachedNothing}}},
		{"a reset, an end, garbage or a minute of silence before the response", again, maybeAgain, maybeAgain, unknown, again,
			[]observation{{failure: failedConnection}}},
		alike("the same while the body is held back, because the service has not responded to `Expect`", again,
			observation{failure: failedConnection, reach: reachedHead}),
		alike("the same before the end of the body was written", again, observation{failure: failedConnection, reach: reachedInPart}),
		alike("over HTTP/2: a stream that is refused, or above the last one of a GOAWAY", again,
			observation{failure: failedConnection, reach: reachedInPart}),
		{"headers that are too large", notDone, unknown, unknown, unknown, notDone, []observation{{failure: failedForGood}}},
		alike("425, 429, with or without Retry-After", again, slices.Concat(statuses(observation{}, 425, 429),
			statuses(observation{retryAfter: time.Second}, 425, 429))...),
		{"408, 499, 500, 502, 503, 504, 599, with or without Retry-After", again, maybeAgain, maybeAgain, unknown, again, slices.Concat(
			statuses(observation{}, 408, 499, 500, 502, 503, 504, 507, 599), statuses(observation{retryAfter: time.Second}, 503))},
		alike("the same to `Expect`, or before the end of the body", again, slices.Concat(
			statuses(observation{reach: reachedHead}, 408, 499, 500, 502, 503, 504, 599),
			statuses(observation{reach: reachedInPart}, 408, 499, 500, 502, 503, 504, 599))...),
		alike("425, 429 whose Retry-After is negative or above the limit", notDone,
			statuses(observation{retryAfter: time.Hour, overlong: true}, 425, 429)...),
		{"503 whose Retry-After is negative or above the limit", notDone, unknown, unknown, unknown, notDone,
			statuses(observation{retryAfter: -time.Second, overlong: true}, 503)},
		{"401, for the first time in a call", once, once, once, once, "–", statuses(observation{tokenRefused: true}, 401)},
		alike("401 again, or to a login", notDone, statuses(observation{}, 401)...),
		{"417 to `Expect`", once, once, once, once, "–", statuses(observation{reach: reachedHead}, 417)},
		alike("400, 403, 404, 409, 413, 422, 501, and others below 500", notDone, statuses(observation{}, declined...)...),
		alike("300, 304, 307, 308: a redirect, which is not followed", notDone, statuses(observation{}, 300, 304, 305, 307, 308)...),
		{"301, 302, 303, with which a form may be answered", notDone, unknown, unknown, unknown, notDone, statuses(observation{}, 301, 302, 303)},
		{"101, for which nobody asked", notDone, unknown, unknown, unknown, notDone, statuses(observation{}, 101)},
		{"a success that breaks off, or stalls for a minute", "✓ executed", "✓ executed", "✓ executed", "executed", "✓ executed",
			statuses(observation{failure: failedTransfer}, 200, 201)},
		alike("a success that is too large, or a web page or a part in place of a file", "executed",
			statuses(observation{failure: failedContent}, 200, 204, 206)...),
		alike("a file to be sent that cannot be read, or changes", notDone, observation{failure: failedSource},
			observation{failure: failedSource, spent: true}, observation{failure: failedSource, reach: reachedHead}),
		alike("425, 429 after a reader that can be read once", notDone, statuses(observation{spent: true}, 425, 429)...),
		alike("any end before the end of such a reader", notDone, append(
			statuses(observation{spent: true, reach: reachedInPart}, 408, 500, 503), observation{failure: failedConnection, spent: true, reach: reachedInPart})...),
		{"any other end after a reader that can be read once", notDone, unknown, unknown, unknown, notDone,
			append(statuses(observation{spent: true}, 408, 500, 503), observation{failure: failedConnection, spent: true})},
	}
}

// inWords is a decision as the page says it.
func (d decision) inWords() string {
	return map[repetition]string{repeatNever: "", repeatLater: "✓ ", repeatAtOnce: "↻ "}[d.again] + string(d.outcome)
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, row := range matrix() {
		for c, promise := range row.promises() {
			for _, seen := range row.seen {
				if promise != "–" {
					require.Equal(t, promise, judge(c, seen).inWords(), "%s: class %d, %+v", row.what, c, seen)
				}
			}
		}
	}
}

// An end of a response's body says nothing of its status.
func TestJudgeBrokenErrors(t *testing.T) {
	t.Parallel()
	for _, row := range matrix() {
		for c := range row.promises() {
			for _, seen := range row.seen {
				if whole := seen; seen.status != 0 && !isSuccess(seen.status) {
					seen.failure = failedTransfer
					require.Equal(t, judge(c, whole), judge(c, seen))
				}
			}
		}
	}
}

func TestJudgeWaits(t *testing.T) {
	t.Parallel()
	require.Equal(t, 7*time.Second, judge(classNonIdempotent, observation{status: 429, retryAfter: 7 * time.Second}).wait)
	require.Zero(t, judge(classRead, observation{status: 503}).wait)
	require.Zero(t, judge(classNonIdempotent, observation{status: 503, retryAfter: 7 * time.Second}).wait, "nothing follows")
}

func TestJudgeSuccess(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 202, 204} {
		for c := range (matrixRow{}).promises() {
			require.Equal(t, decision{outcome: OutcomeExecuted}, judge(c, observation{status: status}))
		}
	}
}

// TestMatrixIsPublished compares the page with the matrix, or writes it there.
func TestMatrixIsPublished(t *testing.T) {
	t.Parallel()
	var table bytes.Buffer
	table.WriteString("| What is seen of an attempt | R | O | D | N | A |\n|---|---|---|---|---|---|\n")
	for _, r := range matrix() {
		fmt.Fprintf(&table, "| %s |\n", strings.Join([]string{r.what, r.read, r.overwrite, r.del, r.non, r.login}, " | "))
	}
	page, err := os.ReadFile(matrixPage)
	require.NoError(t, err)
	const begin, end = "<!-- matrix -->\n", "<!-- /matrix -->"
	head, rest, ok := strings.Cut(string(page), begin)
	require.True(t, ok)
	published, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *updateMatrix {
		require.NoError(t, os.WriteFile(matrixPage, []byte(head+begin+table.String()+end+tail), 0o644))
		return
	}
	require.Equal(t, table.String(), published, "go test -run TestMatrixIsPublished . -update-matrix writes what is promised")
}
