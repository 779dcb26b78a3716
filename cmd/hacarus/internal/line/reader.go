package line

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/page"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/verdicts"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// reader is where verdicts are read from: a queue, or a line that has it.
type reader interface {
	lines(ctx context.Context, after uint64, since time.Time, once bool) iter.Seq2[verdicts.Line, error]
	position(ctx context.Context, name string) (uint64, error)
	move(ctx context.Context, name string, from, to uint64) error // the position
	stations(ctx context.Context) ([]page.Station, error)
	close()
}

// openReader opens the queue of --nats, a line that runs on --data, or else the
// queue that it has left there.
func openReader(ctx context.Context, p *program.Program, cmd *cli.Command) (reader, error) {
	data := cmd.String("data")
	if err := p.NoArguments(cmd); err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(p.Console, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if cmd.String("nats") == "" {
		if data == "" {
			return nil, p.Missing("data")
		}
		if _, err := os.Stat(data); err != nil {
			return nil, err
		}
		lock, err := lockFolder(data)
		if errors.Is(err, hacarus.ErrJournalLocked) {
			return dial(data)
		}
		if err != nil {
			return nil, err
		}
		if cmd.Name == "tail" && !cmd.Bool("once") {
			return nil, errors.Join(errors.New(p.Text("no line runs on %s; --once reads what it has left there", data)), lock.Close())
		}
		q, closeQueue, err := openQueue(ctx, p, cmd, data, log)
		if err != nil {
			return nil, errors.Join(err, lock.Close())
		}
		return &queueReader{q, func() { closeQueue(); _ = lock.Close() }}, nil
	}
	q, closeQueue, err := openQueue(ctx, p, cmd, "", log)
	if err != nil {
		return nil, err
	}
	return &queueReader{q, closeQueue}, nil
}

// queueReader reads a queue itself.
type queueReader struct {
	queue      *queue.Queue
	closeQueue func()
}

func (r *queueReader) lines(ctx context.Context, after uint64, since time.Time, once bool) iter.Seq2[verdicts.Line, error] {
	return func(yield func(verdicts.Line, error) bool) {
		if !since.IsZero() {
			before, err := verdicts.Before(ctx, r.queue, since)
			if err != nil {
				yield(verdicts.Line{}, err)
				return
			}
			after = before
		}
		read := verdicts.All
		if once {
			read = verdicts.There
		}
		read(ctx, r.queue, after)(yield)
	}
}

func (r *queueReader) position(ctx context.Context, name string) (uint64, error) {
	return r.queue.Position(ctx, readerName(name))
}

func (r *queueReader) move(ctx context.Context, name string, from, to uint64) error {
	return r.queue.MovePosition(ctx, readerName(name), from, to)
}

func (r *queueReader) stations(ctx context.Context) ([]page.Station, error) {
	return statusOf(ctx, verdicts.Feed{Queue: r.queue, Lease: 5 * time.Second})
}

func (r *queueReader) close() { r.closeQueue() }

// lineReader asks a line that runs.
type lineReader struct {
	address
	client *http.Client
}

// dial reaches the line that runs on a folder.
func dial(data string) (*lineReader, error) {
	raw, err := os.ReadFile(addressFile(data))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, language.Errorf("%s is in use by a line that does not listen yet, or not any more", data)
	}
	if err != nil {
		return nil, err
	}
	r := &lineReader{client: &http.Client{}}
	if err := json.Unmarshal(raw, &r.address); err != nil {
		return nil, err
	}
	if r.Certificate != "" {
		pem, err := os.ReadFile(r.Certificate)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		// The line is on this computer, whatever name its certificate is for.
		r.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: nameIn(pem)}}
	}
	return r, nil
}

func (r *lineReader) ask(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, r.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+r.Token)
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		if response.StatusCode == http.StatusConflict {
			return nil, queue.ErrTakenOver
		}
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return nil, language.Errorf("the line responds with %s: %s", response.Status, string(bytes.TrimSpace(text)))
	}
	return response.Body, nil
}

// lines ends with an error when the line does: whoever reads on begins behind the last
// one.
func (r *lineReader) lines(ctx context.Context, after uint64, since time.Time, once bool) iter.Seq2[verdicts.Line, error] {
	return func(yield func(verdicts.Line, error) bool) {
		query := url.Values{"after": {strconv.FormatUint(after, 10)}}
		if !since.IsZero() {
			query.Set("since", since.Format(time.RFC3339))
		}
		if once {
			query.Set("once", "")
		}
		body, err := r.ask(ctx, http.MethodGet, "/v1/verdicts?"+query.Encode(), nil)
		if err != nil {
			yield(verdicts.Line{}, err)
			return
		}
		defer body.Close()
		for lines := bufio.NewReader(body); ; {
			raw, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) && once {
				return
			}
			var line verdicts.Line
			if err == nil {
				err = json.Unmarshal(raw, &line)
			}
			if errors.Is(err, io.EOF) {
				err = language.Errorf("the line has ended")
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

func (r *lineReader) position(ctx context.Context, name string) (seq uint64, err error) {
	body, err := r.ask(ctx, http.MethodGet, "/v1/positions/"+url.PathEscape(name), nil)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return seq, json.NewDecoder(body).Decode(&seq)
}

func (r *lineReader) move(ctx context.Context, name string, from, to uint64) error {
	path := "/v1/positions/" + url.PathEscape(name) + "?from=" + strconv.FormatUint(from, 10)
	body, err := r.ask(ctx, http.MethodPut, path, strconv.AppendUint(nil, to, 10))
	if err != nil {
		return err
	}
	return body.Close()
}

func (r *lineReader) stations(ctx context.Context) (stations []page.Station, err error) {
	body, err := r.ask(ctx, http.MethodGet, "/v1/stations", nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return stations, json.NewDecoder(body).Decode(&stations)
}

func (r *lineReader) close() { r.client.CloseIdleConnections() }
