package hacarus

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	pngHead  = "\x89PNG\r\n\x1a\n"
	heicHead = "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
)

// hintOf is the hint of a call that a service refuses. The request was sent: the
// SDK refuses nothing that a service might take.
func hintOf(t *testing.T, code int, call func(context.Context, *Client) error) string {
	t.Helper()
	api := &fakeService{next: status(code, `{"errors":{"title":"Invalid Request"}}`)}
	err := call(t.Context(), overMemory(t, api))
	require.Equal(t, 1, api.count())
	var base *BaseError
	require.ErrorAs(t, err, &base)
	require.Equal(t, "Invalid Request", base.Errors.Title)
	require.Contains(t, err.Error(), base.Hint)
	return base.Hint
}

// TestRefusedFilesAreDescribed: the service's words for six different causes are
// the same, so the error adds what can be seen of the files.
func TestRefusedFilesAreDescribed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files []File
		want  string
	}{
		"HEIC":   {[]File{FileFromBytes("a.heic", []byte(heicHead))}, `"a.heic": content is image/heic; PNG, JPEG and TIFF are taken`},
		"BMP":    {[]File{FileFromBytes("a.bmp", []byte("BM\x36\x00"))}, `"a.bmp": content is image/bmp; PNG, JPEG and TIFF are taken`},
		"GIF":    {[]File{FileFromBytes("a.png", []byte("GIF89a"))}, `"a.png": content is image/gif; PNG, JPEG and TIFF are taken`},
		"WebP":   {[]File{FileFromBytes("a.webp", []byte("RIFF\x24\x00\x00\x00WEBPVP8 "))}, `"a.webp": content is image/webp; PNG, JPEG and TIFF are taken`},
		"text":   {[]File{FileFromBytes("a.png", []byte("hello"))}, `"a.png": content is text/plain; PNG, JPEG and TIFF are taken`},
		"empty":  {[]File{FileFromBytes("a.png", nil)}, `"a.png": content is empty`},
		"space":  {[]File{FileFromBytes("a 1.png", []byte(pngHead))}, `"a 1.png": name has a space: see SafeName`},
		"dots":   {[]File{FileFromBytes("a.1.png", []byte(pngHead))}, `"a.1.png": name has more than one dot: see SafeName`},
		"kanji":  {[]File{FileFromBytes("検査.png", []byte(pngHead))}, `"検査.png": name has other characters than ASCII letters, digits, "-" and "_": see SafeName`},
		"both":   {[]File{FileFromBytes("a b.png", nil)}, `"a b.png": content is empty, name has a space: see SafeName`},
		"good":   {[]File{FileFromBytes("a.png", []byte(pngHead)), FileFromBytes("b.jpg", []byte("\xff\xd8\xff")), FileFromBytes("c.tif", []byte("II*\x00"))}, ""},
		"one of": {[]File{FileFromBytes("a.png", []byte(pngHead)), FileFromBytes("b.png", nil)}, `"b.png": content is empty`},
		"many": {
			[]File{FileFromBytes("a.png", nil), FileFromBytes("b.png", nil), FileFromBytes("c.png", nil), FileFromBytes("d.png", nil), FileFromBytes("e.png", nil)},
			`"a.png": content is empty; "b.png": content is empty; "c.png": content is empty; 2 more`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, code := range []int{http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity} {
				require.Equal(t, test.want, hintOf(t, code, func(ctx context.Context, c *Client) error {
					_, err := c.AddItems(ctx, AddItemsRequest{Files: test.files})
					return err
				}))
			}
			require.Empty(t, hintOf(t, http.StatusForbidden, func(ctx context.Context, c *Client) error {
				_, err := c.AddItems(ctx, AddItemsRequest{Files: test.files})
				return err
			}), "a license, or another cause that is no file's")
		})
	}
	t.Run("other files", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, hintOf(t, http.StatusUnprocessableEntity, func(ctx context.Context, c *Client) error {
			_, err := c.ImportModels(ctx, FileFromBytes("the models.zip", []byte("PK\x03\x04")))
			return err
		}), "a model is no image")
	})
}

// TestNamesAreNoIDs: where the service does not find what it was asked for, the
// error says of constants that look like ids what they are.
func TestNamesAreNoIDs(t *testing.T) {
	t.Parallel()
	const name, active = `"Pattern Matching" is a name, not an id: FindAlgorithm`, `"active" stands for a model in PredictItems alone: ListModels tells which are active`
	for what, test := range map[string]struct {
		call func(context.Context, *Client) error
		want string
	}{
		"train": {func(ctx context.Context, c *Client) error {
			_, err := c.Train(ctx, AlgorithmPatternMatching, TrainRequest{})
			return err
		}, name},
		"train and wait": {func(ctx context.Context, c *Client) error {
			_, err := c.TrainAndWait(ctx, AlgorithmPatternMatching, TrainRequest{})
			return err
		}, name},
		"algorithm": {func(ctx context.Context, c *Client) error {
			_, err := c.GetAlgorithm(ctx, AlgorithmPatternMatching)
			return err
		}, name},
		"models of an algorithm": {func(ctx context.Context, c *Client) error {
			_, err := c.ListModels(ctx, &ListModelsOptions{AlgorithmID: AlgorithmPatternMatching})
			return err
		}, name},
		"kanji": {func(ctx context.Context, c *Client) error {
			_, err := c.GetAlgorithm(ctx, "パターンマッチング")
			return err
		}, `"パターンマッチング" is a name, not an id: FindAlgorithm`},
		"an id": {func(ctx context.Context, c *Client) error {
			_, err := c.Train(ctx, "hacarus-dictionary-learning", TrainRequest{})
			return err
		}, ""},
		"model": {func(ctx context.Context, c *Client) error { _, err := c.GetModel(ctx, ActiveModel); return err }, active},
		"parameters": {func(ctx context.Context, c *Client) error {
			_, err := c.SetPredictParameters(ctx, ActiveModel, PredictParameters{Threshold: new(0.5)})
			return err
		}, active},
		"deletion": {func(ctx context.Context, c *Client) error {
			_, err := c.DeleteModels(ctx, "m1", ActiveModel)
			return err
		}, active},
		"export":  {func(ctx context.Context, c *Client) error { _, err := c.ExportModels(ctx, ActiveModel); return err }, active},
		"results": {func(ctx context.Context, c *Client) error { _, err := c.GetModelResults(ctx, ActiveModel); return err }, active},
		"items": {func(ctx context.Context, c *Client) error {
			_, err := c.ListItems(ctx, ListItemsOptions{Type: ItemTypePrediction, ModelID: ActiveModel})
			return err
		}, active},
		"item": {func(ctx context.Context, c *Client) error { _, err := c.GetItem(ctx, "a", nil); return err }, ""},
		"prediction": {func(ctx context.Context, c *Client) error {
			_, err := c.PredictItems(ctx, ActiveModel, "a")
			return err
		}, ""},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, hintOf(t, http.StatusNotFound, test.call))
		})
	}
}
