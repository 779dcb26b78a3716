package hacarus_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// A program is told of every verdict. The URL holds a secret, and what arrives
// there is confirmed by the service before the function sees it.
func ExampleNewCallbackReceiver() {
	service := hacarustest.NewServer()
	defer service.Close()
	service.AddModel(hacarus.Model{ModelID: "plates"})
	service.AddItem(hacarus.Item{ItemID: "plate-0042"})
	client := service.Client()
	ctx := context.Background()

	token := rand.Text()
	told := make(chan hacarus.Item)
	receiver, err := hacarus.NewCallbackReceiver(func(_ context.Context, items []hacarus.Item) error {
		for _, item := range items {
			told <- item
		}
		return nil
	}, hacarus.WithCallbackToken(token), hacarus.WithCallbackClient(client))
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := receiver.Close(); err != nil { // it waits for what is queued
			log.Print(err)
		}
	}()
	server := httptest.NewServer(receiver)
	defer server.Close()

	_, err = client.SetPredictCallback(ctx, "plates", hacarus.PredictCallback{
		URL:    server.URL + "/" + token,
		Method: hacarus.CallbackPost,
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.PredictItems(ctx, "plates", "plate-0042"); err != nil {
		log.Fatal(err)
	}
	item := <-told
	fmt.Println(item.ItemID, item.Verdict("plates"))
	// Output: plate-0042 OK
}

// A handler of your own reads a callback, and takes from it only what to ask for.
func ExampleParseCallback() {
	handler := func(w http.ResponseWriter, r *http.Request) {
		items, err := hacarus.ParseCallback(r)
		if err != nil {
			http.Error(w, "no callback", http.StatusBadRequest)
			return
		}
		for _, item := range items {
			fmt.Println("look at", item.ItemID)
		}
	}
	body := strings.NewReader(`{"data":{"items":[{"item_id":"plate-0042"},{"item_id":"plate-0043"}]}}`)
	handler(httptest.NewRecorder(), httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/done", body))
	// Output:
	// look at plate-0042
	// look at plate-0043
}

// A wait that is woken by callbacks, and polls once an hour in case that one is lost.
func ExampleWithCallbacks() {
	service := hacarustest.NewServer()
	defer service.Close()
	service.AddModel(hacarus.Model{ModelID: "plates"})
	service.AddItem(hacarus.Item{ItemID: "plate-0042"})
	client := service.Client()
	ctx := context.Background()

	hub := hacarus.NewCallbacks()
	receiver, err := hacarus.NewCallbackReceiver(hub.Received)
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := receiver.Close(); err != nil {
			log.Print(err)
		}
	}()
	server := httptest.NewServer(receiver)
	defer server.Close()
	_, err = client.SetPredictCallback(ctx, "plates", hacarus.PredictCallback{URL: server.URL, Method: hacarus.CallbackPost})
	if err != nil {
		log.Fatal(err)
	}

	if _, err := client.PredictItems(ctx, "plates", "plate-0042"); err != nil {
		log.Fatal(err)
	}
	for item, err := range client.WaitForItems(ctx, "plates", []string{"plate-0042"},
		hacarus.WithCallbacks(hub), hacarus.WithPollInterval(time.Hour, time.Hour)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.ItemID, item.Verdict("plates"))
	}
	// Output: plate-0042 OK
}

// report does what the service does: it reports an item at a URL.
func report(handler http.Handler, path, item string) int {
	body := strings.NewReader(`{"items":[{"item_id":"` + item + `","assessments":[{"model_id":"plates","label":"OK"}]}]}`)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, body))
	return answer.Code
}

