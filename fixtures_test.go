package hacarus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fixture is one exchange of testdata/fixtures: what a call must send, what
// the service answers, and what the call must return.
type fixture struct {
	Request struct {
		Method string            `json:"method"`
		Path   string            `json:"path"` // escaped, without the base URL's prefix
		Query  url.Values        `json:"query"`
		Header map[string]string `json:"header"` // Accept and Content-Type; what is not there must not be sent
		Body   json.RawMessage   `json:"body"`
		Parts  []fixturePart     `json:"parts"` // of a multipart body
	} `json:"request"`
	Response struct {
		Status int               `json:"status"`
		Header map[string]string `json:"header"`
		Body   json.RawMessage   `json:"body"`
		Text   string            `json:"text"`
		Base64 []byte            `json:"base64"`
	} `json:"response"`
	// Want is the returned value as JSON; of a download all but its content.
	Want json.RawMessage `json:"want"`
}

type fixturePart struct {
	Name        string `json:"name"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Text        string `json:"text"`
	Base64      []byte `json:"base64"`
}

func (p fixturePart) content() []byte { return append([]byte(p.Text), p.Base64...) }

func (f fixture) answer() []byte {
	return slices.Concat(f.Response.Body, []byte(f.Response.Text), f.Response.Base64)
}

// files are the request's file parts as the caller has them.
func (f fixture) files() []File {
	var files []File
	for _, part := range f.Request.Parts {
		if part.Filename == "" {
			continue
		}
		files = append(files, FileFromBytes(part.Filename, part.content()))
	}
	return files
}

// fixtureDownload is a Download in the form of the fixtures.
type fixtureDownload struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	content     []byte
}

func readFixtureDownload(d *Download, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(d)
	return &fixtureDownload{d.Filename, d.ContentType, d.Size, content}, errors.Join(err, d.Close())
}

// fixtureCalls make the calls that must send the fixtures' requests.
var fixtureCalls = map[string]func(context.Context, *Client, fixture) (any, error){
	"login":                   func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.Login(ctx) },
	"getInspectionTargets":    func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.ListInspectionTargets(ctx) },
	"getInspectionTargetById": func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.GetInspectionTarget(ctx, 12) },
	"setInspectionTargetById": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.SetDefaultInspectionTarget(ctx, 13)
	},
	"getModelResults": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return readFixtureDownload(c.GetModelResults(ctx, "c5e77995", "b2b99239"))
	},
	"getAlgorithms":    func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.ListAlgorithms(ctx) },
	"getAlgorithmById": func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.GetAlgorithm(ctx, "AE") },
	"train": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.Train(ctx, "AE", TrainRequest{
			Name:           "plates 2022-03",
			ItemIDs:        []string{"T1-22-01", "T1-22-02"},
			OverrideParams: []OverrideParam{{AlgorithmParameterID: 919, Value: "[88, 88]"}},
		})
	},
	"getModels": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.ListModels(ctx, &ListModelsOptions{AlgorithmID: "AE"})
	},
	"getModelById": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.GetModel(ctx, "b2b99239-bdf4-5616-a531-f50546e8e32a")
	},
	"deleteModels": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.DeleteModels(ctx, "7d0c1f3e", "c5e77995")
	},
	"exportModelsWithId": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return readFixtureDownload(c.ExportModels(ctx, "b2b99239", "7d0c1f3e"))
	},
	"importModels": func(ctx context.Context, c *Client, f fixture) (any, error) {
		return c.ImportModels(ctx, f.files()[0])
	},
	"setModelPredictParameters": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.SetPredictParameters(ctx, "b2b99239", PredictParameters{
			Threshold: new(0.35), IgnoreOuter: "[8, 8]", MinDetectedArea: new(0.0),
		})
	},
	"setModelPredictCallback": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.SetPredictCallback(ctx, "b2b99239", PredictCallback{
			URL: "https://line-7.factory.example/hooks/check?cell=3&shift=a", Method: CallbackPost,
		})
	},
	"predictItems": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.PredictItems(ctx, ActiveModel, "plate-0001", "部品-0007")
	},
	"getItemsByType": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.ListItems(ctx, ListItemsOptions{Type: ItemTypePrediction, Count: 50, Page: 2, ModelID: "b2b99239"})
	},
	"addItem": func(ctx context.Context, c *Client, f fixture) (any, error) {
		return c.AddItems(ctx, AddItemsRequest{Files: f.files(), Training: true, Good: new(false), ModelID: "b2b99239"})
	},
	"delItem": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return nil, c.DeleteItems(ctx, "plate-0001", "部品-0007")
	},
	"getItemById": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.GetItem(ctx, "部品-0007 & #a?", &GetItemOptions{
			ShowAssessments: new(true), ShowAnnotations: new(false), ModelID: "b2b99239",
		})
	},
	"annotate": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return nil, c.AnnotateItem(ctx, "plate-0001",
			RequestAnnotation{XMin: new(0), XMax: new(620), YMin: new(216), YMax: new(240), Label: new(0), Notes: "傷"},
			RequestAnnotation{Notes: "to be checked"})
	},
	"setLicense": func(ctx context.Context, c *Client, f fixture) (any, error) {
		return c.SetLicense(ctx, f.files()[0])
	},
	"getLogs": func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return readFixtureDownload(c.GetLogs(ctx))
	},
	"getHashId": func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.GetHashID(ctx) },
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	for operation := range fixtureCalls {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			readFixture(t, operation).run(t, operation)
		})
	}
}

// run makes the operation's call, and checks what arrived and what came back.
func (f fixture) run(t *testing.T, operation string) {
	t.Helper()
	api := &fixtureAPI{t: t, fixture: f, login: operation != "login"}
	server := httptest.NewServer(api)
	defer server.Close()
	c, err := New(server.URL+fixturePrefix, WithCredentials("line-7", "fixture-secret"))
	require.NoError(t, err)
	defer c.Close()

	got, err := fixtureCalls[operation](t.Context(), c, f)
	require.NoError(t, err)
	require.Len(t, api.arrived, 1)
	f.checkRequest(t, api.arrived[0], api.login)
	f.checkValue(t, got)
}

func readFixture(tb testing.TB, operation string) fixture {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "fixtures", operation+".json"))
	require.NoError(tb, err)
	var f fixture
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	require.NoError(tb, decoder.Decode(&f))
	return f
}

// fixturePrefix is the path of the base URL: a path that is built from the
// host alone misses it.
const fixturePrefix = "/plant-7/check"

const fixtureToken = "fixture-token"

// fixtureAPI answers every request with the fixture's response, and keeps what
// arrived. With login set it answers logins by itself. It is for one call at a time.
type fixtureAPI struct {
	t       *testing.T
	fixture fixture
	login   bool
	arrived []fixtureRequest
}

type fixtureRequest struct {
	*http.Request
	body []byte
}

func (a *fixtureAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.login && r.URL.Path == fixturePrefix+"/api/auth/token" {
		_, _ = io.WriteString(w, `{"access_token":"`+fixtureToken+`"}`)
		return
	}
	body, err := io.ReadAll(r.Body)
	assert.NoError(a.t, err)
	a.arrived = append(a.arrived, fixtureRequest{r, body})
	w.Header().Set("Content-Type", acceptJSON)
	for name, value := range a.fixture.Response.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.fixture.Response.Status)
	_, _ = w.Write(a.fixture.answer())
}

func (f fixture) checkRequest(t *testing.T, r fixtureRequest, authorized bool) {
	t.Helper()
	require.Equal(t, f.Request.Method, r.Method)
	require.Equal(t, fixturePrefix+f.Request.Path, r.URL.EscapedPath())
	query := f.Request.Query
	if query == nil {
		query = url.Values{}
	}
	require.Equal(t, query, r.URL.Query())
	require.Equal(t, f.Request.Header["Accept"], r.Header.Get("Accept"))
	authorization := ""
	if authorized {
		authorization = "Bearer " + fixtureToken
	}
	require.Equal(t, authorization, r.Header.Get("Authorization"))
	require.Empty(t, r.TransferEncoding)
	require.Equal(t, int64(len(r.body)), r.ContentLength)

	if f.Request.Parts != nil {
		f.checkParts(t, r)
		return
	}
	require.Equal(t, f.Request.Header["Content-Type"], r.Header.Get("Content-Type"))
	if f.Request.Body == nil {
		require.Empty(t, r.body)
		return
	}
	require.JSONEq(t, string(f.Request.Body), string(r.body))
}

func (f fixture) checkParts(t *testing.T, r fixtureRequest) {
	t.Helper()
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, f.Request.Header["Content-Type"], media)
	form := multipart.NewReader(bytes.NewReader(r.body), params["boundary"])
	for _, want := range f.Request.Parts {
		part, err := form.NextRawPart()
		require.NoError(t, err)
		content, err := io.ReadAll(part)
		require.NoError(t, err)
		got := fixturePart{Name: part.FormName(), Filename: part.FileName(), ContentType: part.Header.Get("Content-Type")}
		require.Equal(t, fixturePart{Name: want.Name, Filename: want.Filename, ContentType: want.ContentType}, got)
		require.Equal(t, want.content(), content)
	}
	_, err = form.NextRawPart()
	require.ErrorIs(t, err, io.EOF)
}

// checkValue compares the value as Go and as JSON, so that the SDK's own
// decoder and the types' JSON tags must agree.
func (f fixture) checkValue(t *testing.T, got any) {
	t.Helper()
	if download, ok := got.(*fixtureDownload); ok {
		require.Equal(t, f.answer(), download.content)
		download.content = nil
	}
	encoded, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, string(f.Want), string(encoded))
	if got != nil {
		want := reflect.New(reflect.TypeOf(got))
		require.NoError(t, json.Unmarshal(f.Want, want.Interface()))
		require.Equal(t, want.Elem().Interface(), got)
	}
}

// TestFixturesCoverTheContract holds every operation of the contract against
// its fixture: there is one, with the contract's method and path.
func TestFixturesCoverTheContract(t *testing.T) {
	t.Parallel()
	contract := fixtureContract(t)
	require.Len(t, contract, 24)
	files, err := filepath.Glob(filepath.Join("testdata", "fixtures", "*.json"))
	require.NoError(t, err)
	var fixtures []string
	for _, file := range files {
		fixtures = append(fixtures, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(contract)), fixtures)
	require.ElementsMatch(t, slices.Collect(maps.Keys(contract)), slices.Collect(maps.Keys(fixtureCalls)))
	for operation, route := range contract {
		f := readFixture(t, operation)
		require.Equal(t, route.method, f.Request.Method, operation)
		pattern := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(route.path, `[^/]+`)
		require.Regexp(t, "^"+pattern+"$", f.Request.Path, operation)
	}
}

type fixtureRoute struct{ method, path string }

// fixtureContract scans the contract for its operations. Indentation tells a
// path from a method.
func fixtureContract(t *testing.T) map[string]fixtureRoute {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "openapi.yaml"))
	require.NoError(t, err)
	contract := map[string]fixtureRoute{}
	var route fixtureRoute
	method := regexp.MustCompile(`^    (get|post|put|patch|delete):$`)
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "  /") {
			route.path = strings.TrimSuffix(strings.TrimSpace(line), ":")
		} else if match := method.FindStringSubmatch(line); match != nil {
			route.method = strings.ToUpper(match[1])
		} else if id, ok := strings.CutPrefix(line, "      operationId: "); ok {
			contract[id] = route
		}
	}
	return contract
}
