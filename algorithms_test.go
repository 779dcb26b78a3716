package hacarus

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTrainErrors holds the kinds that the comment of Train names.
func TestTrainErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status  int
		body    string
		kind    error
		outcome Outcome
	}{
		"no license":      {http.StatusForbidden, `{"errors":{"title":"Invalid license!"}}`, ErrLicense, OutcomeNotExecuted},
		"somebody's item": {http.StatusForbidden, `{"errors":{"title":"You do not have access"}}`, ErrForbidden, OutcomeNotExecuted},
		"unfit request":   {http.StatusUnprocessableEntity, `{}`, ErrUnprocessable, OutcomeNotExecuted},
		"failure":         {http.StatusInternalServerError, `{}`, ErrOutcomeUnknown, OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: status(test.status, test.body)}
			_, err := overMemory(t, api).Train(t.Context(), "AE", TrainRequest{Name: "plates"})
			require.ErrorIs(t, err, test.kind)
			var answered *BaseError
			require.ErrorAs(t, err, &answered)
			require.Equal(t, test.outcome, answered.Outcome)
			require.Equal(t, 1, api.count())
		})
	}
}

// TestAlgorithmOfAnotherID: an algorithm is returned as the service sent it.
func TestAlgorithmOfAnotherID(t *testing.T) {
	t.Parallel()
	algorithm, err := factClient(t, http.StatusOK, `{"data":{"algorithm_id":"OC"}}`).GetAlgorithm(t.Context(), "AE")
	require.NoError(t, err)
	require.Equal(t, "OC", algorithm.AlgorithmID)
}

// TestNoAlgorithms: the service may say so in two ways.
func TestNoAlgorithms(t *testing.T) {
	t.Parallel()
	none, err := factClient(t, http.StatusOK, `{"data":[]}`).ListAlgorithms(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = factClient(t, http.StatusNotFound, `{"errors":{"title":"No algorithms found"}}`).ListAlgorithms(t.Context())
	require.ErrorIs(t, err, ErrNotFound)
}

func TestFactAlgorithms(t *testing.T) {
	t.Parallel()
	t.Run("15 32 A6 GetAlgorithmsSuccess", func(t *testing.T) {
		t.Parallel()
		const body = `{"data":[{"algorithm_id":"OC","name":"One class","parameters":[` +
			`{"algorithm_id":"OC","algorithm_parameter_id":249,"created_at":"2019-06-06T23:29:17Z","data_type":"tuple",` +
			`"model_parameter":true,"name":"patch_size","value":"[4, 4]"}]}]}`
		algorithms, err := factClient(t, 200, body).ListAlgorithms(t.Context())
		require.NoError(t, err)
		require.Equal(t, []Algorithm{{
			AlgorithmID: "OC", Name: "One class",
			Parameters: []AlgorithmParameter{{
				AlgorithmID: "OC", AlgorithmParameterID: 249, CreatedAt: factTime(t, "2019-06-06T23:29:17Z"), DataType: "tuple",
				ModelParameter: new(true), Name: "patch_size", Value: "[4, 4]",
			}},
		}}, algorithms)
	})
	for _, id := range []string{"OC", "RF", "AE", "IF", "hacarus-dictionary-learning"} {
		t.Run("32 "+id, func(t *testing.T) {
			t.Parallel()
			algorithm, err := factClient(t, 200, `{"data":{"algorithm_id":"`+id+`"}}`).GetAlgorithm(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, &Algorithm{AlgorithmID: id}, algorithm)
		})
	}
	t.Run("33 ranges and values as numbers", func(t *testing.T) {
		t.Parallel()
		const body = `{"data":{"algorithm_id":"AE","parameters":[{"algorithm_parameter_id":221,"value":50,"range_lower":0,"range_upper":0.5}]}}`
		algorithm, err := factClient(t, 200, body).GetAlgorithm(t.Context(), "AE")
		require.NoError(t, err)
		require.Equal(t, []AlgorithmParameter{{AlgorithmParameterID: 221, Value: "50", RangeLower: "0", RangeUpper: "0.5"}}, algorithm.Parameters)
	})
}

// TestFindAlgorithm: an algorithm is found by its name, if it is the only one.
func TestFindAlgorithm(t *testing.T) {
	t.Parallel()
	const algorithms = `{"data":[{"algorithm_id":17,"name":"Pattern Matching"},{"algorithm_id":"a","name":"Own"},{"algorithm_id":"b","name":"own"}]}`
	for name, test := range map[string]struct {
		body string
		want string
		err  error
		says string
	}{
		AlgorithmPatternMatching: {algorithms, "17", nil, ""},
		"PATTERN matching":       {algorithms, "17", nil, ""},
		"Pattern":                {algorithms, "", ErrNotFound, `no algorithm is named "Pattern"; there are "Pattern Matching", "Own", "own"`},
		"17":                     {algorithms, "", ErrNotFound, `no algorithm is named "17"`},
		"Own":                    {algorithms, "", nil, `2 algorithms are named "Own", with the ids "a", "b"`},
		"any":                    {`{"data":[]}`, "", ErrNotFound, "there are none"},
		"unread":                 {`<html></html>`, "", ErrDecode, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			algorithm, err := factClient(t, http.StatusOK, test.body).FindAlgorithm(t.Context(), name)
			if test.want != "" {
				require.NoError(t, err)
				require.Equal(t, test.want, algorithm.AlgorithmID)
				return
			}
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, 1, failed.Attempts)
			require.ErrorContains(t, err, test.says)
			require.True(t, test.err == nil || errors.Is(err, test.err))
			require.Nil(t, algorithm)
		})
	}
	t.Run("without a name", func(t *testing.T) {
		t.Parallel()
		neverSent(t, map[string]func(context.Context, *Client) error{
			"find": func(ctx context.Context, c *Client) error { _, err := c.FindAlgorithm(ctx, ""); return err },
		})
	})
}
