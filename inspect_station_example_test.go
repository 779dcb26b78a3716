package hacarus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// product is what a station knows of an image beside its content. It is the
// image's tag, and the name of its file.
type product struct{ Lot, Serial string }

func (p product) path(folder string) string {
	return filepath.Join(folder, url.Values{"lot": {p.Lot}, "serial": {p.Serial}}.Encode()+".jpg")
}

func productAt(path string) product {
	q, _ := url.ParseQuery(strings.TrimSuffix(filepath.Base(path), ".jpg"))
	return product{q.Get("lot"), q.Get("serial")}
}

// station takes images as posts, and inspects them for as long as it runs. An
// image is in its folder from the post until its verdict has been told.
type station struct {
	folder string
	come   chan struct{} // something is waiting

	mu      sync.Mutex
	waiting []string        // paths of images whose inspection has not begun
	known   map[string]bool // paths of all images in the folder
}

// newStation goes on with what an earlier process has left.
func newStation(folder string) (*station, error) {
	left, err := filepath.Glob(filepath.Join(folder, "*.jpg"))
	s := &station{folder: folder, come: make(chan struct{}, 1), waiting: left, known: map[string]bool{}}
	for _, path := range left {
		s.known[path] = true
	}
	return s, err
}

// ServeHTTP takes an image. A camera that got no response may post it again.
func (s *station) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
	if err == nil {
		err = s.take(product{r.Header.Get("Lot"), r.Header.Get("Serial")}.path(s.folder), content)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// take puts an image on the disk, whole or not at all, and in the queue.
func (s *station) take(path string, content []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[path] {
		return nil
	}
	file, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		return err
	}
	s.known[path] = true
	s.queue(path)
	return nil
}

// queue lets an image be inspected.
func (s *station) queue(path string) {
	s.waiting = append(s.waiting, path)
	select {
	case s.come <- struct{}{}:
	default:
	}
}

// next takes an image out of the queue; "" is none.
func (s *station) next() (path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 {
		path, s.waiting = s.waiting[0], s.waiting[1:]
	}
	return path
}

// images are those that wait, and then those that come, until the context ends.
func (s *station) images(ctx context.Context) iter.Seq[hacarus.File] {
	return func(yield func(hacarus.File) bool) {
		for ctx.Err() == nil {
			for path := s.next(); path != ""; path = s.next() {
				file := hacarus.FileFromPath(path)
				file.Tag = productAt(path)
				if !yield(file) {
					return
				}
			}
			select {
			case <-s.come:
			case <-ctx.Done():
			}
		}
	}
}

// run inspects until something ends it, and tells what became of each image. An
// image is told of again if the process ends before it has left the folder.
func (s *station) run(ctx context.Context, client *hacarus.Client, request hacarus.InspectRequest, tell func(product, *hacarus.Inspection)) error {
	request.Source, request.Journal = s.images(ctx), filepath.Join(s.folder, "journal")
	for result, err := range client.Inspect(ctx, request) {
		if err != nil {
			return err
		}
		if errors.Is(result.Err, hacarus.ErrUnfinished) {
			continue // what ends the inspection comes next, and the image is left to the next process
		}
		if hacarus.IsTemporary(result.Err) {
			s.again(result.Tag.(product).path(s.folder))
			continue
		}
		tell(result.Tag.(product), result)
		if err := s.forget(result.Tag.(product).path(s.folder)); err != nil {
			return err
		}
	}
	return nil
}

func (s *station) again(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue(path)
}

func (s *station) forget(path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, path)
	return os.Remove(path)
}

// A station takes images as HTTP posts and inspects them for as long as it runs:
// one endless inspection, one source, one journal. What belongs to an image
// travels with it as its tag. A post is confirmed when its image is on the disk,
// so that neither an outage nor the end of the process loses it, and nothing is
// uploaded or predicted twice.
func ExampleClient_Inspect_station() {
	service := hacarustest.NewServer()
	defer service.Close()
	service.AddModel(hacarus.Model{Name: "plates"})
	client := service.Client()
	defer client.Close()
	folder, err := os.MkdirTemp("", "station")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	station, err := newStation(folder)
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(station)
	defer server.Close()

	image, err := os.ReadFile("testdata/plates/inspect/OK-01.jpg")
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := postImage(ctx, server.URL, product{"L7", "0001"}, image); err != nil {
		log.Fatal(err)
	}
	err = station.run(ctx, client, hacarus.InspectRequest{Remember: 30 * 24 * time.Hour}, func(p product, result *hacarus.Inspection) {
		if result.Err != nil {
			fmt.Println(p, "is for a person to look at:", result.Err)
			return
		}
		fmt.Println("lot", p.Lot, "serial", p.Serial, "is", result.Verdict)
		cancel() // the shift is over
	})
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// lot L7 serial 0001 is OK
	// true
}

// postImage is what the camera does.
func postImage(ctx context.Context, url string, p product, image []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(image))
	if err != nil {
		return err
	}
	request.Header.Set("Lot", p.Lot)
	request.Header.Set("Serial", p.Serial)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return errors.New(response.Status)
	}
	return nil
}
