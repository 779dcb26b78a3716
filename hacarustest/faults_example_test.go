package hacarustest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// A slow response is as good as a fast one.
func ExampleDelay() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("getModels", hacarustest.Delay(5*time.Millisecond))
	client := server.Client()

	begun := time.Now()
	_, err := client.ListModels(context.Background(), nil)
	fmt.Println(err, time.Since(begun) >= 5*time.Millisecond)
	// Output: <nil> true
}

// A gateway times out while the service goes on. The parameters are set once
// more, which does no harm.
func ExampleFault_Delayed() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	timeout := hacarustest.Status(http.StatusGatewayTimeout, nil, "{}")
	server.Inject("setModelPredictParameters", timeout.After().Delayed(5*time.Millisecond))
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond}))

	set, err := client.SetPredictParameters(context.Background(), "plates", hacarus.PredictParameters{Threshold: new(0.25)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*set.Threshold, server.Executions("setModelPredictParameters"))
	// Output: 0.25 2
}

// A gateway's error does not tell whether the service has acted, as it has with
// After. An annotation is not sent again.
func ExampleFault_After() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "plate-0004"})
	gateway := hacarustest.Status(http.StatusBadGateway, nil, "{}")
	server.Inject("annotate", gateway, gateway.After())
	client := server.Client()

	for range 2 {
		err := client.AnnotateItem(context.Background(), "plate-0004", hacarus.RequestAnnotation{Notes: "a scratch"})
		fmt.Println(errors.Is(err, hacarus.ErrOutcomeUnknown), server.Executions("annotate"))
	}
	// Output:
	// true 0
	// true 1
}

// The connection closes before the service has acted. A deletion is asked for
// again, and is done then.
func ExampleFault_Before() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	server.Inject("delItem", hacarustest.CloseConnection().Before())
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond}))

	err := client.DeleteItems(context.Background(), "plate-0003")
	fmt.Println(err)
	for _, call := range server.Calls("delItem") {
		fmt.Println("executed:", call.Executed)
	}
	// Output:
	// <nil>
	// executed: false
	// executed: true
}

// The connection closes when the model is deleted. Asked again, the service has
// no such model, and the error says that this may be the call's own doing.
func ExampleCloseConnection() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.Inject("deleteModels", hacarustest.CloseConnection())
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond}))

	_, err := client.DeleteModels(context.Background(), "plates")
	fmt.Println(errors.Is(err, hacarus.ErrNotFound), errors.Is(err, hacarus.ErrOutcomeUnknown))
	for _, call := range server.Calls("deleteModels") {
		fmt.Println("executed:", call.Executed)
	}
	// Output:
	// true true
	// executed: true
	// executed: false
}

// All tokens end with this request. The client logs in, and sends it again,
// since the service did nothing without a token.
func ExampleRevokedToken() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	server.Inject("predictItems", hacarustest.RevokedToken())
	client := server.Client()

	_, err := client.PredictItems(context.Background(), "plates", "plate-0003")
	fmt.Println(err)
	for _, call := range server.Calls("") {
		fmt.Println(call.Operation, call.StatusCode)
	}
	// Output:
	// <nil>
	// login 200
	// predictItems 401
	// login 200
	// predictItems 200
}

// The service has acted, and the response is lost. Setting a target twice is
// the same as setting it once, so the client sends the request again.
func ExampleResetConnection() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddTarget(hacarus.InspectionTarget{TargetID: 7, Name: "gear wheels"})
	server.Inject("setInspectionTargetById", hacarustest.ResetConnection())
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond}))

	target, err := client.SetDefaultInspectionTarget(context.Background(), 7)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(target.Name, server.Executions("setInspectionTargetById"))
	// Output: gear wheels 2
}

// The connection breaks in the middle of an upload. The client cannot know how
// much has arrived, so a program looks for the items before it uploads again.
func ExampleResetInBody() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("addItem", hacarustest.ResetInBody(2000))
	client := server.Client()
	ctx := context.Background()

	_, err := client.AddItems(ctx, hacarus.AddItemsRequest{
		Files: []hacarus.File{hacarus.FileFromPath("../testdata/plates/inspect/OK-01.jpg")},
	})
	var lost *hacarus.RequestError
	if errors.Is(err, hacarus.ErrOutcomeUnknown) && errors.As(err, &lost) {
		_, err = client.GetItem(ctx, lost.ItemIDs[0], nil)
		fmt.Println(lost.ItemIDs[0], "is missing:", errors.Is(err, hacarus.ErrNotFound))
	}
	// Output: OK-01 is missing: true
}

// A response of your own, byte by byte: that of an old proxy, which ends with
// the connection.
func ExampleRaw() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("getHashId", hacarustest.Raw([]byte("HTTP/1.0 200 OK\r\n\r\n"+`{"data":{"hash_id":"6dfa37ec"}}`)))
	client := server.Client()

	fmt.Println(client.GetHashID(context.Background()))
	// Output: 6dfa37ec <nil>
}

// The response to a training cannot be read, and the training is not started a
// second time. The list of models shows whether there was a first.
func ExampleGarbage() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("train", hacarustest.Garbage())
	client := server.Client()
	ctx := context.Background()

	_, err := client.Train(ctx, "PM", hacarus.TrainRequest{Name: "plates of line 7"})
	fmt.Println(errors.Is(err, hacarus.ErrOutcomeUnknown))
	models, err := client.ListModels(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, model := range models {
		fmt.Println(model.Name)
	}
	// Output:
	// true
	// plates of line 7
}

