package hacarus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

// proxied returns a client of the service through a proxy, as [testkit.Proxy] runs it.
func proxied(s *hacarustest.Server, proxy func(r *http.Request, next http.RoundTripper) (*http.Response, error)) *hacarus.Client {
	return s.Client(
		hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}),
		hacarus.WithHTTPClient(&http.Client{Transport: testkit.Proxy(s.Transport(), proxy)}),
	)
}

// deliverLater lets the service have a request when nobody waits for its response
// any more.
func deliverLater(t *testing.T, s *hacarustest.Server, r *http.Request, after time.Duration) {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	later := r.Clone(context.WithoutCancel(r.Context()))
	later.Body = io.NopCloser(bytes.NewReader(body))
	time.AfterFunc(after, func() {
		if response, err := s.Transport().RoundTrip(later); err == nil {
			_ = response.Body.Close()
		}
	})
}

func page(r *http.Request, status int) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(strings.NewReader("<html>the proxy</html>")),
	}
}

func isUpload(r *http.Request) bool {
	return r.Method == http.MethodPost && path.Base(r.URL.Path) == "items"
}

// An item that was there before is not taken for an upload that was lost.
func TestInspectTellsOlderItems(t *testing.T) {
	t.Parallel()
	for name, item := range map[string]hacarus.Item{
		"another model's": {Assessments: []hacarus.Assessment{{ModelID: "m1", Label: hacarus.LabelOK}}},
		"this model's":    {Assessments: []hacarus.Assessment{{ModelID: "m2", Label: hacarus.LabelOK}}},
		"training data":   {IsTrainingData: true},
		"labelled":        {UserAssessment: &hacarus.UserAssessment{Label: hacarus.LabelOK}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{ModelID: "m2"})
				item.ItemID = "plate-00004"
				s.AddItem(item, plates.Picture(4))
				s.Inject("addItem", hacarustest.ResetConnection().Before())
				all, err := outcomes(t, c, hacarus.InspectRequest{ModelID: "m2", Files: pictures(4, 5)})
				require.NoError(t, err)
				require.ErrorIs(t, all[0].Err, hacarus.ErrOutcomeUnknown)
				require.Equal(t, "plate-00004", all[0].ItemID)
				require.Len(t, s.Calls("addItem"), 1)
			})
		})
	}
}

// A login that fails is not the outcome of the call that needed it.
func TestInspectWhileLoginsFail(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"addItem", "predictItems"} {
		t.Run("for a moment, "+operation, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				s.Inject(operation, hacarustest.RevokedToken())
				s.Inject("login", hacarustest.Fault{}, hacarustest.HTML(http.StatusOK), hacarustest.HTML(http.StatusFound))
				all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 5)})
				require.NoError(t, err)
				requireVerdicts(t, 0, all)
				require.Equal(t, 1, s.Executions("addItem"))
				require.Equal(t, 1, s.Executions("predictItems"))
			})
		})
	}
	for _, status := range []int{400, 401, 404, 413} {
		t.Run("for good", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				s.Inject("login", hacarustest.Repeat(1000, refusal(status))...)
				_, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 500)})
				var refused *hacarus.BaseError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, status, refused.StatusCode)
				require.Less(t, len(s.Calls("login")), 10)
				require.Empty(t, s.Calls("addItem"))
			})
		})
	}
}

// Only the service can say that an item is not there.
func TestInspectBehindAGatewayWithoutBackend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddModel(hacarus.Model{})
		var lost time.Time
		c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			switch {
			case isUpload(r) && lost.IsZero():
				answer, err := next.RoundTrip(r)
				require.NoError(t, err)
				require.NoError(t, answer.Body.Close())
				lost = time.Now()
				return nil, errors.New("the gateway has gone")
			case !lost.IsZero() && time.Since(lost) < 8*time.Second:
				return page(r, http.StatusNotFound), nil
			}
			return next.RoundTrip(r)
		})
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 2)})
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
		require.Equal(t, 1, s.Executions("addItem"))
	})
}

