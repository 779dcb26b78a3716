package reliability

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// badInput is a call that must fail before anything is sent.
type badInput struct {
	operation, name string
	call            func(ctx context.Context, c *hacarus.Client) error
	ended           error // the context's error, where that is all that is wrong
	// naive turns the operation's good request into what one sends for the bad
	// input without a second thought; its error is one that stops it.
	naive func(ctx context.Context, c naiveClient, good sent) error
}

// outlet counts what leaves the process: connections, and requests on any of them.
type outlet struct {
	transport *http.Transport
	requests  atomic.Int64
	dials     atomic.Int64
}

// newOutlet connects to where dial says, and refuses other hosts.
func newOutlet(dial func(ctx context.Context, network, address string) (net.Conn, error)) *outlet {
	w := &outlet{}
	w.transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		w.dials.Add(1)
		return dial(ctx, network, address)
	}}
	return w
}

func (w *outlet) RoundTrip(r *http.Request) (*http.Response, error) {
	w.requests.Add(1)
	return w.transport.RoundTrip(r)
}

// unreachable is a network without anything on it.
func unreachable(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no network")}
}

// badIDs would change a path's meaning, or are none that a service can have made.
var badIDs = []string{
	"", ".", "..", "/", "a/b", "a/", "../../auth/token", `\`, `a\b`, `..\..`,
	"a\x00b", "a\nb", "a\r\nX-Evil: y", "\t", "\x1b[2J", "a\x7fb", "a\u0085b",
	"\xff\xfe", "\xed\xa0\x80", "検"[:2], strings.Repeat("a", 257), strings.Repeat("検", 86),
}

// idCalls are the operations that take an id into their path, and the two that delete.
var idCalls = map[string]func(ctx context.Context, c *hacarus.Client, id string) error{
	"getAlgorithmById": func(ctx context.Context, c *hacarus.Client, id string) error { return errorOf(c.GetAlgorithm(ctx, id)) },
	"train": func(ctx context.Context, c *hacarus.Client, id string) error {
		return errorOf(c.Train(ctx, id, hacarus.TrainRequest{Name: "plates"}))
	},
	"getModelById": func(ctx context.Context, c *hacarus.Client, id string) error { return errorOf(c.GetModel(ctx, id)) },
	"deleteModels": func(ctx context.Context, c *hacarus.Client, id string) error { return errorOf(c.DeleteModels(ctx, id)) },
	"setModelPredictParameters": func(ctx context.Context, c *hacarus.Client, id string) error {
		return errorOf(c.SetPredictParameters(ctx, id, hacarus.PredictParameters{Threshold: new(0.5)}))
	},
	"setModelPredictCallback": func(ctx context.Context, c *hacarus.Client, id string) error {
		return errorOf(c.SetPredictCallback(ctx, id, hacarus.PredictCallback{URL: "https://line-7.example/done", Method: hacarus.CallbackPost}))
	},
	"predictItems": func(ctx context.Context, c *hacarus.Client, id string) error {
		return errorOf(c.PredictItems(ctx, id, "a"))
	},
	"delItem":     func(ctx context.Context, c *hacarus.Client, id string) error { return c.DeleteItems(ctx, id) },
	"getItemById": func(ctx context.Context, c *hacarus.Client, id string) error { return errorOf(c.GetItem(ctx, id, nil)) },
	"annotate": func(ctx context.Context, c *hacarus.Client, id string) error {
		return c.AnnotateItem(ctx, id, hacarus.RequestAnnotation{Notes: "chip"})
	},
}

// misused are the ways to call any operation that are wrong whatever it takes.
func misused(op operation) []badInput {
	noContext := func(context.Context) context.Context { return nil }
	ended := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	}
	late := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
		cancel()
		return ctx
	}
	same := func(ctx context.Context) context.Context { return ctx }
	row := func(name string, change func(context.Context) context.Context, client func(*hacarus.Client) *hacarus.Client, err error) badInput {
		return badInput{
			operation: op.id, name: name, ended: err,
			call: func(ctx context.Context, c *hacarus.Client) error { return op.call(change(ctx), client(c)) },
			naive: func(ctx context.Context, c naiveClient, good sent) error {
				if client(nil) != nil {
					c = naiveClient{}
				}
				return c.call(change(ctx), good, op)
			},
		}
	}
	given := func(c *hacarus.Client) *hacarus.Client { return c }
	return []badInput{
		row("nil context", noContext, given, nil),
		row("zero client", same, func(*hacarus.Client) *hacarus.Client { return &hacarus.Client{} }, nil),
		row("ended context", ended, given, context.Canceled),
		row("deadline in the past", late, given, context.DeadlineExceeded),
		{
			operation: op.id, name: "closed client",
			call: func(ctx context.Context, c *hacarus.Client) error {
				return errors.Join(c.Close(), op.call(ctx, c))
			},
			naive: func(ctx context.Context, c naiveClient, good sent) error {
				c.http.HTTPClient.CloseIdleConnections()
				return c.call(ctx, good, op)
			},
		},
		{
			operation: op.id, name: "nil client",
			call: func(ctx context.Context, _ *hacarus.Client) error { return op.call(ctx, nil) },
			naive: func(ctx context.Context, _ naiveClient, good sent) error {
				return (*naiveClient)(nil).call(ctx, good, op)
			},
		},
	}
}

// particular are bad inputs of one operation each.
func particular(t *testing.T) map[string][]badInput {
	t.Helper()
	type client = *hacarus.Client
	type files = []hacarus.File
	many := slices.Repeat([]string{"a"}, 1_000_000)
	folder := t.TempDir()
	data := []byte("image")
	lists := func(field string, call func(ctx context.Context, c client, ids ...string) error, in func(ids any) change) []badInput {
		row := func(name string, ids ...string) badInput {
			return badInput{name: name, call: func(ctx context.Context, c client) error { return call(ctx, c, ids...) }, naive: in(ids).send}
		}
		return []badInput{
			row("10^6 "+field, many...), row("an empty id among "+field, "a", ""),
			row("a path among "+field, "a", "../b"), row("broken UTF-8 among "+field, "a", "\xff"),
		}
	}
	inURL := func(name string) func(any) change {
		return func(ids any) change { return inList(name, ids.([]string)) }
	}
	inJSON := func(name string) func(any) change {
		return func(ids any) change { return inBody(map[string]any{name: ids}) }
	}
	results := func(ctx context.Context, c client, ids ...string) error {
		return errorOf(content(c.GetModelResults(ctx, ids...)))
	}
	exports := func(ctx context.Context, c client, ids ...string) error {
		return errorOf(content(c.ExportModels(ctx, ids...)))
	}
	predict := func(ctx context.Context, c client, ids ...string) error {
		return errorOf(c.PredictItems(ctx, "m1", ids...))
	}
	deletion := func(ctx context.Context, c client, ids ...string) error { return errorOf(c.DeleteModels(ctx, ids...)) }
	none := func(call func(ctx context.Context, c client, ids ...string) error, naive change) badInput {
		return badInput{name: "no ids", call: func(ctx context.Context, c client) error { return call(ctx, c) }, naive: naive.send}
	}
	train := func(name string, req hacarus.TrainRequest) badInput {
		return badInput{name: name, naive: inBody(req).send, call: func(ctx context.Context, c client) error { return errorOf(c.Train(ctx, "PM", req)) }}
	}
	targetIDs := func(operation string, call func(ctx context.Context, c client, id int) error) []badInput {
		row := func(name string, id int) badInput {
			return badInput{name: name, naive: withID(operation, strconv.Itoa(id)).send, call: func(ctx context.Context, c client) error { return call(ctx, c, id) }}
		}
		return []badInput{row("negative", -1), row("most negative", math.MinInt)}
	}
	listModels := func(name, algorithmID string) badInput {
		return badInput{name: name, naive: inQuery("algorithm_id", algorithmID).send, call: func(ctx context.Context, c client) error {
			return errorOf(c.ListModels(ctx, &hacarus.ListModelsOptions{AlgorithmID: algorithmID}))
		}}
	}
	parameters := func(name string, p hacarus.PredictParameters) badInput {
		return badInput{name: name, naive: inBody(p).send, call: func(ctx context.Context, c client) error { return errorOf(c.SetPredictParameters(ctx, "m1", p)) }}
	}
	callback := func(name string, cb hacarus.PredictCallback) badInput {
		return badInput{name: name, naive: inBody(cb).send, call: func(ctx context.Context, c client) error { return errorOf(c.SetPredictCallback(ctx, "m1", cb)) }}
	}
	listItems := func(name string, o hacarus.ListItemsOptions) badInput {
		naive := inQuery("item_type", string(o.Type), "count", fmt.Sprint(o.Count), "page", fmt.Sprint(o.Page), "model_id", o.ModelID)
		return badInput{name: name, naive: naive.send, call: func(ctx context.Context, c client) error { return errorOf(c.ListItems(ctx, o)) }}
	}
	addItems := func(name string, req hacarus.AddItemsRequest) badInput {
		return badInput{name: name, naive: inForm("files", req.ModelID, req.Files...).send, call: func(ctx context.Context, c client) error { return errorOf(c.AddItems(ctx, req)) }}
	}
	getItem := func(name, modelID string) badInput {
		return badInput{name: name, naive: inQuery("model_id", modelID).send, call: func(ctx context.Context, c client) error {
			return errorOf(c.GetItem(ctx, "a", &hacarus.GetItemOptions{ModelID: modelID}))
		}}
	}
	annotate := func(name string, annotations ...hacarus.RequestAnnotation) badInput {
		return badInput{name: name, naive: inBody(map[string]any{"annotations": annotations}).send, call: func(ctx context.Context, c client) error {
			return c.AnnotateItem(ctx, "a", annotations...)
		}}
	}
	oneFile := func(field string, call func(ctx context.Context, c client, f hacarus.File) error) []badInput {
		row := func(name string, f hacarus.File) badInput {
			return badInput{name: name, naive: inForm(field, "", f).send, call: func(ctx context.Context, c client) error { return call(ctx, c, f) }}
		}
		return []badInput{
			row("zero file", hacarus.File{}), row("no name", hacarus.FileFromBytes("", data)), row("nothing to open", hacarus.File{Name: "f", Size: 5}),
			row("missing file", hacarus.FileFromPath(filepath.Join(folder, "missing"))), row("a folder", hacarus.FileFromPath(folder)),
			row("a reader without a size", hacarus.FileFromReader("f", io.LimitReader(bytes.NewReader(data), 5), -1)),
		}
	}
	long, broken := strings.Repeat("m", 257), "\xff"
	return map[string][]badInput{
		"getInspectionTargetById": targetIDs("getInspectionTargetById", func(ctx context.Context, c client, id int) error {
			return errorOf(c.GetInspectionTarget(ctx, id))
		}),
		"setInspectionTargetById": targetIDs("setInspectionTargetById", func(ctx context.Context, c client, id int) error {
			return errorOf(c.SetDefaultInspectionTarget(ctx, id))
		}),
		"getModelResults":    lists("model_ids", results, inURL("model_ids")),
		"exportModelsWithId": append(lists("model_ids", exports, inJSON("model_ids")), none(exports, inBody(map[string]any{}))),
		"deleteModels":       lists("model_ids", deletion, inURL("model_ids")),
		"delItem": lists("item_ids", func(ctx context.Context, c client, ids ...string) error {
			return c.DeleteItems(ctx, ids...)
		}, inJSON("item_ids")),
		"predictItems": append(lists("item_ids", predict, inJSON("item_ids")), none(predict, inBody(map[string]any{}))),
		"train": {
			train("10^6 item_ids", hacarus.TrainRequest{ItemIDs: many}),
			train("an empty id among item_ids", hacarus.TrainRequest{ItemIDs: []string{"a", ""}}),
			train("a name in broken UTF-8", hacarus.TrainRequest{Name: broken}),
			train("zero override", hacarus.TrainRequest{OverrideParams: []hacarus.OverrideParam{{}}}),
			train("negative override", hacarus.TrainRequest{OverrideParams: []hacarus.OverrideParam{{AlgorithmParameterID: -1, Value: "1"}}}),
		},
		"getModels":    {listModels("a path as algorithm", "../x"), listModels("a control character", "A\x00E"), listModels("a long algorithm", long)},
		"importModels": oneFile("models", func(ctx context.Context, c client, f hacarus.File) error { return errorOf(c.ImportModels(ctx, f)) }),
		"setLicense":   oneFile("license_data", func(ctx context.Context, c client, f hacarus.File) error { return errorOf(c.SetLicense(ctx, f)) }),
		"setModelPredictParameters": {
			parameters("zero struct", hacarus.PredictParameters{}),
			parameters("NaN", hacarus.PredictParameters{Threshold: new(math.NaN())}),
			parameters("+Inf", hacarus.PredictParameters{Threshold: new(math.Inf(1))}),
			parameters("-Inf", hacarus.PredictParameters{Threshold: new(0.5), MinDetectedArea: new(math.Inf(-1))}),
			parameters("broken UTF-8", hacarus.PredictParameters{IgnoreOuter: broken}),
		},
		"setModelPredictCallback": {
			callback("zero struct", hacarus.PredictCallback{}),
			callback("broken UTF-8", hacarus.PredictCallback{URL: "https://h/\xff", Method: hacarus.CallbackGet}),
		},
		"getItemsByType": {
			listItems("zero struct", hacarus.ListItemsOptions{}),
			listItems("negative page", hacarus.ListItemsOptions{Type: hacarus.ItemTypeTraining, Page: -1}),
			listItems("negative count", hacarus.ListItemsOptions{Type: hacarus.ItemTypeTraining, Count: math.MinInt}),
			listItems("a path as model", hacarus.ListItemsOptions{Type: hacarus.ItemTypeTraining, ModelID: "a/b"}),
			listItems("a type in broken UTF-8", hacarus.ListItemsOptions{Type: "\xff"}),
		},
		"addItem": {
			addItems("zero struct", hacarus.AddItemsRequest{}),
			addItems("zero file", hacarus.AddItemsRequest{Files: files{{}}}),
			addItems("a path as name", hacarus.AddItemsRequest{Files: files{hacarus.FileFromBytes("../a.png", data)}}),
			addItems("one name twice", hacarus.AddItemsRequest{Files: files{hacarus.FileFromBytes("a.png", data), hacarus.FileFromBytes("a.png", data)}}),
			addItems("a path as model", hacarus.AddItemsRequest{Files: files{hacarus.FileFromBytes("a.png", data)}, ModelID: ".."}),
		},
		"getItemById": {getItem("a path as model", "../m"), getItem("broken UTF-8", broken), getItem("a long model", long)},
		"annotate": {
			annotate("no annotations"),
			annotate("zero annotation", hacarus.RequestAnnotation{Notes: "chip"}, hacarus.RequestAnnotation{}),
			annotate("box that is left of itself", hacarus.RequestAnnotation{XMin: new(2), XMax: new(1)}),
			annotate("box that is above itself", hacarus.RequestAnnotation{YMin: new(math.MaxInt), YMax: new(0)}),
			annotate("broken UTF-8", hacarus.RequestAnnotation{Notes: broken}),
		},
	}
}

// badBaseURLs are no place that a service can be at, or one that is not safe.
var badBaseURLs = []string{
	"", " ", "sdd-api.example", "//sdd-api.example", "https://", "https:///x", "https:sdd-api.example", "ftp://sdd-api.example", "HTTPS//x",
	"https://:443", "https://h:0", "https://h:99999", "https://h:port", "https://h:", "https://line-7:hunter2secret@h", "https://line-7@h",
	"https://h?x=1", "https://h?", "https://h#top", "http://sdd-api.example", "http://10.0.0.1", "https://h/a/../b", "https://h/a//b",
	"https://h/%2e%2e/x", "https://h/a%2fb", "https://h\x00/",
}

// badCallbacks cannot be called, or not by a documented method.
var badCallbacks = []hacarus.PredictCallback{
	{URL: "", Method: hacarus.CallbackPost}, {URL: "/done", Method: hacarus.CallbackPost}, {URL: "done", Method: hacarus.CallbackPost},
	{URL: "//h/done", Method: hacarus.CallbackPost}, {URL: "https:///done", Method: hacarus.CallbackPost}, {URL: "https:h", Method: hacarus.CallbackGet},
	{URL: "ftp://h/done", Method: hacarus.CallbackPost}, {URL: "javascript:alert(1)", Method: hacarus.CallbackGet}, {URL: "file:///etc/passwd", Method: hacarus.CallbackGet},
	{URL: "https://h/done#top", Method: hacarus.CallbackPost}, {URL: "https://h/a b", Method: hacarus.CallbackPost}, {URL: "https://h:0/done", Method: hacarus.CallbackPost},
	{URL: "https://h:70000/done", Method: hacarus.CallbackPost}, {URL: "https://h\r\nX-Evil: y/", Method: hacarus.CallbackPost}, {URL: "https://h/%zz", Method: hacarus.CallbackGet},
	{URL: "https://h/done"}, {URL: "https://h/done", Method: "POST"}, {URL: "https://h/done", Method: "put"},
	{URL: "https://h/done", Method: "post "}, {URL: "https://h/done", Method: "post\r\nX-Evil: y"},
}

// badInputs are the cases of S7 that are calls; the base URLs are those of New.
func badInputs(t *testing.T) []badInput {
	t.Helper()
	var all []badInput
	for operation, call := range idCalls {
		for _, id := range badIDs {
			all = append(all, badInput{
				operation: operation, name: fmt.Sprintf("id %.20q", id), naive: withID(operation, id).send,
				call: func(ctx context.Context, c *hacarus.Client) error { return call(ctx, c, id) },
			})
		}
	}
	own := particular(t)
	for _, op := range operations() {
		for _, row := range append(own[op.id], misused(op)...) {
			row.operation = op.id
			all = append(all, row)
		}
	}
	for _, cb := range badCallbacks {
		all = append(all, badInput{
			operation: "setModelPredictCallback", name: fmt.Sprintf("callback %q %q", cb.Method, cb.URL), naive: inBody(cb).send,
			call: func(ctx context.Context, c *hacarus.Client) error {
				return errorOf(c.SetPredictCallback(ctx, "m1", cb))
			},
		})
	}
	return append(all,
		badInput{
			operation: "deleteModels", name: "no ids to delete", naive: inQuery("model_ids").send,
			call: func(ctx context.Context, c *hacarus.Client) error { return errorOf(c.DeleteModels(ctx)) },
		},
		badInput{
			operation: "delItem", name: "no ids to delete", naive: inBody(map[string]any{"item_ids": []string{}}).send,
			call: func(ctx context.Context, c *hacarus.Client) error { return c.DeleteItems(ctx, []string{}...) },
		})
}

// refusedUnsent checks that a call failed by its input alone.
func refusedUnsent(t *testing.T, w *outlet, ended, err error) {
	t.Helper()
	require.Zero(t, w.requests.Load()+w.dials.Load(), "something was sent: %v", err)
	if ended == nil {
		require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
		return
	}
	require.ErrorIs(t, err, ended)
	var unsent *hacarus.RequestError
	require.ErrorAs(t, err, &unsent)
	require.Equal(t, hacarus.OutcomeNotSent, unsent.Outcome)
	require.Zero(t, unsent.Attempts)
}

// S7: what cannot be right is refused, and nothing is sent for it: no login either.
func TestSuiteBadInputs(t *testing.T) {
	t.Parallel()
	server := newServer()
	t.Cleanup(server.Close)
	s7 := part{name: "S7", what: "bad input: a typed error, and nothing is sent"}
	t.Run("all", func(t *testing.T) {
		for _, input := range badInputs(t) {
			t.Run(input.operation+"/"+input.name, func(t *testing.T) {
				s7.count(t)
				t.Parallel()
				w := newOutlet(unreachable)
				client := server.Client(hacarus.WithHTTPClient(&http.Client{Transport: w}))
				err := input.call(t.Context(), client)
				refusedUnsent(t, w, input.ended, err)
				require.NotContains(t, fmt.Sprintf("%+v %#v", err, err), server.ClientSecret)
			})
		}
		for _, base := range badBaseURLs {
			t.Run(fmt.Sprintf("New/%q", base), func(t *testing.T) {
				s7.count(t)
				t.Parallel()
				w := newOutlet(unreachable)
				client, err := hacarus.New(base, hacarus.WithCredentials("line-7", "hunter2secret"), hacarus.WithHTTPClient(&http.Client{Transport: w}))
				require.Nil(t, client)
				refusedUnsent(t, w, nil, err)
				require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2secret")
			})
		}
	})
	require.Empty(t, server.Calls(""))
	s7.done(t)
}
