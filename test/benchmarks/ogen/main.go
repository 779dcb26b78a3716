//go:build ogen

// Command ogen does the work with a client that ogen generated from the
// contract. The rest of it is generated when the benchmarks run: see generate.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	_ "github.com/go-faster/errors" // which the generated files import: go.mod is the same with them
	ht "github.com/ogen-go/ogen/http"

	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/raw"
	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/work"
)

func main() {
	if err := work.Run(context.Background(), os.Args[1], newOgen, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ogen:", err)
		os.Exit(1)
	}
}

type ogenClient struct {
	*Client
	target work.Target
}

func newOgen(baseURL string, t work.Target) (work.Client, error) {
	hc := WithClient(&http.Client{Transport: raw.NewTransport(t.CA)})
	source := &tokens{target: t}
	client, err := NewClient(baseURL, source, hc)
	source.client = client
	return &ogenClient{client, t}, err
}

// tokens logs in when there is no token. That is all that a generated client
// gets by itself: calls that begin at once all log in.
type tokens struct {
	client *Client
	target work.Target
	mu     sync.Mutex
	token  string
}

func (s *tokens) OAuth2(ctx context.Context, _ OperationName) (OAuth2, error) {
	s.mu.Lock()
	token := s.token
	s.mu.Unlock()
	if token != "" {
		return OAuth2{Token: token}, nil
	}
	answer, err := s.client.Login(ctx, &LoginParams{ClientID: s.target.ID, ClientSecret: s.target.Secret, GrantType: "client_credentials"})
	if err != nil {
		return OAuth2{}, err
	}
	granted, ok := answer.(*LoginResponse)
	if !ok {
		return OAuth2{}, errors.New("the login was refused")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = granted.AccessToken
	return OAuth2{Token: granted.AccessToken}, nil
}

func (c *ogenClient) GetModel(ctx context.Context) error {
	answer, err := c.GetModelById(ctx, GetModelByIdParams{ModelID: c.target.ModelID})
	_, err = as[*HModelWrapper](answer, err)
	return err
}

// as returns the successful response among an operation's responses.
func as[T any](answer any, err error) (T, error) {
	success, ok := answer.(T)
	if err == nil && !ok {
		err = fmt.Errorf("the answer is a %T", answer)
	}
	return success, err
}

func (c *ogenClient) ListItems(ctx context.Context, count int) (any, int, error) {
	page, err := c.page(ctx, 1, count)
	return page, len(page.Items), err
}

func (c *ogenClient) page(ctx context.Context, number, count int) (GetItemsResponse, error) {
	answer, err := c.GetItemsByType(ctx, GetItemsByTypeParams{
		Count: NewOptInt32(int32(count)), Page: NewOptInt32(int32(number)), ItemType: "prediction",
	})
	page, err := as[*GetItemsResponseWrapper](answer, err)
	if err != nil {
		return GetItemsResponse{}, err
	}
	return page.Data.Value, nil
}

func (c *ogenClient) AllItems(ctx context.Context) (int, error) {
	items := 0
	for number := 1; ; number++ {
		page, err := c.page(ctx, number, work.PageItems)
		if err != nil {
			return 0, err
		}
		for i := range page.Items {
			if page.Items[i].ItemID.Value != "" {
				items++
			}
		}
		if number >= int(page.EndPage.Value) {
			return items, nil
		}
	}
}

func (c *ogenClient) AddItems(ctx context.Context, files []work.File) error {
	form := &AddItemRequestMultipart{}
	for _, f := range files {
		form.Files = append(form.Files, ht.MultipartFile{Name: f.Name, File: f.Open(), Size: f.Size})
	}
	answer, err := c.AddItem(ctx, form)
	_, err = as[*AddItemResponseWrapper](answer, err)
	return err
}

func (c *ogenClient) Export(ctx context.Context, w io.Writer) (int64, error) {
	answer, err := c.ExportModelsWithId(ctx, &ModelIdsQuery{ModelIds: []string{c.target.ModelID}})
	archive, err := as[*ExportModelsWithIdOK](answer, err)
	if err != nil {
		return 0, err
	}
	return io.Copy(w, archive.Data)
}

func (c *ogenClient) Save(ctx context.Context, path string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := c.Export(ctx, file); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