// A gateway gives up waiting, and the service behind it goes on.
func TestInspectBehindAnImpatientGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddModel(hacarus.Model{})
		gaveUp := false
		c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			if !isUpload(r) || gaveUp {
				return next.RoundTrip(r)
			}
			gaveUp = true
			deliverLater(t, s, r, 20*time.Second)
			return page(r, http.StatusGatewayTimeout), nil
		})
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 5)})
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
		require.Equal(t, 1, s.Executions("addItem"))
	})
}

// A file that panics has an outcome like one that cannot be opened.
func TestInspectFileThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		broken := hacarus.File{Name: "a.png", Open: func() (io.ReadCloser, error) { panic("no camera") }}
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: append(pictures(0, 3), broken)})
		require.NoError(t, err)
		requireVerdicts(t, 0, all[:3])
		require.ErrorIs(t, all[3].Err, hacarus.ErrInvalidArgument)
		require.ErrorContains(t, all[3].Err, "no camera")
	})
}

// What was uploaded is not uploaded again, and what was not is.
func TestInspectReconcilesUploads(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]hacarustest.Fault{
		"executed":     {hacarustest.ResetConnection(), hacarustest.CloseConnection(), hacarustest.Garbage(), hacarustest.Truncated(3), hacarustest.HTML(502).After()},
		"not executed": {hacarustest.ResetInBody(10), hacarustest.ResetConnection().Before(), hacarustest.HTML(502), refusal(500), refusal(408)},
		"mixed":        mixed(11),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				s.Inject("addItem", faults...)
				s.Inject("getItemById", mixed(20)...)
				all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 100), BatchSize: 10})
				require.NoError(t, err)
				requireVerdicts(t, 0, all)
				plates.RequireOnce(t, 100, plates.Uploads(s))
				plates.RequireOnce(t, 100, plates.Predictions(t, s))
			})
		})
	}
}

// An item that was there before is not mistaken for the upload that got lost.
func TestInspectDoesNotTakeOldItems(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		m := s.AddModel(hacarus.Model{})
		s.AddItem(hacarus.Item{ItemID: "plate-00000", Assessments: []hacarus.Assessment{{ModelID: m.ModelID, Label: "NG"}}})
		s.AddItem(hacarus.Item{ItemID: "plate-00001", Images: []hacarus.ImageMeta{{FileSize: 7}}})
		s.Inject("addItem", hacarustest.ResetConnection().Before())
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 3)})
		require.NoError(t, err)
		for n := range 2 {
			require.ErrorIs(t, all[n].Err, hacarus.ErrOutcomeUnknown)
			require.Equal(t, fmt.Sprintf("plate-%05d", n), all[n].ItemID, "the id to look for")
		}
		requireVerdicts(t, 2, all[2:])
		plates.RequireOnce(t, 1, plates.Uploads(s))
	})
}

// An upload that the service is still at, when nobody waits for its response any
// more, is looked for and not sent again: whatever came in place of the response,
// and also when the run has ended and another one goes on.
func TestInspectWaitsForASlowService(t *testing.T) {
	t.Parallel()
	const works = 12 * time.Second
	for name, instead := range map[string]func(r *http.Request) (*http.Response, error){
		"reset":       func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET },
		"bad gateway": func(r *http.Request) (*http.Response, error) { return page(r, http.StatusBadGateway), nil },
		"error page":  func(r *http.Request) (*http.Response, error) { return page(r, http.StatusInternalServerError), nil },
		"run ended":   nil,
		"clock ahead": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newService(t)
				s.AddModel(hacarus.Model{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				lost := false
				c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					if !isUpload(r) || lost {
						return next.RoundTrip(r)
					}
					lost = true
					deliverLater(t, s, r, works)
					if instead != nil {
						return instead(r)
					}
					time.AfterFunc(time.Second, cancel)
					<-r.Context().Done()
					return nil, r.Context().Err()
				})
				req := hacarus.InspectRequest{Files: pictures(0, 5), Journal: filepath.Join(t.TempDir(), "journal")}
				results, err := outcomesIn(ctx, t, c, req)
				if instead == nil {
					require.ErrorIs(t, err, context.Canceled)
					if name == "clock ahead" {
						moveJournal(t, req.Journal, "1997")
					}
					results, err = outcomes(t, c, req)
				}
				require.NoError(t, err)
				requireVerdicts(t, 0, results)
				time.Sleep(time.Hour) // whatever is still under way
				require.Equal(t, 1, s.Executions("addItem"))
			})
		})
	}
}

