package hacarus_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"log"
	"net/http"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// The text has the operation, the status and what the service said of it.
func ExampleBaseError_Error() {
	err := &hacarus.BaseError{
		Operation:  "train",
		StatusCode: http.StatusUnprocessableEntity,
		Errors: hacarus.ErrorDetails{
			Title:   "Unprocessable Entity",
			Message: []hacarus.KeyValueError{{Key: "item_ids", Errors: []string{"is required"}}},
		},
	}
	fmt.Println(err)
	// Output: hacarus: Train (train): 422: Unprocessable Entity: item_ids: is required
}

// A model that is not there any more is as good as deleted.
func ExampleBaseError_Is() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()

	_, err := client.GetModel(context.Background(), "m1")
	fmt.Println(errors.Is(err, hacarus.ErrNotFound), errors.Is(err, hacarus.ErrServer))
	// Output: true false
}

// A structured log gets the parts of an error, and never its body.
func ExampleBaseError_LogValue() {
	err := &hacarus.BaseError{
		Operation:  "getModel",
		StatusCode: http.StatusNotFound,
		Errors:     hacarus.ErrorDetails{Detail: "Model not found"},
		Attempts:   1,
		Outcome:    hacarus.OutcomeNotExecuted,
		RequestID:  "7c2f",
		Body:       []byte("not for the log"),
	}
	fmt.Println(err.LogValue()) // what slog.Error("no model", "err", err) writes of it
	// Output: [operation=getModel status=404 message=Model not found outcome=not executed attempts=1 request_id=7c2f]
}

// Where the service may have acted, the text warns of it.
func ExampleRequestError_Error() {
	err := &hacarus.RequestError{Operation: "train", Outcome: hacarus.OutcomeUnknown, Err: io.ErrUnexpectedEOF}
	fmt.Println(err)
	// Output: hacarus: Train (train): unexpected EOF (the service may have executed the call)
}

// A training whose answer was lost must not be asked for again blindly.
func ExampleRequestError_Is() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddItem(hacarus.Item{ItemID: "plate-0001"})
	server.Inject("train", hacarustest.ResetConnection())
	client := server.Client()
	defer client.Close()

	_, err := client.Train(context.Background(), "PM", hacarus.TrainRequest{Name: "plates", ItemIDs: []string{"plate-0001"}})
	fmt.Println(errors.Is(err, hacarus.ErrOutcomeUnknown))
	// Output: true
}

// A call that ended because its context did.
func ExampleRequestError_Unwrap() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()

	_, err := client.GetHashID(ctx)
	var failed *hacarus.RequestError
	fmt.Println(errors.As(err, &failed) && failed.Outcome == hacarus.OutcomeNotSent)
	fmt.Println(errors.Is(err, context.Canceled)) // finds the cause through Unwrap
	// Output:
	// true
	// true
}

// A structured log gets the parts of an error.
func ExampleRequestError_LogValue() {
	err := &hacarus.RequestError{Operation: "train", Attempts: 1, Outcome: hacarus.OutcomeUnknown, Err: io.ErrUnexpectedEOF}
	fmt.Println(err.LogValue()) // what slog.Error("no model", "err", err) writes of it
	// Output: [operation=train cause=unexpected EOF outcome=unknown attempts=1]
}

// The text says how far the model was when the wait ended.
func ExampleWaitError_Error() {
	err := &hacarus.WaitError{
		ModelID: "m1",
		Model:   &hacarus.Model{ModelID: "m1", Status: hacarus.ModelStatusCreating},
		Err:     context.DeadlineExceeded,
	}
	fmt.Println(err)
	// Output: hacarus: waiting for model m1 (creating): context deadline exceeded
}

// A wait that ran out of time can go on later.
func ExampleWaitError_Unwrap() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "m1", Status: hacarus.ModelStatusCreating})
	client := server.Client()
	defer client.Close()
	shift, cancel := context.WithCancel(context.Background())

	_, err := client.WaitForModel(shift, "m1", hacarus.WithProgress(func(hacarus.WaitProgress) { cancel() }))
	fmt.Println(errors.Is(err, context.Canceled)) // finds the cause through Unwrap
	// Output: true
}

