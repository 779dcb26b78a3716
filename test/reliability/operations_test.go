package reliability

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// operation is one of the API, as the suites call it. What is known of it
// otherwise stands in its fixture and in the table of docs/reliability.md.
type operation struct {
	id string
	do func(ctx context.Context, c *hacarus.Client) (any, error)
}

// call is do, where only the error matters.
func (o operation) call(ctx context.Context, c *hacarus.Client) error {
	_, err := o.do(ctx, c)
	return err
}

// class is the one that docs/reliability.md names: R, O, D, N or A.
func (o operation) class() byte { return testkit.Classes()[o.id] }

// streams says whether the response is a file, which the caller reads.
func (o operation) streams() bool { return testkit.Fixtures()[o.id].IsFile() }

// sendsBody says whether the request has a body.
func (o operation) sendsBody() bool {
	return testkit.Fixtures()[o.id].Request.Header["Content-Type"] != ""
}

// silent says whether the response is documented to have no body.
func (o operation) silent() bool { return testkit.Fixtures()[o.id].IsSilent() }

// objects are what the operations act on.
type objects struct {
	model, item, algorithm string
	target                 int
}

// seeded are the objects of [newServer].
var seeded = objects{model: "m1", item: "a", algorithm: "PM", target: 1}

// operations is the table that all generated tests go over.
func operations() []operation { return operationsOn(seeded) }

// operationsOn calls the operations with the objects' ids.
func operationsOn(on objects) []operation {
	type client = hacarus.Client
	archive := exportedModel()
	callback := hacarus.PredictCallback{URL: "http://127.0.0.1:1/done", Method: hacarus.CallbackPost}
	return []operation{
		{"login", func(ctx context.Context, c *client) (any, error) { return c.Login(ctx) }},
		{"getInspectionTargets", func(ctx context.Context, c *client) (any, error) { return c.ListInspectionTargets(ctx) }},
		{"getInspectionTargetById", func(ctx context.Context, c *client) (any, error) { return c.GetInspectionTarget(ctx, on.target) }},
		{"setInspectionTargetById", func(ctx context.Context, c *client) (any, error) { return c.SetDefaultInspectionTarget(ctx, on.target) }},
		{"getModelResults", func(ctx context.Context, c *client) (any, error) { return content(c.GetModelResults(ctx, on.model)) }},
		{"getAlgorithms", func(ctx context.Context, c *client) (any, error) { return c.ListAlgorithms(ctx) }},
		{"getAlgorithmById", func(ctx context.Context, c *client) (any, error) { return c.GetAlgorithm(ctx, on.algorithm) }},
		{"train", func(ctx context.Context, c *client) (any, error) {
			return c.Train(ctx, on.algorithm, hacarus.TrainRequest{Name: "plates"})
		}},
		{"getModels", func(ctx context.Context, c *client) (any, error) { return c.ListModels(ctx, nil) }},
		{"deleteModels", func(ctx context.Context, c *client) (any, error) { return c.DeleteModels(ctx, on.model) }},
		{"getModelById", func(ctx context.Context, c *client) (any, error) { return c.GetModel(ctx, on.model) }},
		{"exportModelsWithId", func(ctx context.Context, c *client) (any, error) { return content(c.ExportModels(ctx, on.model)) }},
		{"importModels", func(ctx context.Context, c *client) (any, error) {
			return c.ImportModels(ctx, hacarus.FileFromBytes("models.zip", archive))
		}},
		{"setModelPredictParameters", func(ctx context.Context, c *client) (any, error) {
			return c.SetPredictParameters(ctx, on.model, hacarus.PredictParameters{Threshold: new(0.5)})
		}},
		{"setModelPredictCallback", func(ctx context.Context, c *client) (any, error) {
			return c.SetPredictCallback(ctx, on.model, callback)
		}},
		{"predictItems", func(ctx context.Context, c *client) (any, error) { return c.PredictItems(ctx, on.model, on.item) }},
		{"getItemsByType", func(ctx context.Context, c *client) (any, error) {
			return c.ListItems(ctx, hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction})
		}},
		addItem("b", platePNG),
		{"delItem", func(ctx context.Context, c *client) (any, error) { return nil, c.DeleteItems(ctx, on.item) }},
		{"getItemById", func(ctx context.Context, c *client) (any, error) { return c.GetItem(ctx, on.item, nil) }},
		annotate(on.item, "chip"),
		{"setLicense", func(ctx context.Context, c *client) (any, error) {
			return c.SetLicense(ctx, hacarus.FileFromBytes("license0", []byte("-----BEGIN LICENSE-----")))
		}},
		{"getLogs", func(ctx context.Context, c *client) (any, error) { return content(c.GetLogs(ctx)) }},
		{"getHashId", func(ctx context.Context, c *client) (any, error) { return c.GetHashID(ctx) }},
	}
}

// requireCount compares numbers of cases. [require.Len] would print all of them.
func requireCount(t *testing.T, want, got int) {
	t.Helper()
	require.Equal(t, want, got)
}

// named is the table's operation of that id.
func named(id string) operation {
	for _, op := range operations() {
		if op.id == id {
			return op
		}
	}
	panic("no operation " + id)
}

// addItem uploads an image as an item.
func addItem(id string, image []byte) operation {
	return operation{"addItem", func(ctx context.Context, c *hacarus.Client) (any, error) {
		return c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromBytes(id+".png", image)}})
	}}
}

// annotate adds an annotation with notes.
func annotate(itemID, notes string) operation {
	return operation{"annotate", func(ctx context.Context, c *hacarus.Client) (any, error) {
		return nil, c.AnnotateItem(ctx, itemID, hacarus.RequestAnnotation{Notes: notes})
	}}
}

// content reads a file to its end.
func content(d *hacarus.Download, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(d)
	return raw, errors.Join(err, d.Close())
}

// errorOf is the error of a call whose value does not matter.
func errorOf[T any](_ T, err error) error { return err }

// platePNG is an image that the service takes.
var platePNG = func() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 32, 32))); err != nil {
		panic(err)
	}
	return b.Bytes()
}()

// exportedModel is an archive that the service can import.
var exportedModel = sync.OnceValue(func() []byte {
	s := hacarustest.NewServer()
	defer s.Close()
	s.AddModel(hacarus.Model{ModelID: "m1"})
	archive, err := content(s.Client().ExportModels(context.Background(), "m1"))
	if err != nil {
		panic(err)
	}
	return archive.([]byte)
})

// newServer is a service with what the table's calls need.
func newServer(opts ...hacarustest.Option) *hacarustest.Server {
	s := hacarustest.NewServer(opts...)
	seed(s)
	return s
}

func seed(s *hacarustest.Server) {
	s.AddModel(hacarus.Model{ModelID: seeded.model})
	s.AddItem(hacarus.Item{ItemID: seeded.item}, platePNG)
}

// The suites' table has all operations that there are, docs/reliability.md
// names the class of each, and each acts once.
func TestOperations(t *testing.T) {
	t.Parallel()
	s := newServer()
	t.Cleanup(s.Close)
	c := s.Client()
	var ids []string
	for _, op := range operations() {
		ids = append(ids, op.id)
		require.NoError(t, op.call(t.Context(), c), op.id)
		require.Equal(t, 1, s.Executions(op.id), op.id)
		seed(s)
	}
	require.ElementsMatch(t, testkit.Operations(), ids, "A: testdata/openapi.yaml, B: operationsOn")
	require.ElementsMatch(t, slices.Collect(maps.Keys(testkit.Classes())), ids, "A: docs/reliability.md, B: operationsOn")
}
