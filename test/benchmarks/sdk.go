package main

import (
	"context"
	"crypto/x509"
	"io"
	"sync/atomic"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/work"
)

// sdkClient is the SDK as a program uses it: its login, retries, transport and
// an observer.
type sdkClient struct {
	*hacarus.Client
	target   work.Target
	requests *atomic.Int64
}

func newSDK(baseURL string, t work.Target) (work.Client, error) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(t.CA)
	requests := &atomic.Int64{}
	client, err := hacarus.New(baseURL, hacarus.WithCredentials(t.ID, t.Secret), hacarus.WithRootCAs(pool),
		hacarus.WithObserver(func(context.Context, hacarus.Attempt) { requests.Add(1) }))
	if err != nil {
		return nil, err
	}
	return &sdkClient{client, t, requests}, nil
}

func (c *sdkClient) GetModel(ctx context.Context) error {
	_, err := c.Client.GetModel(ctx, c.target.ModelID)
	return err
}

func (c *sdkClient) ListItems(ctx context.Context, count int) (any, int, error) {
	page, err := c.Client.ListItems(ctx, hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, Count: count, Page: 1})
	if err != nil {
		return nil, 0, err
	}
	return page, len(page.Items), nil
}

func (c *sdkClient) AllItems(ctx context.Context) (int, error) {
	items := 0
	for item, err := range c.Client.AllItems(ctx, hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, Count: work.PageItems}) {
		if err != nil {
			return 0, err
		}
		if item.ItemID != "" {
			items++
		}
	}
	return items, nil
}

func (c *sdkClient) AddItems(ctx context.Context, files []work.File) error {
	req := hacarus.AddItemsRequest{Files: make([]hacarus.File, len(files))}
	for i, f := range files {
		req.Files[i] = hacarus.File{Name: f.Name, Size: f.Size, Open: func() (io.ReadCloser, error) { return io.NopCloser(f.Open()), nil }}
	}
	_, err := c.Client.AddItems(ctx, req)
	return err
}

func (c *sdkClient) Export(ctx context.Context, w io.Writer) (int64, error) {
	download, err := c.ExportModels(ctx, c.target.ModelID)
	if err != nil {
		return 0, err
	}
	defer download.Close()
	return download.WriteTo(w)
}

func (c *sdkClient) Save(ctx context.Context, path string) error {
	download, err := c.ExportModels(ctx, c.target.ModelID)
	if err != nil {
		return err
	}
	return download.SaveFile(path)
}
