package page

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
)

// maxReason is how long a reason may be, in characters.
const maxReason = 500

// judging is which images are being judged, so that of two people who judge one at
// the same time the second sees what the first has said.
type judging struct {
	mu    sync.Mutex
	under map[string]bool
}

func (j *judging) begin(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.under[id] {
		return false
	}
	j.under[id] = true
	return true
}

func (j *judging) end(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.under, id)
}

// judgementRequest is what a browser sends.
type judgementRequest struct {
	ID      string `json:"id"`
	Seq     uint64 `json:"seq"` // of the line about the image that the person has seen
	Verdict string `json:"verdict"`
	By      string `json:"by"`
	Reason  string `json:"reason"`
}

// judge takes a judgement, which is in the record when it returns. The body of an
// error is a word that the script knows.
func (page *Page) judge(w http.ResponseWriter, r *http.Request) {
	var asked judgementRequest
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10))
	if r.Header.Get("Content-Type") != "application/json" || body.Decode(&asked) != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	asked.By, asked.Reason = strings.TrimSpace(asked.By), strings.TrimSpace(asked.Reason)
	if problem := asked.problem(); problem != "" {
		http.Error(w, problem, http.StatusUnprocessableEntity)
		return
	}
	if !page.judging.begin(asked.ID) {
		http.Error(w, "judged", http.StatusConflict)
		return
	}
	defer page.judging.end(asked.ID)
	holds, seq, ok := page.line.imageOf(asked.ID)
	switch {
	case !ok:
		http.Error(w, "gone", http.StatusNotFound)
		return
	case seq != asked.Seq:
		http.Error(w, "judged", http.StatusConflict)
		return
	}
	j := Judgement{Of: holds, Time: time.Now(), Verdict: asked.Verdict, By: asked.By, Note: asked.Reason}
	// Who has judged may leave: what was said is recorded all the same.
	judging, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
	defer cancel()
	if err := page.feed.Judge(judging, j); err != nil {
		page.opts.Logger.Warn("a judgement was not recorded", "image", asked.ID, "error", err)
		http.Error(w, "failed", http.StatusServiceUnavailable)
		return
	}
	page.showJudgement(r.Context(), asked.ID, seq)
	w.WriteHeader(http.StatusNoContent)
}

// showJudgement waits until the judgement has come back, so that the next one is
// made in sight of it. It is recorded whether it has or not.
func (page *Page) showJudgement(ctx context.Context, id string, seq uint64) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	page.line.await(ctx.Done(), id, seq)
}

// problem is what is wrong with a judgement; "" for nothing.
func (j judgementRequest) problem() string {
	switch hacarus.Verdict(j.Verdict) {
	case hacarus.VerdictOK, hacarus.VerdictNG, hacarus.VerdictUnknown:
	default:
		return "verdict"
	}
	if _, err := judge.CheckName(j.By); err != nil {
		return "name"
	}
	if !judge.IsLine(j.Reason, maxReason) {
		return "reason"
	}
	return ""
}
