package putback

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
)

func client(t *testing.T, baseURL string) *hacarus.Client {
	t.Helper()
	c, err := hacarus.New(baseURL, hacarus.WithCredentials("id", "secret"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func left(t *testing.T, f Folder, service *hacarus.Client, model string) *Parameter {
	t.Helper()
	note, err := f.OpenKept(service, model)
	require.NoError(t, err)
	if note == nil {
		return nil
	}
	parameter, err := note.Left(t.Context())
	require.NoError(t, err)
	require.NoError(t, note.Close())
	return parameter
}

// What was noted is there until it is cleared, for that model of that service.
func TestNote(t *testing.T) {
	t.Parallel()
	f := Folder{t.TempDir()}
	require.False(t, f.Any())
	require.Nil(t, left(t, f, client(t, "https://a"), "m"))
	note, err := f.Open(client(t, "https://a"), "m")
	require.NoError(t, err)
	parameter, err := note.Left(t.Context())
	require.NoError(t, err)
	require.Nil(t, parameter)
	want := Parameter{hacarus.ParamThreshold, 0.1}
	require.NoError(t, note.Keep(t.Context(), client(t, "https://a"), "m", want))

	_, err = f.Open(client(t, "https://a/"), "m")
	require.EqualError(t, err, "another program is trying parameters of model m; wait until it has ended")
	require.NoError(t, note.Close())

	require.Equal(t, &want, left(t, f, client(t, "https://a"), "m"))
	require.Equal(t, &want, left(t, f, client(t, "https://a/"), "m"))
	require.Nil(t, left(t, f, client(t, "https://a"), "other"))
	require.Nil(t, left(t, f, client(t, "https://b"), "m"))

	note, err = f.Open(client(t, "https://a"), "m")
	require.NoError(t, err)
	_, err = note.Left(t.Context())
	require.NoError(t, err)
	require.True(t, f.Any())
	require.NoError(t, note.Clear(t.Context()))
	require.False(t, f.Any())
	require.NoError(t, note.Keep(t.Context(), client(t, "https://a"), "m", Parameter{hacarus.ParamMinDetectedArea, 7}))
	require.NoError(t, note.Close())
	require.Equal(t, &Parameter{hacarus.ParamMinDetectedArea, 7}, left(t, f, client(t, "https://a"), "m"), "a cleared note takes another")
}

// A person's word ends what is noted, if it is of that parameter.
func TestForget(t *testing.T) {
	t.Parallel()
	f := Folder{t.TempDir()}
	require.NoError(t, f.Forget(t.Context(), client(t, "https://a"), "m", hacarus.PredictParameters{Threshold: new(0.2)}), "nothing is noted")
	note, err := f.Open(client(t, "https://a"), "m")
	require.NoError(t, err)
	_, err = note.Left(t.Context())
	require.NoError(t, err)
	want := Parameter{hacarus.ParamThreshold, 0.1}
	require.NoError(t, note.Keep(t.Context(), client(t, "https://a"), "m", want))
	require.Error(t, f.Forget(t.Context(), client(t, "https://a"), "m", want.Predict()), "another program has it")
	require.NoError(t, note.Close())

	require.NoError(t, f.Forget(t.Context(), client(t, "https://a"), "m", hacarus.PredictParameters{MinDetectedArea: new(4.0)}))
	require.Equal(t, &want, left(t, f, client(t, "https://a"), "m"))
	require.NoError(t, f.Forget(t.Context(), client(t, "https://a"), "m", hacarus.PredictParameters{Threshold: new(0.2)}))
	require.Nil(t, left(t, f, client(t, "https://a"), "m"))
}

// A note that cannot be read, or that is about what this program does not know, is told
// of with where it is: it is neither taken for none, nor for a threshold.
func TestDamagedNote(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"nonsense",
		`{"hacarus_journal":"a parameter to put back","parameter":"mode","value":5}`,
		`{"hacarus_journal":"a parameter to put back","parameter":"threshold"}`,
		`{"hacarus_journal":"a parameter to put back","value":5}`,
	} {
		f := Folder{t.TempDir()}
		file := f.path(client(t, "https://a"), "m")
		require.NoError(t, os.WriteFile(file, []byte(text+"\n"), 0o600))
		note, err := f.Open(client(t, "https://a"), "m")
		if err == nil {
			_, err = note.Left(t.Context())
			require.NoError(t, note.Close())
		}
		require.ErrorContains(t, err, file, text)
		require.ErrorContains(t, err, "models tune")
	}
}
