package hacarus

import (
	"context"
	"errors"
	"image"
	"io"
	"math"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAddedIDs(t *testing.T) {
	t.Parallel()
	files := []File{FileFromBytes("a.png", []byte("one")), FileFromBytes("b.png", []byte("two"))}
	for name, test := range map[string]struct {
		body string
		want []string // nil where it cannot be read
	}{
		"as documented":     {`{"data":{"item_ids":["a","b"]}}`, []string{"a", "b"}},
		"other ids":         {`{"data":{"item_ids":["plate-1","plate-2"]}}`, []string{"plate-1", "plate-2"}},
		"numbers":           {`{"data":{"item_ids":[1001,1002]}}`, []string{"1001", "1002"}},
		"fewer":             {`{"data":{"item_ids":["a"]}}`, []string{"a"}},
		"none":              {`{"data":{"item_ids":[]}}`, nil},
		"null":              {`{"data":{"item_ids":null}}`, nil},
		"missing":           {`{"data":{}}`, nil},
		"an empty id":       {`{"data":{"item_ids":["a",""]}}`, nil},
		"no data":           {`{}`, nil},
		"a list in its way": {`{"data":["a","b"]}`, nil},
		"HTML":              {`<html>`, nil},
		"empty":             {``, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: status(http.StatusCreated, test.body)}
			ids, err := overMemory(t, api).AddItems(t.Context(), AddItemsRequest{Files: files})
			require.Equal(t, test.want, ids)
			require.Equal(t, 1, api.count())
			if test.want != nil {
				require.NoError(t, err)
				return
			}
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.ErrorIs(t, err, ErrDecode)
			require.Equal(t, OutcomeExecuted, failed.Outcome)
			require.Equal(t, []string{"a", "b"}, failed.ItemIDs, "what to look for")
		})
	}
}

// TestItemIDsOfUnknownOutcomes: the ids to look for come with the error, and
// only where there is something to look for.
func TestItemIDsOfUnknownOutcomes(t *testing.T) {
	t.Parallel()
	want := []string{"NewItem", "部品-0007", "no-extension", ".hidden"}
	var files []File
	for _, name := range []string{"NewItem.JPG", "部品-0007.tiff", "no-extension", ".hidden.png"} {
		files = append(files, FileFromBytes(name, []byte("image")))
	}
	abort := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}
	for name, test := range map[string]struct {
		next    http.HandlerFunc
		unknown bool
	}{
		"lost reply":   {abort, true},
		"server error": {status(500, ""), true},
		"timeout":      {status(408, ""), true},
		"see other":    {status(303, ""), true},
		"refused":      {status(400, ""), false},
		"busy":         {status(425, ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := overTCP(t, &fakeService{next: test.next}).AddItems(t.Context(), AddItemsRequest{Files: files})
			ids := expectedIDs(t, err)
			if !test.unknown {
				require.NotErrorIs(t, err, ErrOutcomeUnknown)
				require.Empty(t, ids)
				return
			}
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			require.Equal(t, want, ids)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := overMemory(t, &fakeService{next: func(_ http.ResponseWriter, r *http.Request) {
				cancel()
				<-r.Context().Done()
			}})
			_, err := c.AddItems(ctx, AddItemsRequest{Files: files})
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			require.Equal(t, want, failed.ItemIDs)
		})
	})
}

// expectedIDs are the ids that come with an error of AddItems.
func expectedIDs(t *testing.T, err error) []string {
	t.Helper()
	if base := (*BaseError)(nil); errors.As(err, &base) {
		return base.ItemIDs
	}
	var failed *RequestError
	require.ErrorAs(t, err, &failed)
	return failed.ItemIDs
}

func TestAnnotations(t *testing.T) {
	t.Parallel()
	var requests requestLog
	c := overMemory(t, &fakeService{next: requests.before(t, decline(http.StatusAccepted))})
	require.NoError(t, c.AnnotateItem(t.Context(), "a",
		RequestAnnotation{XMin: new(0), XMax: new(0), YMin: new(-1), YMax: new(5), Label: new(0), Notes: "傷"},
		RequestAnnotation{Notes: "all of it"}))
	require.JSONEq(t, `{"annotations":[{"x_min":0,"x_max":0,"y_min":-1,"y_max":5,"label":0,"notes":"傷"},{"notes":"all of it"}]}`,
		string(requests.all()[0].body))
	for _, bad := range []RequestAnnotation{
		{XMin: new(2), XMax: new(1)}, {YMin: new(2), YMax: new(1)}, {},
	} {
		require.ErrorIs(t, c.AnnotateItem(t.Context(), "a", RequestAnnotation{Notes: "fine"}, bad), ErrInvalidArgument)
	}
	require.Len(t, requests.all(), 1)
}