// Who does not know the secret at the end of the URL is not listened to.
func ExampleWithCallbackToken() {
	receiver, err := hacarus.NewCallbackReceiver(func(_ context.Context, items []hacarus.Item) error {
		fmt.Println("look at", items[0].ItemID)
		return nil
	}, hacarus.WithCallbackToken("kq7zv2m4x6t5w3yr")) // rather that of crypto/rand.Text
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(report(receiver, "/hacarus/guess", "plate-0042"))
	fmt.Println(report(receiver, "/hacarus/kq7zv2m4x6t5w3yr", "plate-0043"))
	_ = receiver.Close() // waits for the function
	// Unordered output:
	// 404
	// 200
	// look at plate-0043
}

// What a callback says is not believed: the service is asked, and its word counts.
func ExampleWithCallbackClient() {
	service := hacarustest.NewServer()
	defer service.Close()
	service.AddItem(hacarus.Item{ItemID: "plate-0042", Assessments: []hacarus.Assessment{{ModelID: "plates", Label: hacarus.LabelNG}}})
	receiver, err := hacarus.NewCallbackReceiver(func(_ context.Context, items []hacarus.Item) error {
		fmt.Println(items[0].ItemID, items[0].Verdict("plates"))
		return nil
	}, hacarus.WithCallbackClient(service.Client()))
	if err != nil {
		log.Fatal(err)
	}

	report(receiver, "/hacarus", "plate-0042") // it says OK
	_ = receiver.Close()
	// Output: plate-0042 NG
}

// Behind a gateway that lets nobody but the service in, a callback may be believed.
func ExampleWithTrustedPayload() {
	receiver, err := hacarus.NewCallbackReceiver(func(_ context.Context, items []hacarus.Item) error {
		fmt.Println(items[0].ItemID, items[0].Verdict("plates"))
		return nil
	}, hacarus.WithTrustedPayload())
	if err != nil {
		log.Fatal(err)
	}

	report(receiver, "/hacarus", "plate-0042")
	_ = receiver.Close()
	// Output: plate-0042 OK
}

// When more comes than the program can handle, the service is told to wait.
func ExampleWithCallbackQueue() {
	slow := make(chan struct{})
	receiver, err := hacarus.NewCallbackReceiver(func(context.Context, []hacarus.Item) error {
		<-slow
		return nil
	}, hacarus.WithCallbackQueue(2))
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(report(receiver, "/hacarus", "plate-0042"))
	fmt.Println(report(receiver, "/hacarus", "plate-0043"))
	fmt.Println(report(receiver, "/hacarus", "plate-0044"))
	close(slow)
	_ = receiver.Close()
	// Output:
	// 200
	// 200
	// 503
}

// A function that fails is called again with the same items.
func ExampleWithCallbackRetry() {
	attempts := 0
	receiver, err := hacarus.NewCallbackReceiver(func(_ context.Context, items []hacarus.Item) error {
		attempts++
		fmt.Println(items[0].ItemID, "attempt", attempts)
		if attempts < 3 {
			return errors.New("the database is away")
		}
		return nil
	}, hacarus.WithCallbackRetry(hacarus.RetryPolicy{MaxAttempts: 5, MinWait: time.Millisecond}))
	if err != nil {
		log.Fatal(err)
	}

	report(receiver, "/hacarus", "plate-0042")
	_ = receiver.Close()
	// Output:
	// plate-0042 attempt 1
	// plate-0042 attempt 2
	// plate-0042 attempt 3
}

// A program that must end soon says how long it waits for what is queued.
func ExampleWithCallbackDrain() {
	receiver, err := hacarus.NewCallbackReceiver(func(ctx context.Context, _ []hacarus.Item) error {
		<-ctx.Done() // ends when the time of Close is over
		return ctx.Err()
	}, hacarus.WithCallbackDrain(10*time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}

	report(receiver, "/hacarus", "plate-0042")
	fmt.Println(receiver.Close())
	// Output: hacarus: callback receiver: 1 items not handled after 10ms: context deadline exceeded
}

// Callbacks that are refused, and functions that fail, are logged.
func ExampleWithCallbackLogger() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	receiver, err := hacarus.NewCallbackReceiver(func(context.Context, []hacarus.Item) error { return nil },
		hacarus.WithCallbackToken("kq7zv2m4x6t5w3yr"), hacarus.WithCallbackLogger(logger))
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := receiver.Close(); err != nil {
			log.Print(err)
		}
	}()

	report(receiver, "/hacarus/guess", "plate-0042")
	// Output: level=WARN msg="hacarus: callback refused" status=404 error="wrong token"
}

