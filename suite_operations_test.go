package hacarus_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// suiteOperation is one of the 24, as the fault suite calls it.
type suiteOperation struct {
	id    string
	class byte // of reliability.md: Read, Overwrite, Delete, Non-idempotent, Authenticate
	body  bool // of the request
	call  func(ctx context.Context, c *hacarus.Client) error
}

// streams says whether the answer is a file, which the caller reads.
func (o suiteOperation) streams() bool {
	return o.id == "getModelResults" || o.id == "exportModelsWithId" || o.id == "getLogs"
}

// silent says whether the answer is documented to have no body.
func (o suiteOperation) silent() bool { return o.id == "annotate" || o.id == "delItem" }

func whole(d *hacarus.Download, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, d)
	return errors.Join(err, d.Close())
}

func only[T any](_ T, err error) error { return err }

// suitePNG is an image that the service takes.
var suitePNG = func() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 32, 32))); err != nil {
		panic(err)
	}
	return b.Bytes()
}()

// suiteArchive is an archive that the service can import.
var suiteArchive = func() []byte {
	s := hacarustest.NewServer()
	defer s.Close()
	s.AddModel(hacarus.Model{ModelID: "m1"})
	d, err := s.Client().ExportModels(context.Background(), "m1")
	if err != nil {
		panic(err)
	}
	defer d.Close()
	raw, err := io.ReadAll(d)
	if err != nil {
		panic(err)
	}
	return raw
}

// suiteOperations is the table that all generated tests go over. archive is an
// exported model.
func suiteOperations(archive []byte) []suiteOperation {
	type client = hacarus.Client
	row := func(id string, class byte, body bool, call func(ctx context.Context, c *client) error) suiteOperation {
		return suiteOperation{id, class, body, call}
	}
	callback := hacarus.PredictCallback{URL: "http://127.0.0.1:1/done", Method: hacarus.CallbackPost}
	return []suiteOperation{
		row("login", 'A', true, func(ctx context.Context, c *client) error { return only(c.Login(ctx)) }),
		row("getInspectionTargets", 'R', false, func(ctx context.Context, c *client) error { return only(c.ListInspectionTargets(ctx)) }),
		row("getInspectionTargetById", 'R', false, func(ctx context.Context, c *client) error { return only(c.GetInspectionTarget(ctx, 1)) }),
		row("setInspectionTargetById", 'O', false, func(ctx context.Context, c *client) error { return only(c.SetDefaultInspectionTarget(ctx, 1)) }),
		row("getModelResults", 'R', false, func(ctx context.Context, c *client) error { return whole(c.GetModelResults(ctx, "m1")) }),
		row("getAlgorithms", 'R', false, func(ctx context.Context, c *client) error { return only(c.ListAlgorithms(ctx)) }),
		row("getAlgorithmById", 'R', false, func(ctx context.Context, c *client) error { return only(c.GetAlgorithm(ctx, "PM")) }),
		row("train", 'N', true, func(ctx context.Context, c *client) error {
			return only(c.Train(ctx, "PM", hacarus.TrainRequest{Name: "plates"}))
		}),
		row("getModels", 'R', false, func(ctx context.Context, c *client) error { return only(c.ListModels(ctx, nil)) }),
		row("deleteModels", 'D', false, func(ctx context.Context, c *client) error { return only(c.DeleteModels(ctx, "m1")) }),
		row("getModelById", 'R', false, func(ctx context.Context, c *client) error { return only(c.GetModel(ctx, "m1")) }),
		row("exportModelsWithId", 'R', true, func(ctx context.Context, c *client) error { return whole(c.ExportModels(ctx, "m1")) }),
		row("importModels", 'N', true, func(ctx context.Context, c *client) error {
			return only(c.ImportModels(ctx, hacarus.FileFromBytes("models.zip", archive)))
		}),
		row("setModelPredictParameters", 'O', true, func(ctx context.Context, c *client) error {
			return only(c.SetPredictParameters(ctx, "m1", hacarus.PredictParameters{Threshold: new(0.5)}))
		}),
		row("setModelPredictCallback", 'O', true, func(ctx context.Context, c *client) error {
			return only(c.SetPredictCallback(ctx, "m1", callback))
		}),
		row("predictItems", 'N', true, func(ctx context.Context, c *client) error { return only(c.PredictItems(ctx, "m1", "a")) }),
		row("getItemsByType", 'R', false, func(ctx context.Context, c *client) error {
			return only(c.ListItems(ctx, hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction}))
		}),
		row("addItem", 'N', true, func(ctx context.Context, c *client) error {
			return only(c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromBytes("b.png", suitePNG)}}))
		}),
		row("delItem", 'D', true, func(ctx context.Context, c *client) error { return c.DeleteItems(ctx, "a") }),
		row("getItemById", 'R', false, func(ctx context.Context, c *client) error { return only(c.GetItem(ctx, "a", nil)) }),
		row("annotate", 'N', true, func(ctx context.Context, c *client) error {
			return c.AnnotateItem(ctx, "a", hacarus.RequestAnnotation{Notes: "chip"})
		}),
		row("setLicense", 'N', true, func(ctx context.Context, c *client) error {
			return only(c.SetLicense(ctx, hacarus.FileFromBytes("license0", []byte("-----BEGIN LICENSE-----"))))
		}),
		row("getLogs", 'R', false, func(ctx context.Context, c *client) error { return whole(c.GetLogs(ctx)) }),
		row("getHashId", 'R', false, func(ctx context.Context, c *client) error { return only(c.GetHashID(ctx)) }),
	}
}

// suiteServer is a service with what the table's calls need.
func suiteServer(opts ...hacarustest.Option) *hacarustest.Server {
	s := hacarustest.NewServer(opts...)
	s.AddModel(hacarus.Model{ModelID: "m1"})
	s.AddItem(hacarus.Item{ItemID: "a"}, suitePNG)
	return s
}

// The suite's table says of each operation what reliability.md does, and the
// SDK's own rows say the same.
func TestSuiteTable(t *testing.T) {
	t.Parallel()
	s := suiteServer()
	t.Cleanup(s.Close)
	c := s.Client()
	counts := map[byte]int{}
	for _, op := range suiteOperations(suiteArchive()) {
		require.Equal(t, string(hacarus.ClassOf(op.id)), string(op.class), op.id)
		counts[op.class]++
		require.NoError(t, op.call(t.Context(), c), op.id)
		require.Equal(t, 1, s.Executions(op.id), op.id)
		s.AddModel(hacarus.Model{ModelID: "m1"})
		s.AddItem(hacarus.Item{ItemID: "a"}, suitePNG)
	}
	require.Equal(t, map[byte]int{'A': 1, 'R': 12, 'O': 3, 'D': 2, 'N': 6}, counts)
}