// Ids that the service numbers are taken for what they are: those of the images
// that the items have, however the files are called.
func TestInspectNumberedItems(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newNumbering(t, 3, func(n int) int { return n }, func([]string) {})
		var files []hacarus.File
		for n := 1; n <= 12; n++ {
			files = append(files, hacarus.FileFromBytes(fmt.Sprintf("%d.png", n), plates.Picture(n)))
		}
		results, err := outcomes(t, c, hacarus.InspectRequest{Files: files, Concurrency: 1})
		require.NoError(t, err)
		requireVerdicts(t, 1, results)
	})
}

// An item whose image is another file's is not taken for this file's, and
// neither is one that another file has.
func TestInspectItemsOfOthers(t *testing.T) {
	t.Parallel()
	t.Run("swapped", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newNumbering(t, 100, func(n int) int { return n }, slices.Reverse[[]string])
			results, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 12), Concurrency: 1})
			require.NoError(t, err)
			for _, result := range results {
				require.ErrorIs(t, result.Err, hacarus.ErrOutcomeUnknown)
			}
		})
	})
	t.Run("numbers that begin again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newNumbering(t, 100, func(n int) int { return n % 5 }, func([]string) {})
			store := hacarus.NewMemoryJournal()
			first, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 5), Store: store, BatchSize: 5})
			require.NoError(t, err)
			requireVerdicts(t, 0, first)
			second, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(5, 10), Store: store, BatchSize: 5, Grace: time.Minute})
			require.NoError(t, err)
			for _, result := range second {
				require.ErrorIs(t, result.Err, hacarus.ErrOutcomeUnknown)
			}
		})
	})
}

// Upload looks at items itself where it is the order of a response, or a number
// that a file is called by, too, which tells whose they are.
func TestUploadItemsOfOthers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first   int
		reorder func([]string)
		right   bool
	}{
		"in order":          {100, func([]string) {}, true},
		"swapped":           {100, slices.Reverse[[]string], false},
		"called by numbers": {1, func([]string) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newNumbering(t, test.first, func(n int) int { return n }, test.reorder)
				var files []hacarus.File
				for n := range 4 {
					files = append(files, hacarus.FileFromBytes(fmt.Sprintf("%d.png", 4-n), plates.Picture(n)))
				}
				for u, err := range c.Upload(t.Context(), hacarus.UploadRequest{Files: files, Training: true}) {
					require.NoError(t, err)
					if !test.right {
						require.ErrorIs(t, u.Err, hacarus.ErrOutcomeUnknown)
						continue
					}
					require.NoError(t, u.Err)
					require.Equal(t, fmt.Sprint(test.first+u.Index), u.ItemID)
				}
			})
		})
	}
}