func TestItemQueries(t *testing.T) {
	t.Parallel()
	no := false
	var got url.Values
	c := overMemory(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		_, _ = io.WriteString(w, `{"data":{"item_id":"a","items":[]}}`)
	}})
	_, err := c.GetItem(t.Context(), "a", &GetItemOptions{ShowAssessments: &no, ModelID: "m&1"})
	require.NoError(t, err)
	require.Equal(t, url.Values{"show_assessments": {"false"}, "model_id": {"m&1"}}, got)
	_, err = c.ListItems(t.Context(), ListItemsOptions{Type: ItemTypeTraining, Count: 3, Page: 2})
	require.NoError(t, err)
	require.Equal(t, url.Values{"item_type": {"training"}, "count": {"3"}, "page": {"2"}}, got)
}

func TestScore(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"0.75": 0.75, "0": 0, "-1.5": -1.5, " 3 ": 3, "1e-3": 0.001, "0.3077000000": 0.3077,
	} {
		got, ok := (&Assessment{AnomalyScore: text}).Score()
		require.True(t, ok, text)
		require.InDelta(t, want, got, 0, text)
	}
	for _, text := range []string{"", " ", "high", "NaN", "Inf", "-inf", "1e400", "0,75", "1 2", "null"} {
		got, ok := (&Assessment{AnomalyScore: text}).Score()
		require.False(t, ok, text)
		require.Zero(t, got, text)
	}
}