// Callbacks wakes the waits that use it; a callback that arrives in another way
// is handed to it directly. It tells nothing but where to look.
func ExampleCallbacks_Received() {
	service := hacarustest.NewServer()
	defer service.Close()
	service.AddItem(hacarus.Item{ItemID: "plate-0042", Assessments: []hacarus.Assessment{{ModelID: "plates", Label: hacarus.LabelOK}}})
	client, ctx := service.Client(), context.Background()

	hub := hacarus.NewCallbacks()
	if err := hub.Received(ctx, []hacarus.Item{{ItemID: "plate-0042"}}); err != nil {
		log.Fatal(err)
	}
	for item, err := range client.WaitForItems(ctx, "plates", []string{"plate-0042"}, hacarus.WithCallbacks(hub)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.Verdict("plates"))
	}
	// Output: OK
}

// One Callbacks serves any number of waits, and any number of receivers feed it.
func ExampleNewCallbacks() {
	service := hacarustest.NewServer()
	defer service.Close()
	service.AddModel(hacarus.Model{ModelID: "plates"})
	service.AddItem(hacarus.Item{ItemID: "plate-0042"})
	client := service.Client()
	defer client.Close()
	ctx := context.Background()

	hub := hacarus.NewCallbacks()
	if _, err := client.PredictItems(ctx, "plates", "plate-0042"); err != nil {
		log.Fatal(err)
	}
	for item, err := range client.WaitForItems(ctx, "plates", []string{"plate-0042"}, hacarus.WithCallbacks(hub)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.ItemID, item.Verdict("plates")) // no callback came: polling goes on beside it
	}
	// Output: plate-0042 OK
}

// The receiver is an http.Handler for any server and any path; the last element
// of the path has to be its token.
func ExampleCallbackReceiver_ServeHTTP() {
	receiver, err := hacarus.NewCallbackReceiver(func(context.Context, []hacarus.Item) error { return nil }, hacarus.WithCallbackToken("a-secret-of-the-line"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = receiver.Close() }()
	mux := http.NewServeMux()
	mux.Handle("/hacarus/", receiver)

	for _, path := range []string{"/hacarus/a-secret-of-the-line", "/hacarus/guessed"} {
		body := strings.NewReader(`{"data":{"items":[{"item_id":"plate-0042"}]}}`)
		response := httptest.NewRecorder()
		mux.ServeHTTP(response, httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, body))
		fmt.Println(response.Code)
	}
	// Output:
	// 200
	// 404
}

// What was taken is handled before Close returns.
func ExampleCallbackReceiver_Close() {
	handled := 0
	receiver, err := hacarus.NewCallbackReceiver(func(_ context.Context, items []hacarus.Item) error {
		handled += len(items)
		return nil
	}, hacarus.WithCallbackToken("a-secret-of-the-line"), hacarus.WithCallbackDrain(time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	body := strings.NewReader(`{"data":{"items":[{"item_id":"plate-0042"},{"item_id":"plate-0043"}]}}`)
	receiver.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/a-secret-of-the-line", body))
	if err := receiver.Close(); err != nil {
		log.Fatal(err) // some were dropped
	}
	fmt.Println(handled, "items handled")
	// Output: 2 items handled
}

// A receiver in a log says nothing of its token.
func ExampleCallbackReceiver_Format() {
	receiver, err := hacarus.NewCallbackReceiver(func(context.Context, []hacarus.Item) error { return nil }, hacarus.WithCallbackToken("a-secret-of-the-line"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = receiver.Close() }()
	fmt.Printf("%+v\n", receiver)
	// Output: hacarus.CallbackReceiver
}