// newNumbering is a client of a service that numbers its items from first on,
// the n-th of them with number(n), and tells the numbers in an order of its own.
func newNumbering(t *testing.T, first int, number func(n int) int, reorder func([]string)) *hacarus.Client {
	t.Helper()
	s, _ := newService(t)
	s.AddModel(hacarus.Model{})
	count := 0
	names, numbers := map[string]string{}, map[string]string{} // of the stand-in and of this service, by each other
	texts := regexp.MustCompile(`"[^"]*"`)
	translate := func(text []byte, by map[string]string) []byte {
		return texts.ReplaceAllFunc(text, func(found []byte) []byte {
			if other := by[strings.Trim(string(found), `"`)]; other != "" {
				return []byte(`"` + other + `"`)
			}
			return found
		})
	}
	give := func(ids []string) {
		for n, id := range ids {
			ids[n] = fmt.Sprint(first + number(count))
			count++
			names[ids[n]], numbers[id] = id, ids[n]
		}
		reorder(ids)
	}
	return proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		upload, on := isUpload(r), r.Clone(r.Context())
		if id := path.Base(r.URL.Path); r.Method == http.MethodGet && names[id] != "" {
			on.URL.Path = path.Dir(r.URL.Path) + "/" + names[id]
		}
		if path.Base(r.URL.Path) == "predict" {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			body = translate(body, names)
			on.Body, on.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		response, err := next.RoundTrip(on)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		if upload {
			var added struct {
				Data struct {
					ItemIDs []string `json:"item_ids"`
				} `json:"data"`
			}
			require.NoError(t, json.Unmarshal(text, &added))
			give(added.Data.ItemIDs)
			text, err = json.Marshal(added)
			require.NoError(t, err)
		} else {
			text = translate(text, numbers)
		}
		response.Header.Del("Content-Length")
		response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(text)), -1
		return response, nil
	})
}

// A proxy's page, while what is behind it is exchanged, ends neither the run nor
// any file.
func TestInspectBehindARedeployedProxy(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusFound} {
		for _, operation := range []string{"upload", "predict", "look", "all"} {
			t.Run(fmt.Sprint(status, " ", operation), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s, _ := newService(t, hacarustest.WithPredictionTime(10*time.Second))
					s.AddModel(hacarus.Model{})
					var begun time.Time
					c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
						concerned := operation == "all" || operation == "upload" && isUpload(r) ||
							operation == "predict" && path.Base(r.URL.Path) == "predict" || operation == "look" && r.Method == http.MethodGet
						if concerned && begun.IsZero() {
							begun = time.Now()
						}
						if concerned && time.Since(begun) < 40*time.Second {
							return page(r, status), nil
						}
						return next.RoundTrip(r)
					})
					results, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 30), Concurrency: 1})
					require.NoError(t, err)
					requireVerdicts(t, 0, results)
					plates.RequireOnce(t, 30, plates.Uploads(s))
				})
			})
		}
	}
}

// A file at which the service fails, while it takes others, is given up in time,
// and holds none of them up.
func TestInspectFileThatBreaksTheService(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newService(t)
				s.AddModel(hacarus.Model{})
				c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					if !isUpload(r) {
						return next.RoundTrip(r)
					}
					body, err := io.ReadAll(r.Body)
					require.NoError(t, err)
					if bytes.Contains(body, []byte("plate-00007.png")) {
						return page(r, status), nil
					}
					r = r.Clone(r.Context())
					r.Body = io.NopCloser(bytes.NewReader(body))
					return next.RoundTrip(r)
				})
				source := func(yield func(hacarus.File) bool) {
					for _, file := range pictures(0, 200) {
						if !yield(file) {
							return
						}
						time.Sleep(5 * time.Second)
					}
				}
				begun := time.Now()
				for result, err := range c.Inspect(t.Context(), hacarus.InspectRequest{Source: source, Grace: 5 * time.Minute}) {
					require.NoError(t, err)
					if result.Index == 7 {
						require.ErrorIs(t, result.Err, hacarus.ErrServer)
						require.Less(t, time.Since(begun), 15*time.Minute)
						continue
					}
					require.Equal(t, plates.Verdict(result.Index), result.Verdict)
					require.Less(t, time.Since(begun), time.Duration(result.Index)*5*time.Second+5*time.Minute)
				}
			})
		})
	}
}