func TestRect(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	const huge = math.MaxInt32
	for _, test := range []struct {
		name                   string
		xMin, yMin, xMax, yMax float64
		want                   image.Rectangle
		ok                     bool
	}{
		{"whole pixels", 606, 2284, 620, 2322, image.Rect(606, 2284, 620, 2322), true},
		{"parts of pixels", 606.25, 2284.75, 619.5, 2321.001, image.Rect(606, 2284, 620, 2322), true},
		{"parts of one pixel", 1.25, 1.25, 1.5, 1.5, image.Rect(1, 1, 2, 2), true},
		{"a point", 5, 5, 5, 5, image.Rectangle{Min: image.Pt(5, 5), Max: image.Pt(5, 5)}, true},
		{"a line", 5, 5, 9, 5, image.Rectangle{Min: image.Pt(5, 5), Max: image.Pt(9, 5)}, true},
		{"origin", 0, 0, 1, 1, image.Rect(0, 0, 1, 1), true},
		{"over the edge", -2.5, -0.5, 3, 4, image.Rect(-3, -1, 3, 4), true},
		{"as large as it may be", -huge, -huge, huge, huge, image.Rect(-huge, -huge, huge, huge), true},
		{"reversed in x", 620, 2284, 606, 2322, image.Rectangle{}, false},
		{"reversed in y", 606, 2322, 620, 2284, image.Rectangle{}, false},
		{"reversed within a pixel", 1.75, 1, 1.25, 2, image.Rectangle{}, false},
		{"NaN at the left", nan, 1, 2, 2, image.Rectangle{}, false},
		{"NaN at the top", 1, nan, 2, 2, image.Rectangle{}, false},
		{"NaN at the right", 1, 1, nan, 2, image.Rectangle{}, false},
		{"NaN at the bottom", 1, 1, 2, nan, image.Rectangle{}, false},
		{"infinite", 1, 1, inf, 2, image.Rectangle{}, false},
		{"infinite below", -inf, 1, 2, 2, image.Rectangle{}, false},
		{"beyond 32 bits", 1, 1, huge + 1, 2, image.Rectangle{}, false},
		{"beyond 32 bits below", 1, -huge - 1, 2, 2, image.Rectangle{}, false},
		{"beyond 32 bits by rounding", 1, 1, 2, huge + 0.5, image.Rectangle{}, false},
		{"huge", 0, 0, 1e300, 1e300, image.Rectangle{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := Annotation{XMin: &test.xMin, YMin: &test.yMin, XMax: &test.xMax, YMax: &test.yMax}
			got, ok := a.Rect()
			require.Equal(t, test.ok, ok)
			require.Equal(t, test.want, got)
			for _, missing := range []func(*Annotation){
				func(a *Annotation) { a.XMin = nil }, func(a *Annotation) { a.YMin = nil },
				func(a *Annotation) { a.XMax = nil }, func(a *Annotation) { a.YMax = nil },
			} {
				part := a
				missing(&part)
				got, ok := part.Rect()
				require.False(t, ok)
				require.Zero(t, got)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	user := func(label Label) *UserAssessment { return &UserAssessment{Label: label} }
	for _, test := range []struct {
		name        string
		user        *UserAssessment
		assessments []Assessment
		modelID     string
		want        Verdict
	}{
		{"nothing", nil, nil, "", VerdictUnknown},
		{"nothing of a model", nil, nil, "m1", VerdictUnknown},
		{"any model", nil, []Assessment{{ModelID: "m1", Label: LabelNG}}, "", VerdictNG},
		{"any model is the last", nil, []Assessment{{ModelID: "m1", Label: LabelNG}, {ModelID: "m2", Label: LabelOK}}, "", VerdictOK},
		{"one model", nil, []Assessment{{ModelID: "m1", Label: LabelNG}, {ModelID: "m2", Label: LabelOK}}, "m1", VerdictNG},
		{
			"the last of one model", nil,
			[]Assessment{{ModelID: "m1", Label: LabelNG}, {ModelID: "m1", Label: LabelOK}, {ModelID: "m2", Label: LabelNG}}, "m1", VerdictOK,
		},
		{"another model", nil, []Assessment{{ModelID: "m1", Label: LabelNG}}, "m2", VerdictUnknown},
		{"user against the model", user(LabelOK), []Assessment{{ModelID: "m1", Label: LabelNG}}, "m1", VerdictOK},
		{"user without the model", user(LabelNG), []Assessment{{ModelID: "m1", Label: LabelOK}}, "m2", VerdictNG},
		{"user alone", user(LabelNG), nil, "", VerdictNG},
		{"empty user label", user(""), []Assessment{{ModelID: "m1", Label: LabelNG}}, "m1", VerdictNG},
		{"empty user label alone", user(""), nil, "", VerdictUnknown},
		{"unknown user label", user("maybe"), []Assessment{{ModelID: "m1", Label: LabelOK}}, "m1", VerdictUnknown},
		{"unknown label", nil, []Assessment{{ModelID: "m1", Label: "GRAY"}}, "m1", VerdictUnknown},
		{"empty label", nil, []Assessment{{ModelID: "m1"}}, "m1", VerdictUnknown},
		{"unknown label after a known one", nil, []Assessment{{ModelID: "m1", Label: LabelOK}, {ModelID: "m1", Label: "GRAY"}}, "m1", VerdictUnknown},
		{"label in lower case", nil, []Assessment{{ModelID: "m1", Label: "ng"}}, "m1", VerdictNG},
		{"user label in lower case", user("ok"), []Assessment{{ModelID: "m1", Label: LabelNG}}, "m1", VerdictOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			item := Item{UserAssessment: test.user, Assessments: test.assessments}
			require.Equal(t, test.want, item.Verdict(test.modelID))
		})
	}
}

func TestItemAssessment(t *testing.T) {
	t.Parallel()
	item := Item{Assessments: []Assessment{{ModelID: "m1", Result: "1"}, {ModelID: "m2", Result: "2"}, {ModelID: "m1", Result: "3"}}}
	require.Same(t, &item.Assessments[2], item.Assessment(""))
	require.Same(t, &item.Assessments[2], item.Assessment("m1"))
	require.Same(t, &item.Assessments[1], item.Assessment("m2"))
	require.Nil(t, item.Assessment("m3"))
	require.Nil(t, (&Item{}).Assessment(""))
}

func TestFactUploads(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		training bool
		good     *bool
		modelID  string
		fields   map[string][]string
	}{
		{"30 good training items", true, new(true), "", map[string][]string{"training": {"true"}, "good": {"true"}}},
		{"30 defective training items", true, new(false), "", map[string][]string{"training": {"true"}, "good": {"false"}}},
		{"30 items to predict", false, nil, "", map[string][]string{"training": {"false"}}},
		{"30 items of a model", false, nil, "1000", map[string][]string{"training": {"false"}, "model_id": {"1000"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := overMemory(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
				assert.NoError(t, r.ParseMultipartForm(1<<20))
				assert.Equal(t, test.fields, r.MultipartForm.Value)
				assert.Len(t, r.MultipartForm.File["files"], 2)
				assert.Len(t, r.MultipartForm.File, 1)
				ok(`{"data":{"item_ids":["a","b"]}}`)(w, r)
			}})
			_, err := c.AddItems(t.Context(), AddItemsRequest{
				Files:    []File{FileFromBytes("a.png", []byte("one")), FileFromBytes("b.png", []byte("two"))},
				Training: test.training, Good: test.good, ModelID: test.modelID,
			})
			require.NoError(t, err)
		})
	}
}

// TestFactFileNames loses the reply of an upload: the error tells the ids to look for.
func TestFactFileNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files []string
		ids   []string
	}{
		{"28 ids", []string{"NewItem.JPG", "IMG-1006-OK-T.JPG"}, []string{"NewItem", "IMG-1006-OK-T"}},
		{"28 colliding names are the service's to judge", []string{"NewItem.JPG", "NewItem.png"}, []string{"NewItem", "NewItem"}},
		{"29 names that are rejected", []string{"NewItem invalid.name.png", "2019-05-24 at 3.27.11 PM.png"}, []string{"NewItem invalid.name", "2019-05-24 at 3.27.11 PM"}},
		{"29 Japanese", []string{"部品-0007.tiff"}, []string{"部品-0007"}},
		{"36 sample sets", []string{"IMG-1002-OK-T.JPG", "NG-06-01-demo.jpg"}, []string{"IMG-1002-OK-T", "NG-06-01-demo"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var arrived []string
			c := overMemory(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
				assert.NoError(t, r.ParseMultipartForm(1<<20))
				for _, file := range r.MultipartForm.File["files"] {
					arrived = append(arrived, file.Filename)
				}
				w.WriteHeader(http.StatusInternalServerError)
			}})
			var files []File
			for _, name := range test.files {
				files = append(files, FileFromBytes(name, []byte("image")))
			}
			_, err := c.AddItems(t.Context(), AddItemsRequest{Files: files})
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			base := (*BaseError)(nil)
			require.ErrorAs(t, err, &base)
			require.Equal(t, test.ids, base.ItemIDs)
			require.Equal(t, test.files, arrived, "sent once, under their names")
		})
	}
}

