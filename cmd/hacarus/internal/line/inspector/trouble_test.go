package inspector

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// What ends an inspection tells what somebody can do about it.
func TestTroubles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault hacarustest.Fault
		want  Trouble
	}{
		"no response":     {hacarustest.ResetConnection(), TroubleUnreachable},
		"too much to do":  {hacarustest.Status(http.StatusServiceUnavailable, nil, `{"errors":{"title":"busy"}}`), TroubleFailing},
		"a proxy":         {hacarustest.HTML(http.StatusForbidden), TroubleFailing},
		"the login":       {hacarustest.Status(http.StatusUnauthorized, nil, `{"errors":{"title":"Unauthorized"}}`), TroubleLogin},
		"the license":     {hacarustest.Status(http.StatusForbidden, nil, `{"errors":{"title":"Invalid license!"}}`), TroubleLicense},
		"either of them":  {hacarustest.Status(http.StatusForbidden, nil, `{"errors":{"title":"ライセンスが無効です"}}`), TroubleForbidden},
		"no model":        {hacarustest.Status(http.StatusNotFound, nil, `{"errors":{"title":"Not found"}}`), TroubleModel},
		"no active model": {hacarustest.Status(http.StatusBadRequest, nil, `{"errors":{"title":"No model"}}`), TroubleModel},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := hacarustest.NewServer()
			t.Cleanup(service.Close)
			service.Inject("predictItems", c.fault, c.fault, c.fault)
			client := service.Client(hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}))
			_, err := client.PredictItems(t.Context(), "m", "1")
			require.Error(t, err)
			require.Equal(t, c.want, TroubleOf(fmt.Errorf("it ends: %w", err)))
		})
	}
	require.Empty(t, TroubleOf(nil))
	require.Equal(t, TroubleOther, TroubleOf(errors.New("the queue")))
}