// The text has the service's reason.
func ExampleTrainingError_Error() {
	err := &hacarus.TrainingError{Model: hacarus.Model{
		ModelID:    "m1",
		Status:     hacarus.ModelStatusFailed,
		StatusText: "Malformed parameters detected.",
	}}
	fmt.Println(err)
	// Output: hacarus: training failed: model m1 is failed: Malformed parameters detected.
}

// A training that failed will not become better by waiting.
func ExampleTrainingError_Is() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "m1", Status: hacarus.ModelStatusFailed})
	client := server.Client()
	defer client.Close()

	_, err := client.WaitForModel(context.Background(), "m1")
	fmt.Println(errors.Is(err, hacarus.ErrTrainingFailed))
	// Output: true
}

// The text names the images that do not fit.
func ExampleImageSizesError_Error() {
	err := &hacarus.ImageSizesError{
		Algorithm: hacarus.AlgorithmPatternMatching,
		Size:      image.Pt(640, 480),
		Odd:       []hacarus.ImageSize{{File: "plate-0003.jpg", Size: image.Pt(320, 240)}},
	}
	fmt.Println(err)
	// Output: hacarus: Pattern Matching needs images of one size: most have 640x480 pixels, plate-0003.jpg has 320x240
}

// Images that do not fit are an invalid argument: nothing was sent.
func ExampleImageSizesError_Is() {
	var err error = &hacarus.ImageSizesError{Algorithm: hacarus.AlgorithmPatternMatching}
	fmt.Println(errors.Is(err, hacarus.ErrInvalidArgument))
	// Output: true
}

// A client prints its service, and none of its secrets, whatever the verb.
func ExampleClient_Format() {
	client, err := hacarus.New("https://sdd-api.hacarus.com", hacarus.WithCredentials("line7", "s3cret"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Printf("%v %+v\n", client, client)
	// Output: hacarus.Client{https://sdd-api.hacarus.com} hacarus.Client{https://sdd-api.hacarus.com}
}

// Which service a client talks to.
func ExampleClient_String() {
	client, err := hacarus.New("https://sdd-api.hacarus.com/", hacarus.WithCredentials("line7", "s3cret"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client.String())
	// Output: hacarus.Client{https://sdd-api.hacarus.com}
}

// The service says which part of a request it did not like.
func ExampleErrorSource() {
	err := error(&hacarus.BaseError{StatusCode: 422, Errors: hacarus.ErrorDetails{
		Detail: "value is not a valid float",
		Source: hacarus.ErrorSource{Pointer: "/api/v1/models/plates/predict-parameters"},
	}})
	if refused, ok := errors.AsType[*hacarus.BaseError](err); ok && errors.Is(err, hacarus.ErrUnprocessable) {
		fmt.Println(refused.Errors.Source.Pointer+":", refused.Errors.Detail)
	}
	// Output: /api/v1/models/plates/predict-parameters: value is not a valid float
}

// A redirect is not followed, whoever sends it: the token goes nowhere else.
func ExampleErrRedirect() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}))
	defer client.Close()
	server.Inject("getInspectionTargets", hacarustest.Status(http.StatusFound, http.Header{"Location": {"https://login.example.com"}}, ""))

	_, err := client.ListInspectionTargets(context.Background())
	fmt.Println(errors.Is(err, hacarus.ErrRedirect))
	// Output: true
}

// A response that would not fit into memory is refused by its announced length.
func ExampleErrResponseTooLarge() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}))
	defer client.Close()
	server.Inject("getModels", hacarustest.Func(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Length", "1000000000")
		_, _ = w.Write([]byte(`{"data":[`))
	}))

	_, err := client.ListModels(context.Background(), nil)
	fmt.Println(errors.Is(err, hacarus.ErrResponseTooLarge))
	// Output: true
}

// What a program sends says which SDK it was built with.
func ExampleWithUserAgent_version() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithUserAgent("station/2.1"))
	defer client.Close()
	if _, err := client.ListInspectionTargets(context.Background()); err != nil {
		log.Fatal(err)
	}
	for _, call := range server.Calls("getInspectionTargets") {
		fmt.Println(strings.Contains(call.Header.Get("User-Agent"), hacarus.Version))
	}
	// Output: true
}
