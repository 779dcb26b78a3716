package hacarus_test

import (
	"context"
	"errors"
	"image"
	"net/http"
	"path"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// A question that fails for ever ends with the grace time, and concerns one file.
func TestInspectWithOneItemOutOfOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddModel(hacarus.Model{})
		c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			if path.Base(r.URL.Path) == "plate-00003" {
				return page(r, http.StatusInternalServerError), nil
			}
			return next.RoundTrip(r)
		})
		began := time.Now()
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 5), Grace: time.Minute})
		require.NoError(t, err)
		require.ErrorIs(t, all[3].Err, hacarus.ErrServer)
		requireVerdicts(t, 0, all[:3])
		requireVerdicts(t, 4, all[4:])
		require.Less(t, time.Since(began), 5*time.Minute)
	})
}

// Without an active model nothing more is uploaded.
func TestInspectWithoutAnActiveModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 1000)})
		require.ErrorIs(t, err, hacarus.ErrBadRequest)
		require.Len(t, all, 1000)
		require.LessOrEqual(t, len(s.Calls("addItem")), 10)
		require.LessOrEqual(t, len(s.Calls("predictItems")), 10)
	})
}

// A prediction that is asked for again counts once.
func TestInspectProgressOfRepeatedPredictions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		s.Inject("predictItems", hacarustest.ResetConnection().Before())
		var last hacarus.InspectProgress
		all, err := outcomes(t, c, hacarus.InspectRequest{
			Files: pictures(0, 10), Grace: time.Minute, Progress: func(p hacarus.InspectProgress) { last = p },
		})
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
		require.Equal(t, hacarus.InspectProgress{Total: 10, Uploaded: 10, Predicted: 10, Assessed: 10}, last)
	})
}

// A prediction whose answer was lost is not asked for again while its
// assessment may come, and is after that.
func TestInspectGrace(t *testing.T) {
	t.Parallel()
	const grace = 3 * time.Minute
	run := func(t *testing.T, faults ...hacarustest.Fault) (took time.Duration, s *hacarustest.Server, all []*hacarus.Inspection) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			server, c := newService(t, hacarustest.WithPredictionTime(2*time.Minute))
			s = server
			s.AddModel(hacarus.Model{})
			s.Inject("predictItems", faults...)
			begun := time.Now()
			var err error
			all, err = outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 10), Grace: grace})
			require.NoError(t, err)
			took = time.Since(begun)
		})
		return took, s, all
	}
	t.Run("executed", func(t *testing.T) {
		t.Parallel()
		took, s, all := run(t, hacarustest.ResetConnection())
		requireVerdicts(t, 0, all)
		requireOnce(t, 10, predictions(t, s))
		require.Less(t, took, grace)
	})
	t.Run("not executed", func(t *testing.T) {
		t.Parallel()
		took, s, all := run(t, hacarustest.ResetConnection().Before())
		requireVerdicts(t, 0, all)
		requireOnce(t, 10, predictions(t, s))
		require.GreaterOrEqual(t, took, grace+2*time.Minute)
		require.Less(t, took, grace+2*time.Minute+10*time.Second)
	})
	t.Run("not executed twice", func(t *testing.T) {
		t.Parallel()
		took, s, all := run(t, hacarustest.ResetConnection().Before(), hacarustest.CloseConnection().Before())
		requireVerdicts(t, 0, all)
		requireOnce(t, 10, predictions(t, s))
		require.GreaterOrEqual(t, took, 2*grace)
	})
	t.Run("never executed", func(t *testing.T) {
		t.Parallel()
		took, s, all := run(t, hacarustest.Repeat(9, hacarustest.ResetConnection().Before())...)
		require.ErrorIs(t, all[0].Err, hacarus.ErrNoAssessment)
		require.Len(t, s.Calls("predictItems"), 3)
		require.GreaterOrEqual(t, took, 3*grace)
	})
}

// squeamish is an inspector that fails on bad pictures.
func squeamish(ctx context.Context, img image.Image, p hacarustest.Parameters) (hacarustest.Finding, error) {
	if f, err := firstPixel(ctx, img, p); err != nil || !f.NG {
		return f, err
	}
	return hacarustest.Finding{}, errors.New("cannot look at it")
}

// A prediction that failed leaves no assessment. It is not waited for without
// end, not asked for again, and does not hold up the others.
func TestInspectWithoutAssessment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithInspector(hacarustest.InspectorFunc(squeamish)))
		s.AddModel(hacarus.Model{})
		begun, late := time.Now(), 0
		for result, err := range c.Inspect(t.Context(), hacarus.InspectRequest{Files: pictures(0, 200), Grace: 10 * time.Minute}) {
			require.NoError(t, err)
			if truth(result.Index) == hacarus.VerdictOK {
				require.Equal(t, hacarus.VerdictOK, result.Verdict)
				require.Less(t, time.Since(begun), time.Minute)
				continue
			}
			late++
			require.ErrorIs(t, result.Err, hacarus.ErrNoAssessment)
			var waited *hacarus.WaitError
			require.ErrorAs(t, result.Err, &waited)
			require.Equal(t, hacarus.ItemStatusDone, waited.ItemStatus)
		}
		require.Equal(t, 40, late)
		requireOnce(t, 200, predictions(t, s))
	})
}
