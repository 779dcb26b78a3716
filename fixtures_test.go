package hacarus

// The one table of all operations, and what testdata/fixtures proves of them. Here and
// in other files of the package, tests named Fact prove what is known about the real
// service, from its documentation and from the fixtures of the official C# SDK. Numbers
// at the beginning of a case's name are those of docs/wire-facts.md; A6 marks a response
// of these fixtures with its name there, M and D their two earlier API generations. Facts
// 25 (callbacks) and 27 (workers), and the naming of sample sets in 36, ask nothing of the
// operations.

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
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// fixture is one exchange of testdata/fixtures.
type fixture struct{ testkit.Fixture }

func readFixture(tb testing.TB, operation string) fixture {
	tb.Helper()
	f, found := testkit.Fixtures()[operation]
	require.True(tb, found, "no testdata/fixtures/%s.json", operation)
	return fixture{f}
}

// files are the request's file parts as the caller has them.
func (f fixture) files() []File {
	var files []File
	for _, part := range f.Request.Parts {
		if part.Filename == "" {
			continue
		}
		files = append(files, FileFromBytes(part.Filename, part.Content()))
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

// operationCall is an operation with the call that must send its fixture's request.
type operationCall struct {
	operation
	call func(context.Context, *Client, fixture) (any, error)
}

// do makes the call.
func (o operationCall) do(ctx context.Context, c *Client) (any, error) {
	return o.call(ctx, c, fixture{testkit.Fixtures()[o.id]})
}

// invoke is do, where only the error matters.
func (o operationCall) invoke(ctx context.Context, c *Client) error {
	_, err := o.do(ctx, c)
	return err
}

// response is the body of a good response.
func (o operationCall) response() string { return string(testkit.Fixtures()[o.id].ResponseBody()) }

// data is what a good response has in its envelope; nil where it has none.
func (o operationCall) data() []byte {
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal([]byte(o.response()), &envelope) // a file has none
	return envelope.Data
}

// invoke makes the call that the table has for the operation.
func invoke(ctx context.Context, c *Client, op operation) error {
	row := slices.IndexFunc(operationTable, func(o operationCall) bool { return o.operation == op })
	return operationTable[row].invoke(ctx, c)
}

// operationTable is the one table of all operations in this package. The tests
// outside of it have one of their own, operationsOn in test/reliability.
var operationTable = []operationCall{
	{opLogin, func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.Login(ctx) }},
	{opListTargets, func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.ListInspectionTargets(ctx) }},
	{opGetTarget, func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.GetInspectionTarget(ctx, 12) }},
	{opSetDefaultTarget, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.SetDefaultInspectionTarget(ctx, 13)
	}},
	{opGetModelResults, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return readFixtureDownload(c.GetModelResults(ctx, "c5e77995", "b2b99239"))
	}},
	{opListAlgorithms, func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.ListAlgorithms(ctx) }},
	{opGetAlgorithm, func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.GetAlgorithm(ctx, "AE") }},
	{opTrain, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.Train(ctx, "AE", TrainRequest{
			Name:           "plates 2022-03",
			ItemIDs:        []string{"T1-22-01", "T1-22-02"},
			OverrideParams: []OverrideParam{{AlgorithmParameterID: 919, Value: "[88, 88]"}},
		})
	}},
	{opListModels, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.ListModels(ctx, &ListModelsOptions{AlgorithmID: "AE"})
	}},
	{opGetModel, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.GetModel(ctx, "b2b99239-bdf4-5616-a531-f50546e8e32a")
	}},
	{opDeleteModels, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.DeleteModels(ctx, "7d0c1f3e", "c5e77995")
	}},
	{opExportModels, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return readFixtureDownload(c.ExportModels(ctx, "b2b99239", "7d0c1f3e"))
	}},
	{opImportModels, func(ctx context.Context, c *Client, f fixture) (any, error) {
		return c.ImportModels(ctx, f.files()[0])
	}},
	{opSetPredictParameters, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.SetPredictParameters(ctx, "b2b99239", PredictParameters{
			Threshold: new(0.35), IgnoreOuter: "[8, 8]", MinDetectedArea: new(0.0),
		})
	}},
	{opSetPredictCallback, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.SetPredictCallback(ctx, "b2b99239", PredictCallback{
			URL: "https://line-7.factory.example/hooks/check?cell=3&shift=a", Method: CallbackPost,
		})
	}},
	{opPredictItems, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.PredictItems(ctx, ActiveModel, "plate-0001", "部品-0007")
	}},
	{opListItems, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.ListItems(ctx, ListItemsOptions{Type: ItemTypePrediction, Count: 50, Page: 2, ModelID: "b2b99239"})
	}},
	{opAddItems, func(ctx context.Context, c *Client, f fixture) (any, error) {
		return c.AddItems(ctx, AddItemsRequest{Files: f.files(), Training: true, Good: new(false), ModelID: "b2b99239"})
	}},
	{opDeleteItems, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return nil, c.DeleteItems(ctx, "plate-0001", "部品-0007")
	}},
	{opGetItem, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return c.GetItem(ctx, "部品-0007 & #a?", &GetItemOptions{
			ShowAssessments: new(true), ShowAnnotations: new(false), ModelID: "b2b99239",
		})
	}},
	{opAnnotateItem, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return nil, c.AnnotateItem(ctx, "plate-0001",
			RequestAnnotation{XMin: new(0), XMax: new(620), YMin: new(216), YMax: new(240), Label: new(0), Notes: "傷"},
			RequestAnnotation{Notes: "to be checked"})
	}},
	{opSetLicense, func(ctx context.Context, c *Client, f fixture) (any, error) {
		return c.SetLicense(ctx, f.files()[0])
	}},
	{opGetLogs, func(ctx context.Context, c *Client, _ fixture) (any, error) {
		return readFixtureDownload(c.GetLogs(ctx))
	}},
	{opGetHashID, func(ctx context.Context, c *Client, _ fixture) (any, error) { return c.GetHashID(ctx) }},
}

