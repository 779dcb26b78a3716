package hacarus_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// A program is told of every verdict. The URL holds a secret, and what arrives
// there is confirmed by the service before the function sees it.
func ExampleCallbackHandler() {
	service := hacarustest.NewServer()
	defer service.Close()
	service.AddModel(hacarus.Model{ModelID: "plates"})
	service.AddItem(hacarus.Item{ItemID: "plate-0042"})
	client := service.Client()
	ctx := context.Background()

	token := rand.Text()
	told := make(chan hacarus.Item)
	handler := hacarus.CallbackHandler(func(_ context.Context, items []hacarus.Item) error {
		for _, item := range items {
			told <- item
		}
		return nil
	}, hacarus.WithCallbackToken(token), hacarus.WithCallbackClient(client))
	defer handler.(io.Closer).Close() // waits for what is queued
	receiver := httptest.NewServer(handler)
	defer receiver.Close()

	_, err := client.SetPredictCallback(ctx, "plates", hacarus.PredictCallback{
		URL:    receiver.URL + "/" + token,
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
	handler := hacarus.CallbackHandler(hub.Received)
	defer handler.(io.Closer).Close()
	receiver := httptest.NewServer(handler)
	defer receiver.Close()
	_, err := client.SetPredictCallback(ctx, "plates", hacarus.PredictCallback{URL: receiver.URL, Method: hacarus.CallbackPost})
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
