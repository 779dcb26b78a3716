package hacarustest_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// isGood is a function of your program that you want to test.
func isGood(ctx context.Context, client *hacarus.Client, id string) (bool, error) {
	item, err := client.GetItem(ctx, id, &hacarus.GetItemOptions{ShowAssessments: new(true)})
	if err != nil {
		return false, err
	}
	return item.Verdict("") == hacarus.VerdictOK, nil
}

// A test of a program begins with what the service is to have.
func ExampleNewServer() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{
		ItemID:      "plate-0003",
		Assessments: []hacarus.Assessment{{ModelID: "plates", Label: hacarus.LabelOK}},
	})

	fmt.Println(isGood(context.Background(), server.Client(), "plate-0003"))
	// Output: true <nil>
}

// Things go wrong with the next requests of an operation, one by one.
func ExampleServer_Inject() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "plate-0003", Assessments: []hacarus.Assessment{{Label: hacarus.LabelOK}}})
	server.Inject("getItemById",
		hacarustest.Status(http.StatusServiceUnavailable, nil, "{}"),
		hacarustest.Garbage(),
		hacarustest.Truncated(20),
	)
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond}))

	fmt.Println(isGood(context.Background(), client, "plate-0003"))
	fmt.Println("requests:", len(server.Calls("getItemById")))
	// Output:
	// true <nil>
	// requests: 4
}

// A service that is busy more often than the program has patience.
func ExampleRepeat() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("getItemById", hacarustest.Repeat(3, hacarustest.Status(http.StatusTooManyRequests, nil, "{}"))...)
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 3, MinWait: time.Millisecond}))

	_, err := isGood(context.Background(), client, "plate-0003")
	fmt.Println(errors.Is(err, hacarus.ErrRateLimited))
	// Output: true
}

// The ledger tells what the service has done, whether or not its answer arrived.
func ExampleServer_Executions() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	server.Inject("predictItems",
		hacarustest.Reset().Before(), // the connection breaks, and nothing was done
		hacarustest.Reset(),          // it breaks when all was done
	)
	client := server.Client()

	for range 2 {
		_, err := client.PredictItems(context.Background(), "plates", "plate-0003")
		fmt.Println(errors.Is(err, hacarus.ErrOutcomeUnknown), server.Executions("predictItems"))
	}
	// Output:
	// true 0
	// true 1
}

// What a program has asked for.
func ExampleServer_Calls() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	_, _ = client.ListItems(context.Background(), hacarus.ListItemsOptions{Type: hacarus.ItemTypeTraining, Count: 50})
	for _, call := range server.Calls("getItemsByType") {
		fmt.Println(call.Method, call.Path, call.Query.Encode(), call.StatusCode)
	}
	// Output: GET /api/v1/items/ count=50&item_type=training 200
}

// Time passes when a test says so.
func ExampleServer_Advance() {
	server := hacarustest.NewServer(hacarustest.WithTrainingTime(3 * time.Hour))
	defer server.Close()
	client := server.Client()
	ctx := context.Background()
	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{
		Files:    []hacarus.File{hacarus.FileFromPath("../testdata/plates/train/T-001.jpg")},
		Training: true,
		Good:     new(true),
	})
	if err != nil {
		log.Fatal(err)
	}
	model, err := client.Train(ctx, "PM", hacarus.TrainRequest{ItemIDs: ids})
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(model.Status)
	server.Advance(3 * time.Hour)
	model, err = client.WaitForModel(ctx, model.ModelID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Status)
	// Output:
	// creating
	// active
}

// Tokens that end while a program runs: the client gets new ones by itself.
func ExampleServer_RevokeTokens() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	for range 2 {
		if _, err := client.GetHashID(context.Background()); err != nil {
			log.Fatal(err)
		}
		server.RevokeTokens()
	}
	fmt.Println("logins:", server.Executions("login"))
	// Output: logins: 2
}

// Without a port: what sends requests reaches this server, and nothing else.
func ExampleServer_Transport() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithHTTPClient(&http.Client{Transport: server.Transport()}))

	_, err := client.GetHashID(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

// brightness calls dark images NG.
type brightness struct{}

func (brightness) Train([]image.Image, hacarustest.Parameters) (hacarustest.Judge, error) {
	return brightness{}, nil
}

func (brightness) Inspect(img image.Image, p hacarustest.Parameters) (hacarustest.Finding, error) {
	r, g, b, _ := img.At(img.Bounds().Min.X, img.Bounds().Min.Y).RGBA()
	score := 1 - float64(r+g+b)/(3*0xffff)
	return hacarustest.Finding{NG: score > p.Float("threshold", 0.9), Score: score}, nil
}

// Verdicts by rules of your own, where a test needs certain ones.
func ExampleWithInspector() {
	server := hacarustest.NewServer(hacarustest.WithInspector(brightness{}))
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	client := server.Client()

	for result, err := range client.Inspect(context.Background(), hacarus.InspectRequest{
		ModelID: "plates",
		Files:   []hacarus.File{hacarus.FileFromPath("../testdata/plates/inspect/OK-01.jpg")},
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Verdict)
	}
	// Output: OK
}

// A callback that comes twice, and another that never comes.
func ExampleRepeatedCallback() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	server.Inject(hacarustest.Callback, hacarustest.RepeatedCallback(1), hacarustest.MissedCallback())
	client := server.Client()
	ctx := context.Background()
	called := make(chan string)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			log.Print(err)
		}
		called <- fmt.Sprint(r.Method, " ", len(body) > 0)
	}))
	defer receiver.Close()

	_, err := client.SetPredictCallback(ctx, "plates", hacarus.PredictCallback{URL: receiver.URL, Method: hacarus.CallbackPost})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		if _, err := client.PredictItems(ctx, "plates", "plate-0003"); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(<-called)
	fmt.Println(<-called)
	// Output:
	// POST true
	// POST true
}
