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
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
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
	Seq     uint64 `json:"seq"`     // of the line about the image that the person has seen
	Verdict string `json:"verdict"` // of the person
	Undo    bool   `json:"undo"`    // instead of a verdict: the judgement that holds is taken back
	By      string `json:"by"`
	Reason  string `json:"reason"`
}

// refusals are why a judgement is not taken, in words that the script knows, with
// the statuses that they come with.
var refusals = map[string]int{
	"malformed": http.StatusBadRequest,
	"verdict":   http.StatusUnprocessableEntity,
	"name":      http.StatusUnprocessableEntity,
	"reason":    http.StatusUnprocessableEntity,
	"gone":      http.StatusNotFound,           // the image is not shown any more
	"judged":    http.StatusConflict,           // somebody else has judged it
	"failed":    http.StatusServiceUnavailable, // it is not recorded
}

// judgementResponse is what became of a judgement.
type judgementResponse struct {
	Problem string     `json:"problem,omitempty"` // one of the refusals
	Image   *imageView `json:"image"`             // as it is then; null for one that is not shown
}

// reply tells what became of a judgement, and how its image is: the browser need not
// wait for the event.
func (page *Page) reply(w http.ResponseWriter, id, problem string) {
	status := http.StatusOK
	if problem != "" {
		status = refusals[problem]
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(judgementResponse{problem, page.line.imageOf(id)}) // whoever asked may have gone
}

// judge takes a judgement, which is in the record when it returns.
func (page *Page) judge(w http.ResponseWriter, r *http.Request) {
	var asked judgementRequest
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10))
	if r.Header.Get("Content-Type") != "application/json" || body.Decode(&asked) != nil {
		page.reply(w, "", "malformed")
		return
	}
	asked.By, asked.Reason = strings.TrimSpace(asked.By), strings.TrimSpace(asked.Reason)
	if problem := asked.problem(); problem != "" {
		page.reply(w, asked.ID, problem)
		return
	}
	if !page.judging.begin(asked.ID) {
		page.reply(w, asked.ID, "judged")
		return
	}
	defer page.judging.end(asked.ID)
	said, problem := page.line.said(asked, time.Now())
	if problem != "" {
		page.reply(w, asked.ID, problem)
		return
	}
	// Who has judged may leave: what was said is recorded all the same.
	judging, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
	defer cancel()
	if err := page.feed.Judge(judging, said); err != nil {
		page.opts.Logger.Warn("a judgement was not recorded", "image", asked.ID, "error", err)
		page.reply(w, asked.ID, "failed")
		return
	}
	page.showJudgement(r.Context(), asked.ID, asked.Seq)
	page.reply(w, asked.ID, "")
}

// said returns the new line about an image, or why there is none.
func (l *line) said(asked judgementRequest, now time.Time) (e record.Entry, problem string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.images[asked.ID]
	switch {
	case i == nil:
		return e, "gone"
	case i.seq != asked.Seq:
		return e, "judged"
	case !asked.Undo:
		return i.judged(asked, now), ""
	}
	before, ok := i.Before()
	if !ok {
		return e, "verdict" // there is none to take back
	}
	before.By, before.Note, before.Undo = asked.By, asked.Reason, true
	before.Time = later(now, i.Last().Time)
	return before, ""
}

// judged returns the line of a verdict. Where nothing is wrong it has no boxes, and
// where something is, at least those of the model.
func (i *shownImage) judged(asked judgementRequest, now time.Time) record.Entry {
	e := i.Last()
	e.Time = later(now, e.Time)
	e.Verdict, e.By, e.Note, e.Error, e.Undo = asked.Verdict, asked.By, asked.Reason, nil, false
	if len(e.Boxes) == 0 {
		e.Boxes = i.byModel().Boxes
	}
	if e.Verdict == string(hacarus.VerdictOK) || e.Boxes == nil {
		e.Boxes = [][4]int{}
	}
	return e
}

// later is the time of a new line, which is later than that of the one before it,
// whatever the clocks say.
func later(now, before time.Time) time.Time {
	if now.After(before) {
		return now.UTC()
	}
	return before.Add(time.Microsecond)
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
	switch verdict := hacarus.Verdict(j.Verdict); {
	case j.Undo && verdict == "":
	case !j.Undo && (verdict == hacarus.VerdictOK || verdict == hacarus.VerdictNG || verdict == hacarus.VerdictUnknown):
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
