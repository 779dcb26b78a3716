package hacarus_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

// productOf is the product on picture n.
func productOf(n int) product { return product{"L/7 検査", fmt.Sprintf("%04d", n)} }

// post posts a picture without a network, and tells the status of the response.
func (s *station) post(ctx context.Context, n int) int {
	p := productOf(n)
	response := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(plates.Picture(n)))
	request.Header.Set("Lot", p.Lot)
	request.Header.Set("Serial", p.Serial)
	s.ServeHTTP(response, request)
	return response.Code
}

// The station of the example rides out an outage of an hour and lost responses,
// takes images all the while, and goes on where an earlier one has ended. Each
// image is told of once, with its own product, and was uploaded and predicted once.
func TestStationRidesOutAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const images = 120
		s, _ := newService(t, hacarustest.WithPredictionTime(20*time.Second))
		s.AddModel(hacarus.Model{})
		for _, operation := range []string{"addItem", "predictItems"} {
			for range 10 {
				s.Inject(operation, hacarustest.ResetConnection(), hacarustest.Fault{}, hacarustest.HTML(502).After(), hacarustest.Fault{})
			}
		}
		begun := time.Now()
		c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			if away := time.Since(begun); away > 10*time.Minute && away < 70*time.Minute {
				return nil, syscall.ECONNREFUSED
			}
			return next.RoundTrip(r)
		})
		folder := t.TempDir()
		told := map[product]hacarus.Verdict{}
		posted := 0
		for _, shift := range []time.Duration{5 * time.Minute, 30 * time.Minute, 5 * time.Hour} {
			station, err := newStation(folder)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), shift)
			camera := make(chan struct{})
			go func() {
				defer close(camera)
				for posted < images && ctx.Err() == nil {
					for range 2 { // the response is lost to the camera
						if code := station.post(ctx, posted); code != http.StatusAccepted {
							t.Errorf("image %d: status %d", posted, code)
						}
					}
					posted++
					time.Sleep(time.Minute)
				}
			}()
			err = station.run(ctx, c, hacarus.InspectRequest{}, func(p product, result *hacarus.Inspection) {
				if result.Err != nil || told[p] != "" {
					t.Errorf("%v: error %v, and before it %q", p, result.Err, told[p])
				}
				told[p] = result.Verdict
			})
			cancel()
			<-camera
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Len(t, told, images)
		for n := range images {
			require.Equal(t, plates.Verdict(n), told[productOf(n)], n)
		}
		plates.RequireOnce(t, images, plates.Uploads(s))
		plates.RequireOnce(t, images, plates.Predictions(t, s))
		left, err := filepath.Glob(filepath.Join(folder, "*.jpg*"))
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

// What ends the inspection is no fault of the images that are under way: they stay
// in the folder, and the next process inspects them.
func TestStationKeepsImagesOfAnEndedInspection(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"login", "addItem", "predictItems"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const images = 5
				s, _ := newService(t)
				s.AddModel(hacarus.Model{})
				status := http.StatusForbidden
				if operation == "login" {
					status = http.StatusUnauthorized
				}
				s.Inject(operation, hacarustest.Status(status, nil, fmt.Sprintf(`{"errors": {"status": %d, "title": "Invalid license!", "source": {"pointer": "x"}, "detail": "x"}}`, status)))
				folder := t.TempDir()
				for process := range 2 {
					station, err := newStation(folder)
					require.NoError(t, err)
					for n := range images {
						require.Equal(t, http.StatusAccepted, station.post(t.Context(), n))
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					told := 0
					err = station.run(ctx, s.Client(), hacarus.InspectRequest{}, func(p product, result *hacarus.Inspection) {
						require.NoError(t, result.Err, p)
						if told++; told == images {
							cancel()
						}
					})
					cancel()
					if process == 0 {
						require.NotErrorIs(t, err, context.DeadlineExceeded)
						require.Zero(t, told)
						continue
					}
					require.ErrorIs(t, err, context.Canceled)
					require.Equal(t, images, told)
				}
			})
		})
	}
}