func TestFactItemResponses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		body   string
		call   func(context.Context, *Client) (any, error)
		want   any
	}{
		{
			"30 A6 UploadSuccess with 200", 200, `{"data":{"item_ids":["NewItem"]}}`,
			func(ctx context.Context, c *Client) (any, error) {
				return c.AddItems(ctx, AddItemsRequest{Files: []File{FileFromBytes("NewItem.JPG", []byte("image"))}})
			},
			[]string{"NewItem"},
		},
		{
			"30 A6 UploadSuccess with 201", 201, `{"data":{"item_ids":["NewItem"]}}`,
			func(ctx context.Context, c *Client) (any, error) {
				return c.AddItems(ctx, AddItemsRequest{Files: []File{FileFromBytes("NewItem.JPG", []byte("image"))}})
			},
			[]string{"NewItem"},
		},
		{"35 delete items with 200", 200, ``, func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteItems(ctx, "1001") }, nil},
		{"35 delete items with 204", 204, ``, func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteItems(ctx, "1001") }, nil},
		{
			"35 delete items with a body", 200, `{"data":{"item_ids":["1001"]}}`,
			func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteItems(ctx, "1001") }, nil,
		},
		{
			"35 annotate with 202", 202, ``,
			func(ctx context.Context, c *Client) (any, error) {
				return nil, c.AnnotateItem(ctx, "1001", RequestAnnotation{Notes: "x"})
			},
			nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.call(t.Context(), factClient(t, test.status, test.body))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}
