package raw

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/work"
)

// client is the baseline: net/http and encoding/json by hand, as fast as
// they are when nothing may go wrong.
type client struct {
	http   *http.Client
	base   string
	target work.Target
	login  sync.Once
	token  string
	err    error // of the login
}

// New returns the baseline.
func New(baseURL string, t work.Target) (work.Client, error) {
	return &client{http: &http.Client{Transport: NewTransport(t.CA)}, base: baseURL, target: t}, nil
}

// NewTransport has the settings of the SDK's own transport.
func NewTransport(ca []byte) *http.Transport {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  60 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    256,
		MaxResponseHeaderBytes: 1 << 20,
		IdleConnTimeout:        1500 * time.Millisecond,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		ReadBufferSize:         16 << 10,
		WriteBufferSize:        16 << 10,
	}
}

// send sends a request with the token, and returns a response of status 2xx.
func (c *client) send(ctx context.Context, method, path, contentType string, length int64, body io.Reader) (*http.Response, error) {
	c.login.Do(func() { c.token, c.err = c.exchange(ctx) })
	if c.err != nil {
		return nil, c.err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = length
	req.Header.Set("Authorization", "Bearer "+c.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return c.do(req)
}

func (c *client) do(req *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode > 299 {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, answer.Status)
	}
	return answer, nil
}

func (c *client) exchange(ctx context.Context) (string, error) {
	body, err := json.Marshal(map[string]string{
		"client_id": c.target.ID, "client_secret": c.target.Secret, "grant_type": "client_credentials",
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/auth/token", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.do(req)
	if err != nil {
		return "", err
	}
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	return granted.AccessToken, decode(answer, &granted)
}

// decode reads a JSON response to its end, so that its connection is used
// again.
func decode(answer *http.Response, v any) error {
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(v); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, answer.Body)
	return err
}

// get decodes the data of a response.
func get[T any](ctx context.Context, c *client, path string) (*T, error) {
	answer, err := c.send(ctx, http.MethodGet, path, "", 0, nil)
	if err != nil {
		return nil, err
	}
	var envelope struct {
		Data T `json:"data"`
	}
	return &envelope.Data, decode(answer, &envelope)
}

func (c *client) GetModel(ctx context.Context) error {
	_, err := get[Model](ctx, c, "/api/v1/models/"+url.PathEscape(c.target.ModelID))
	return err
}

func (c *client) ListItems(ctx context.Context, count int) (any, int, error) {
	page, err := c.page(ctx, 1, count)
	if err != nil {
		return nil, 0, err
	}
	return page, len(page.Items), nil
}

func (c *client) page(ctx context.Context, number, count int) (*ItemsPage, error) {
	query := url.Values{"item_type": {"prediction"}, "count": {strconv.Itoa(count)}, "page": {strconv.Itoa(number)}}
	return get[ItemsPage](ctx, c, "/api/v1/items/?"+query.Encode())
}

func (c *client) AllItems(ctx context.Context) (int, error) {
	items := 0
	for number := 1; ; number++ {
		page, err := c.page(ctx, number, work.PageItems)
		if err != nil {
			return 0, err
		}
		for i := range page.Items {
			if page.Items[i].ItemID != "" {
				items++
			}
		}
		if number >= page.EndPage {
			return items, nil
		}
	}
}

func (c *client) AddItems(ctx context.Context, files []work.File) error {
	var heads bytes.Buffer
	form := multipart.NewWriter(&heads)
	if err := form.WriteField("training", "false"); err != nil {
		return err
	}
	var parts []io.Reader
	var length int64
	for _, file := range files {
		if _, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {multipart.FileContentDisposition("files", file.Name)},
			"Content-Type":        {"image/png"},
		}); err != nil {
			return err
		}
		parts = append(parts, bytes.NewReader(bytes.Clone(heads.Bytes())), file.Open())
		length += int64(heads.Len()) + file.Size
		heads.Reset()
	}
	if err := form.Close(); err != nil {
		return err
	}
	length += int64(heads.Len())
	answer, err := c.send(ctx, http.MethodPost, "/api/v1/items/", form.FormDataContentType(), length, io.MultiReader(append(parts, &heads)...))
	if err != nil {
		return err
	}
	var added struct {
		Data struct {
			ItemIDs []string `json:"item_ids"`
		} `json:"data"`
	}
	return decode(answer, &added)
}

func (c *client) Export(ctx context.Context, w io.Writer) (int64, error) {
	body := `{"model_ids":["` + c.target.ModelID + `"]}`
	answer, err := c.send(ctx, http.MethodPost, "/api/v1/models/export", "application/json", int64(len(body)), bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	return io.Copy(w, answer.Body)
}

// Save does what the SDK's does: the file is on the disk before it has its name.
func (c *client) Save(ctx context.Context, path string) error {
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