// TestFixtures holds that each operation sends its fixture's request, to the
// contract's path (fact 5), and returns its fixture's value.
func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, op := range operationTable {
		t.Run(op.id, func(t *testing.T) {
			t.Parallel()
			readFixture(t, op.id).run(t, op)
		})
	}
}

// fixturePrefix is the path of the base URL: a path that is built from the
// host alone misses it.
const fixturePrefix = "/plant-7/check"

// run makes the operation's call, and checks what arrived and what came back.
func (f fixture) run(t *testing.T, op operationCall) {
	t.Helper()
	var arrived requestLog
	login, respond := ok(`{"access_token":"`+testToken+`"}`), arrived.before(t, f.respond)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if op.operation != opLogin && r.URL.Path == fixturePrefix+opLogin.path {
			login(w, r)
			return
		}
		respond(w, r)
	}))
	defer server.Close()
	c, err := New(server.URL+fixturePrefix, WithCredentials("line-7", "fixture-secret"))
	require.NoError(t, err)
	defer c.Close()

	got, err := op.call(t.Context(), c, f)
	require.NoError(t, err)
	require.Len(t, arrived.all(), 1)
	f.checkRequest(t, arrived.all()[0], op.operation != opLogin)
	f.checkValue(t, got)
}

// respond gives the fixture's response.
func (f fixture) respond(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", acceptJSON)
	for name, value := range f.Response.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(f.Response.Status)
	_, _ = w.Write(f.ResponseBody())
}

func (f fixture) checkRequest(t *testing.T, r loggedRequest, authorized bool) {
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
		authorization = "Bearer " + testToken
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

func (f fixture) checkParts(t *testing.T, r loggedRequest) {
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
		got := testkit.Part{Name: part.FormName(), Filename: part.FileName(), ContentType: part.Header.Get("Content-Type")}
		require.Equal(t, testkit.Part{Name: want.Name, Filename: want.Filename, ContentType: want.ContentType}, got)
		require.Equal(t, want.Content(), content)
	}
	_, err = form.NextRawPart()
	require.ErrorIs(t, err, io.EOF)
}

// checkValue compares the value as Go and as JSON, so that the SDK's own
// decoder and the types' JSON tags must agree.
func (f fixture) checkValue(t *testing.T, got any) {
	t.Helper()
	if download, ok := got.(*fixtureDownload); ok {
		require.Equal(t, f.ResponseBody(), download.content)
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

// Whoever adds an operation adds it to the table of the tests, with a fixture
// that the contract has, and to docs/reliability.md with its class.
func TestOperationTableIsComplete(t *testing.T) {
	t.Parallel()
	var ids []string
	var contract []testkit.Operation
	letters := map[class]byte{classRead: 'R', classOverwrite: 'O', classDelete: 'D', classNonIdempotent: 'N', classLogin: 'A'}
	for _, op := range operationTable {
		ids = append(ids, op.id)
		contract = append(contract, testkit.Operation{ID: op.id, Method: op.method, Path: op.path})
		require.Equal(t, string(testkit.Classes()[op.id]), string(letters[op.class]), "the class of %s in docs/reliability.md", op.id)
		f := readFixture(t, op.id)
		require.Equal(t, op.method, f.Request.Method, op.id)
		pattern := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(op.path, `[^/]+`)
		require.Regexp(t, "^"+pattern+"$", f.Request.Path, op.id)
	}
	require.ElementsMatch(t, testkit.Contract(), contract, "A: testdata/openapi.yaml, B: operationTable")
	require.ElementsMatch(t, slices.Collect(maps.Keys(testkit.Fixtures())), ids, "A: testdata/fixtures, B: operationTable")
	require.ElementsMatch(t, slices.Collect(maps.Keys(testkit.Classes())), ids, "A: docs/reliability.md, B: operationTable")
	ids = append(ids, opGetImage.id) // which is no operation of the contract
	require.ElementsMatch(t, slices.Collect(maps.Keys(testkit.Methods())), ids, "A: calls of newOperation, B: operationTable")
}

// factClient returns a client of a service that gives one answer to every call.
func factClient(t *testing.T, code int, body string) *Client {
	t.Helper()
	return overMemory(t, &fakeService{next: status(code, body)})
}

func factTime(t *testing.T, rfc3339 string) Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, rfc3339)
	require.NoError(t, err)
	return Time{parsed}
}