// The service wants to be left alone for longer than the client waits. The
// program learns at once for how long.
func ExampleStatus() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("train", hacarustest.Status(http.StatusTooManyRequests, http.Header{"Retry-After": {"3600"}}, "{}"))
	client := server.Client()

	_, err := client.Train(context.Background(), "PM", hacarus.TrainRequest{})
	var answer *hacarus.BaseError
	if errors.As(err, &answer) {
		fmt.Println(answer.StatusCode, answer.RetryAfter, answer.Outcome)
	}
	// Output: 429 1h0m0s not executed
}

// A fault of one's own: the service counts its training images wrongly.
func ExampleFunc() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("train", hacarustest.Func(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
		response := httptest.NewRecorder()
		service.ServeHTTP(response, r)
		wrong := bytes.ReplaceAll(response.Body.Bytes(), []byte(`"ok_img_count":0`), []byte(`"ok_img_count":-1`))
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(wrong); err != nil {
			log.Print(err)
		}
	}))
	client := server.Client()

	model, err := client.Train(context.Background(), "PM", hacarus.TrainRequest{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.OKImgCount, server.Executions("train"))
	// Output: -1 1
}

// A proxy demands a login of its own. Its page is not a response of the service
// and says nothing about the license.
func ExampleHTML() {
	server := hacarustest.NewServer(hacarustest.WithoutLicense())
	defer server.Close()
	server.Inject("setLicense", hacarustest.HTML(http.StatusForbidden))
	client := server.Client()

	_, err := client.SetLicense(context.Background(), hacarus.FileFromBytes("license", []byte("the content of the file")))
	fmt.Println(err)
	fmt.Println(errors.Is(err, hacarus.ErrForbidden), errors.Is(err, hacarus.ErrLicense))
	// Output:
	// hacarus: SetLicense (setLicense): 403: Forbidden
	// true false
}

// A proxy refuses an upload by its length, and reads nothing of it.
func ExampleEarlyReply() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("addItem", hacarustest.EarlyReply(http.StatusRequestEntityTooLarge))
	client := server.Client()

	_, err := client.AddItems(context.Background(), hacarus.AddItemsRequest{
		Files: []hacarus.File{hacarus.FileFromBytes("frame-000001.jpg", []byte("the content of the file"))},
	})
	fmt.Println(errors.Is(err, hacarus.ErrTooLarge), server.Executions("addItem"))
	// Output: true 0
}

// The service says that it has begun, and not what. It is not asked to begin
// again.
func ExampleTruncated() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	server.Inject("predictItems", hacarustest.Truncated(10))
	client := server.Client()

	_, err := client.PredictItems(context.Background(), "plates", "plate-0003")
	var lost *hacarus.RequestError
	if errors.As(err, &lost) {
		fmt.Println(errors.Is(err, hacarus.ErrDecode), lost.Outcome, lost.Attempts)
	}
	// Output: true executed 1
}

// A download of unknown length breaks off. Its end is an error all the same.
func ExampleTruncatedChunks() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.Inject("exportModelsWithId", hacarustest.TruncatedChunks(100))
	client := server.Client()

	archive, err := client.ExportModels(context.Background(), "plates")
	if err != nil {
		log.Fatal(err)
	}
	defer archive.Close()
	n, err := archive.WriteTo(io.Discard)
	fmt.Println(archive.Size, n, errors.Is(err, io.ErrUnexpectedEOF))
	// Output: -1 100 true
}

// No response comes. A program that has other things to do gives its calls a
// deadline.
func ExampleStall() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("getAlgorithms", hacarustest.Stall())
	client := server.Client()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()

	_, err := client.ListAlgorithms(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}

// A download comes to a halt. The context of the call ends the reading, too.
func ExampleStallInBody() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.Inject("getModelResults", hacarustest.StallInBody(7))
	client := server.Client()
	ctx, giveUp := context.WithCancel(context.Background())
	defer giveUp()

	table, err := client.GetModelResults(ctx, "plates")
	if err != nil {
		log.Fatal(err)
	}
	defer table.Close()
	begin := make([]byte, 7)
	if _, err := io.ReadFull(table, begin); err != nil {
		log.Fatal(err)
	}
	giveUp()
	_, err = io.ReadAll(table)
	fmt.Println(string(begin), errors.Is(err, context.Canceled))
	// Output: item_id true
}

// A download is not unpacked on its way. One that comes packed all the same is
// refused at once, before it fills a disk.
func ExampleGzipBomb() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.Inject("getLogs", hacarustest.GzipBomb(1<<40))
	client := server.Client()

	_, err := client.GetLogs(context.Background())
	fmt.Println(errors.Is(err, hacarus.ErrDecode), len(server.Calls("getLogs")))
	// Output: true 1
}

// The callback of a prediction never comes. A wait finds the verdict by
// polling.
func ExampleMissedCallback() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates"})
	server.AddItem(hacarus.Item{ItemID: "plate-0003"})
	server.Inject(hacarustest.Callback, hacarustest.MissedCallback())
	client := server.Client()
	ctx := context.Background()

	callback := hacarus.PredictCallback{URL: "https://line7.example.com/hacarus/kq7zv2m4x6t5w3yr", Method: hacarus.CallbackPost}
	if _, err := client.SetPredictCallback(ctx, "plates", callback); err != nil {
		log.Fatal(err)
	}
	if _, err := client.PredictItems(ctx, "plates", "plate-0003"); err != nil {
		log.Fatal(err)
	}
	for item, err := range client.WaitForItems(ctx, "plates", []string{"plate-0003"},
		hacarus.WithCallbacks(hacarus.NewCallbacks()), hacarus.WithPollInterval(time.Millisecond, time.Millisecond)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.Verdict("plates"))
	}
	// Output: OK
}
